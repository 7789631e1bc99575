"""Export layout of segment-anything: SAM ViT-B, ViT-L and ViT-H, MobileSAM, and other models with the same classes.

The decoder graph is that of the package, ``SamOnnxModel``, and returns one mask. The encoder graph is that of the published pairs: from
``input`` (B, 3, 1024, 1024), normalized and padded, to ``output`` (B, 256, 64, 64).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..masks import Size
from ..models.sam.geometry import InputGeometry, ResizeLongestSide
from ..models.sam.model import BOX_TOP_LEFT, FOREGROUND, PointPrompts
from .graphs import TracedGraph
from .layout import Prediction

_AMBIGUOUS_POINTS = 2
"""Number of points, padding included, up to which ``SamOnnxModel`` returns the best of three masks. For more it gives the single mask."""


class SamLayout:
    """`promptseg.export.layout.ExportLayout` of SAM and MobileSAM.

    Args:
        sam: ``Sam`` of segment-anything or mobile_sam in float32 on the CPU, with its weights, in evaluation mode.
    """

    variant = "sam"

    def __init__(self, sam: Any) -> None:
        self.sam = sam
        self.input_size = int(sam.image_encoder.img_size)
        self.grid = int(sam.prompt_encoder.image_embedding_size[0])
        self.width = int(sam.prompt_encoder.embed_dim)

    @property
    def encoder(self) -> TracedGraph:
        example = {"input": torch.zeros(1, 3, self.input_size, self.input_size)}
        return TracedGraph(self.sam.image_encoder, example, ["output"], {name: {0: "batch_size"} for name in ("input", "output")})

    @property
    def decoder(self) -> TracedGraph:
        package = type(self.sam).__module__.partition(".")[0]  # Each package has the module for its own classes.
        module = importlib.import_module(f"{package}.utils.onnx").SamOnnxModel(self.sam, return_single_mask=True)
        example = {
            "image_embeddings": torch.zeros(1, self.width, self.grid, self.grid),
            "point_coords": torch.zeros(1, 5, 2),
            "point_labels": torch.ones(1, 5),
            "mask_input": torch.zeros(1, 1, 4 * self.grid, 4 * self.grid),
            "has_mask_input": torch.ones(1),
            "orig_im_size": torch.tensor([1500.0, 2250.0]),
        }
        dynamic = {name: {1: "num_points"} for name in ("point_coords", "point_labels")}
        return TracedGraph(module, example, ["masks", "iou_predictions", "low_res_masks"], dynamic)

    def geometry(self, size: Size) -> InputGeometry:
        return ResizeLongestSide(size, self.input_size, 4 * self.grid)

    def inputs(self, features: Sequence[NDArray[np.float32]], prompt: PointPrompts, size: Size) -> Mapping[str, NDArray[Any]]:
        (embedding,) = features
        return {
            "image_embeddings": embedding,
            "point_coords": prompt.points,
            "point_labels": prompt.labels.astype(np.float32),
            **mask_inputs(prompt, 4 * self.grid),
            "orig_im_size": np.array(size, np.float32),
        }

    def prediction(self, outputs: Sequence[NDArray[np.float32]], _geometry: InputGeometry) -> Prediction:
        masks, _, low_res = outputs
        return Prediction(masks[0], low_res[0])

    def descriptions(self) -> Mapping[str, Any]:
        return {}

    def encode(self, pixels: NDArray[np.float32]) -> Tensor:
        with torch.no_grad():
            features: Tensor = self.sam.image_encoder(torch.from_numpy(pixels))
        return features

    def predict(self, features: Tensor, prompt: PointPrompts, geometry: InputGeometry) -> Prediction:
        low_res, scores = self.decoded(features, prompt, several=prompt.points.shape[1] <= _AMBIGUOUS_POINTS)
        low_res = low_res[:, scores[0].argmax()][:, None]
        masks = self.sam.postprocess_masks(low_res, geometry.content_size, geometry.size)
        return Prediction(masks[0].numpy(), low_res[0].numpy())

    def decoded(self, features: Tensor, prompt: PointPrompts, *, several: bool) -> tuple[Tensor, Tensor]:
        """Return logits (1, C, low_res, low_res) and scores (1, C) of a prompt: three candidates if it means several objects, or one."""
        points, labels = torch.from_numpy(prompt.points), torch.from_numpy(prompt.labels)
        is_point, is_box = (labels[0] >= 0) & (labels[0] <= FOREGROUND), labels[0] >= BOX_TOP_LEFT
        with torch.no_grad():
            sparse, dense = self.sam.prompt_encoder(
                points=(points[:, is_point], labels[:, is_point]) if is_point.any() else None,
                boxes=points[:, is_box].reshape(1, 4) if is_box.any() else None,
                masks=None if prompt.mask_logits is None else torch.from_numpy(prompt.mask_logits)[None, None],
            )
            low_res, scores = self.sam.mask_decoder(
                image_embeddings=features,
                image_pe=self.sam.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=several,
            )
        return low_res, scores


def mask_inputs(prompt: PointPrompts, low_res: int) -> dict[str, NDArray[np.float32]]:
    """Return the two decoder inputs for an earlier mask, or for none. Both layouts have them."""
    logits = np.zeros((low_res, low_res), np.float32) if prompt.mask_logits is None else prompt.mask_logits
    return {"mask_input": logits[None, None], "has_mask_input": np.array([prompt.mask_logits is not None], np.float32)}
