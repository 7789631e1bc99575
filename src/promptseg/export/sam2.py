"""Export layout of SAM 2 and 2.1, as they are published for ONNX Runtime (sam-cpp-macos, osam).

Encoder: ``input`` (1, 3, 1024, 1024), an image stretched to the square and normalized, to ``image_embeddings`` (1, 256, 64, 64),
``high_res_features1`` (1, 32, 256, 256) and ``high_res_features2`` (1, 64, 128, 128). Decoder: these three, N prompts of P points in
the model's pixels with labels (a box is two points, labeled 2 and 3; a point of padding is added inside), ``mask_input``
(1, 1, 256, 256), ``has_mask_input`` (1,) and ``orig_im_size`` (2,) int64, to ``masks`` (N, 4, H, W), ``iou_predictions`` (N, 4) and
``low_res_masks`` (N, 4, 256, 256). All four candidates are returned; the first is for unambiguous prompts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..masks import Size
from ..models.sam.geometry import InputGeometry, StretchToSquare
from ..models.sam.model import PADDING, PointPrompts
from .graphs import TracedGraph
from .layout import Prediction
from .sam import mask_inputs

LOGIT_LIMIT = 32.0
"""Limit to which SAM 2 clamps low-resolution logits, positive and negative."""

_FEATURES = ("image_embeddings", "high_res_features1", "high_res_features2")


class Sam2Layout:
    """`promptseg.export.layout.ExportLayout` of SAM 2 and 2.1.

    Args:
        sam: ``SAM2Base`` in float32 on the CPU, with its weights, in evaluation mode.
    """

    variant = "sam2"

    def __init__(self, sam: Any) -> None:
        self.sam = sam
        self.input_size = int(sam.image_size)
        self.grid = int(sam.sam_prompt_encoder.image_embedding_size[0])
        self.width = int(sam.sam_prompt_encoder.embed_dim)

    @property
    def encoder(self) -> TracedGraph:
        return TracedGraph(_Encoder(self.sam), {"input": torch.zeros(1, 3, self.input_size, self.input_size)}, _FEATURES)

    @property
    def decoder(self) -> TracedGraph:
        example = {
            "image_embeddings": torch.zeros(1, self.width, self.grid, self.grid),
            "high_res_features1": torch.zeros(1, self.width // 8, 4 * self.grid, 4 * self.grid),
            "high_res_features2": torch.zeros(1, self.width // 4, 2 * self.grid, 2 * self.grid),
            "point_coords": torch.zeros(2, 5, 2),
            "point_labels": torch.ones(2, 5),
            "mask_input": torch.zeros(1, 1, 4 * self.grid, 4 * self.grid),
            "has_mask_input": torch.ones(1),
            "orig_im_size": torch.tensor([1500, 2250]),
        }
        dynamic = {name: {0: "num_labels", 1: "num_points"} for name in ("point_coords", "point_labels")}
        return TracedGraph(_Decoder(self.sam), example, ["masks", "iou_predictions", "low_res_masks"], dynamic)

    def geometry(self, size: Size) -> InputGeometry:
        return StretchToSquare(size, self.input_size, 4 * self.grid)

    def inputs(self, features: Sequence[NDArray[np.float32]], prompt: PointPrompts, size: Size) -> Mapping[str, NDArray[Any]]:
        points, labels = _without_padding(prompt)
        return {
            **dict(zip(_FEATURES, features, strict=True)),
            "point_coords": points,
            "point_labels": labels.astype(np.float32),
            **mask_inputs(prompt, 4 * self.grid),
            "orig_im_size": np.array(size, np.int64),
        }

    def prediction(self, outputs: Sequence[NDArray[np.float32]], _geometry: InputGeometry) -> Prediction:
        masks, _, low_res = outputs
        return Prediction(masks[0], low_res[0])

    def descriptions(self) -> Mapping[str, Any]:
        return {}

    def encode(self, pixels: NDArray[np.float32]) -> list[Tensor]:
        with torch.no_grad():
            _, levels, _, sizes = self.sam._prepare_backbone_features(self.sam.forward_image(torch.from_numpy(pixels)))  # noqa: SLF001 - As its own predictor does.
            if self.sam.directly_add_no_mem_embed:
                levels[-1] = levels[-1] + self.sam.no_mem_embed
        return [level.permute(1, 2, 0).reshape(1, -1, *size) for level, size in zip(levels, sizes, strict=True)]

    def predict(self, features: list[Tensor], prompt: PointPrompts, geometry: InputGeometry) -> Prediction:
        points, labels = (torch.from_numpy(array) for array in _without_padding(prompt))
        masks = None if prompt.mask_logits is None else torch.from_numpy(prompt.mask_logits)[None, None]
        with torch.no_grad():
            sparse, dense = self.sam.sam_prompt_encoder(points=(points, labels), boxes=None, masks=masks)
            low_res, *_ = self.sam.sam_mask_decoder.predict_masks(
                image_embeddings=features[-1],
                image_pe=self.sam.sam_prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                repeat_image=False,
                high_res_features=features[:-1],
            )
            full = nn.functional.interpolate(low_res, geometry.size, mode="bilinear", align_corners=False)
        return Prediction(full[0].numpy(), low_res[0].clamp(-LOGIT_LIMIT, LOGIT_LIMIT).numpy())


class _Encoder(nn.Module):
    def __init__(self, sam: Any) -> None:
        super().__init__()
        self.model = sam  # The name "model" gives parameters the same names as in the published files.

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine, middle, coarse = self.model.forward_image(pixels)["backbone_fpn"]
        if self.model.directly_add_no_mem_embed:
            coarse = coarse + self.model.no_mem_embed.reshape(1, -1, 1, 1)
        return coarse, fine, middle


class Sam2PromptDecoder(nn.Module):
    """Prompt encoder and mask decoder, without branches on values.

    Args:
        sam: ``SAM2Base`` with its weights, in evaluation mode.
    """

    def __init__(self, sam: Any) -> None:
        super().__init__()
        self.model = sam

    def decode(
        self, image: Tensor, fine: Tensor, middle: Tensor, points: Tensor, labels: Tensor, mask: Tensor, has_mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (N, 4, low_res, low_res), scores (N, 4) and logits of whether there is an object (N, 1)."""
        prompts = self.model.sam_prompt_encoder
        dense = has_mask * prompts.mask_downscaling(mask)
        dense = dense + (1 - has_mask) * prompts.no_mask_embed.weight.reshape(1, -1, 1, 1)
        logits, scores, _, objects = self.model.sam_mask_decoder.predict_masks(
            image_embeddings=image,
            image_pe=prompts.get_dense_pe(),
            sparse_prompt_embeddings=self._embed(points, labels),
            dense_prompt_embeddings=dense,
            repeat_image=True,  # One image for all prompts.
            high_res_features=[fine, middle],
        )
        return logits, scores, objects

    def _embed(self, points: Tensor, labels: Tensor) -> Tensor:
        """Return the package's embedding of points, computed without branches on values. A padding point is always added last."""
        prompts = self.model.sam_prompt_encoder
        points = torch.cat([points, torch.zeros_like(points[:, :1])], dim=1)
        labels = torch.cat([labels, torch.full_like(labels[:, :1], PADDING)], dim=1)[..., None]
        embedded = prompts.pe_layer._pe_encoding((points + 0.5) / self.model.image_size)  # noqa: SLF001 - Its callers need a fixed size.
        embedded = embedded * (labels != PADDING) + prompts.not_a_point_embed.weight * (labels == PADDING)
        for label, embedding in enumerate(prompts.point_embeddings):
            embedded = embedded + embedding.weight * (labels == label)
        return embedded  # type: ignore[no-any-return]


class _Decoder(Sam2PromptDecoder):
    def forward(
        self, image: Tensor, fine: Tensor, middle: Tensor, points: Tensor, labels: Tensor, mask: Tensor, has_mask: Tensor, size: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        logits, scores, _ = self.decode(image, fine, middle, points, labels, mask, has_mask)
        height_width: Any = (size[0], size[1])  # Tensors, so that they are inputs of the graph.
        masks = nn.functional.interpolate(logits, height_width, mode="bilinear", align_corners=False)
        return masks, scores, logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT)


def _without_padding(prompt: PointPrompts) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    keep = prompt.labels[0] != PADDING
    return prompt.points[:, keep], prompt.labels[:, keep]
