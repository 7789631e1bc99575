"""Export of models of transformers, SAM, SAM 2 and EdgeTAM, in the layout of transformers.js (`promptseg.export.transformers_js`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..masks import Size
from ..models.sam.geometry import InputGeometry, ResizeLongestSide, StretchToSquare
from ..models.sam.model import BOX_TOP_LEFT, FOREGROUND, PADDING, PointPrompts
from .graphs import TracedGraph
from .layout import Prediction
from .transformers_js import (
    EMBEDDINGS,
    MAPS,
    OUTPUTS,
    decoder_graph,
    described,
    padded_unless_boxed,
    prompt_inputs,
    upsampled,
    with_corners,
)


class ModelTransformersJs:
    """`promptseg.export.layout.ExportLayout` of models of transformers for transformers.js.

    Args:
        model: ``SamModel``, ``Sam2Model`` or ``EdgeTamModel`` in float32 on the CPU, with its weights, in evaluation mode.
    """

    variant = "transformers-js"

    def __init__(self, model: Any) -> None:
        self.model = model
        self.input_size, self.grid = int(model.prompt_encoder.input_image_size), int(model.prompt_encoder.image_embedding_size[0])
        self._pyramid = hasattr(model, "no_memory_embedding")
        self._names = MAPS if self._pyramid else EMBEDDINGS

    @property
    def encoder(self) -> TracedGraph:
        example = {"pixel_values": torch.zeros(1, 3, self.input_size, self.input_size)}
        part = (_PyramidEncoder if self._pyramid else _Encoder)(self.model)
        return TracedGraph(part, example, self._names, {name: {0: "batch_size"} for name in ("pixel_values", *self._names)})

    @property
    def decoder(self) -> TracedGraph:
        width, low_res = int(self.model.prompt_encoder.no_mask_embed.weight.shape[1]), 4 * self.grid
        if not self._pyramid:
            maps = {name: torch.zeros(1, width, self.grid, self.grid) for name in EMBEDDINGS}
            return decoder_graph(_Decoder(self.model), maps, {}, OUTPUTS, low_res)
        sides = ((width // 8, 4), (width // 4, 2), (width, 1))
        maps = {name: torch.zeros(1, channels, n * self.grid, n * self.grid) for name, (channels, n) in zip(MAPS, sides, strict=True)}
        boxes = {"input_boxes": torch.zeros(1, 1, 4)}
        return decoder_graph(_PyramidDecoder(self.model), maps, boxes, (*OUTPUTS, "object_score_logits"), low_res)

    def geometry(self, size: Size) -> InputGeometry:
        return (StretchToSquare if self._pyramid else ResizeLongestSide)(size, self.input_size, 4 * self.grid)

    def inputs(self, features: Sequence[NDArray[np.float32]], prompt: PointPrompts, _size: Size) -> Mapping[str, NDArray[Any]]:
        boxes = {"input_boxes": np.zeros((1, 0, 4), np.float32)} if self._pyramid else {}
        return {**dict(zip(self._names, features, strict=True)), **prompt_inputs(prompt, 4 * self.grid), **boxes}

    def prediction(self, outputs: Sequence[NDArray[np.float32]], geometry: InputGeometry) -> Prediction:
        return upsampled(outputs[1][0, 0], geometry)

    def descriptions(self) -> Mapping[str, Any]:
        square = {"height": self.input_size, "width": self.input_size}
        if self._pyramid:
            return described(self.model.config.model_type, type(self.model).__name__, "Sam2", {"size": square})
        sized = {"size": {"longest_edge": self.input_size}, "do_pad": True, "pad_size": square}
        return described(self.model.config.model_type, type(self.model).__name__, "Sam", sized)

    def encode(self, pixels: NDArray[np.float32]) -> Any:
        with torch.no_grad():
            return self.model.get_image_embeddings(torch.from_numpy(pixels))

    def predict(self, features: Any, prompt: PointPrompts, geometry: InputGeometry) -> Prediction:
        points, labels = torch.from_numpy(prompt.points)[None], torch.from_numpy(prompt.labels)[None]
        is_point, is_box = (labels[0, 0] >= 0) & (labels[0, 0] <= FOREGROUND), labels[0, 0] >= BOX_TOP_LEFT
        with torch.no_grad():
            found = self.model(
                input_points=points[:, :, is_point] if is_point.any() else None,
                input_labels=labels[:, :, is_point] if is_point.any() else None,
                input_boxes=points[:, :, is_box].reshape(1, 1, 4) if is_box.any() else None,
                input_masks=None if prompt.mask_logits is None else torch.from_numpy(prompt.mask_logits)[None, None],
                image_embeddings=features,
                multimask_output=True,
            )
        return upsampled(found.pred_masks[0, 0].numpy(), geometry)


class _Part(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model


class _Encoder(_Part):
    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        positions = self.model.get_image_wide_positional_embeddings()
        return self.model.get_image_embeddings(pixels), positions.repeat(pixels.shape[0], 1, 1, 1)


class _PyramidEncoder(_Part):
    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model.get_image_embeddings(pixels))


class _PromptDecoder(_Part):
    """Prompt encoder and mask decoder, without branches on values."""

    def decode(
        self, points: Tensor, labels: Tensor, positions: Tensor, image: Tensor, mask: Tensor, has_mask: Tensor, **further: Any
    ) -> tuple[Any, ...]:
        """Return logits and scores of all prompts, and what else the model's decoder gives."""
        prompts = self.model.prompt_encoder
        dense = has_mask * prompts.mask_embed(mask) + (1 - has_mask) * prompts.no_mask_embed.weight.reshape(1, -1, 1, 1)
        found: tuple[Any, ...] = self.model.mask_decoder(
            image_embeddings=image,
            image_positional_embeddings=positions,
            sparse_prompt_embeddings=self._embed(points, labels),
            dense_prompt_embeddings=dense,
            multimask_output=True,
            **further,
        )
        return found

    def _embed(self, points: Tensor, labels: Tensor) -> Tensor:
        """Return the model's embedding of points, also of the corners of boxes."""
        prompts, side = self.model.prompt_encoder, self.model.prompt_encoder.input_image_size
        kinds = prompts.point_embed
        table = kinds.weight if isinstance(kinds, nn.Embedding) else torch.cat([kind.weight for kind in kinds])
        labels = labels[..., None]
        embedded = prompts.shared_embedding(points + 0.5, (side, side)) * (labels != PADDING)
        embedded = embedded + prompts.not_a_point_embed.weight * (labels == PADDING)
        for label, row in enumerate(table):
            embedded = embedded + row * (labels == label)
        return embedded  # type: ignore[no-any-return]


class _Decoder(_PromptDecoder):
    def forward(
        self, points: Tensor, labels: Tensor, image: Tensor, positions: Tensor, mask: Tensor, has_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        points, labels = padded_unless_boxed(points, labels)
        logits, scores, *_ = self.decode(points, labels, positions, image, mask, has_mask)
        return scores, logits


class _PyramidDecoder(_PromptDecoder):
    def forward(
        self,
        points: Tensor,
        labels: Tensor,
        boxes: Tensor,
        fine: Tensor,
        middle: Tensor,
        coarse: Tensor,
        mask: Tensor,
        has_mask: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        points, labels = with_corners(points, labels, boxes)
        points = torch.cat([points, torch.zeros_like(points[:, :, :1])], dim=2)
        labels = torch.cat([labels, torch.full_like(labels[:, :, :1], PADDING)], dim=2)
        positions = self.model.get_image_wide_positional_embeddings()
        logits, scores, _, objects = self.decode(points, labels, positions, coarse, mask, has_mask, high_resolution_features=[fine, middle])
        return scores, logits, objects
