"""Export layout of transformers.js: ``vision_encoder.onnx`` and ``prompt_encoder_mask_decoder.onnx``, with the files that describe them.

Encoder: ``pixel_values`` (1, 3, side, side), normalized as in ``preprocessor_config.json``. Decoder: ``input_points`` (1, N, P, 2) in the
model's pixels and ``input_labels`` (1, N, P) of N prompts, to ``iou_scores`` (1, N, 3) and ``pred_masks`` (1, N, 3, low_res, low_res). A
padding point is added inside. A box may come as two points, labeled 2 and 3. Inputs ``mask_input`` (1, 1, low_res, low_res) and
``has_mask_input`` (1,), for an earlier mask of one prompt, may be left out; transformers.js does not know them.

The decoder of SAM also takes ``image_embeddings`` and ``image_positional_embeddings``. That of SAM 2 takes ``image_embeddings.0`` to
``.2``, from high to low resolution, and ``input_boxes`` (1, M, 4); without boxes, M is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..masks import Size
from ..models.sam.geometry import PIXEL_MEAN, PIXEL_STD, InputGeometry
from ..models.sam.model import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, PADDING, PointPrompts
from .graphs import TracedGraph
from .layout import Prediction
from .sam import SamLayout, mask_inputs
from .sam2 import LOGIT_LIMIT, Sam2Layout, Sam2PromptDecoder

MAPS = ("image_embeddings.0", "image_embeddings.1", "image_embeddings.2")
EMBEDDINGS = ("image_embeddings", "image_positional_embeddings")
OUTPUTS = ("iou_scores", "pred_masks")
_PROMPTS = {1: "point_batch_size", 2: "nb_points_per_image"}
_SEVERAL = slice(1, None)
"""The candidates for prompts that mean several objects: all but the first."""


class SamTransformersJs(SamLayout):
    """`promptseg.export.layout.ExportLayout` of SAM and MobileSAM for transformers.js.

    Args:
        sam: ``Sam`` of segment-anything or mobile_sam in float32 on the CPU, with its weights, in evaluation mode.
    """

    variant = "transformers-js"

    @property
    def encoder(self) -> TracedGraph:
        example = {"pixel_values": torch.zeros(1, 3, self.input_size, self.input_size)}
        return TracedGraph(_SamEncoder(self.sam), example, EMBEDDINGS, {name: {0: "batch_size"} for name in ("pixel_values", *EMBEDDINGS)})

    @property
    def decoder(self) -> TracedGraph:
        maps = {name: torch.zeros(1, self.width, self.grid, self.grid) for name in EMBEDDINGS}
        return decoder_graph(_SamDecoder(self.sam), maps, {}, OUTPUTS, 4 * self.grid)

    def inputs(self, features: Sequence[NDArray[np.float32]], prompt: PointPrompts, _size: Size) -> Mapping[str, NDArray[Any]]:
        return {**dict(zip(EMBEDDINGS, features, strict=True)), **prompt_inputs(prompt, 4 * self.grid)}

    def predict(self, features: Tensor, prompt: PointPrompts, geometry: InputGeometry) -> Prediction:
        low_res, _ = self.decoded(features, prompt, several=True)
        return Prediction(self.sam.postprocess_masks(low_res, geometry.content_size, geometry.size)[0].numpy(), low_res[0].numpy())

    def prediction(self, outputs: Sequence[NDArray[np.float32]], geometry: InputGeometry) -> Prediction:
        return upsampled(outputs[1][0, 0], geometry)

    def descriptions(self) -> Mapping[str, Any]:
        square = {"height": self.input_size, "width": self.input_size}
        return described("sam", "SamModel", "Sam", {"size": {"longest_edge": self.input_size}, "do_pad": True, "pad_size": square})


class Sam2TransformersJs(Sam2Layout):
    """`promptseg.export.layout.ExportLayout` of SAM 2 and 2.1 for transformers.js.

    Args:
        sam: ``SAM2Base`` in float32 on the CPU, with its weights, in evaluation mode.
    """

    variant = "transformers-js"

    @property
    def encoder(self) -> TracedGraph:
        return replace(_renamed_input(super().encoder), module=_Sam2Encoder(super().encoder.module), outputs=MAPS)

    @property
    def decoder(self) -> TracedGraph:
        sides = ((self.width // 8, 4), (self.width // 4, 2), (self.width, 1))
        maps = {name: torch.zeros(1, width, n * self.grid, n * self.grid) for name, (width, n) in zip(MAPS, sides, strict=True)}
        boxes = {"input_boxes": torch.zeros(1, 1, 4)}
        return decoder_graph(_Sam2Decoder(self.sam), maps, boxes, (*OUTPUTS, "object_score_logits"), 4 * self.grid)

    def inputs(self, features: Sequence[NDArray[np.float32]], prompt: PointPrompts, _size: Size) -> Mapping[str, NDArray[Any]]:
        given = prompt_inputs(prompt, 4 * self.grid)
        return {**dict(zip(MAPS, features, strict=True)), **given, "input_boxes": np.zeros((1, 0, 4), np.float32)}

    def predict(self, features: list[Tensor], prompt: PointPrompts, geometry: InputGeometry) -> Prediction:
        whole = super().predict(features, prompt, geometry)
        return Prediction(whole.masks[_SEVERAL], whole.low_res[_SEVERAL])

    def prediction(self, outputs: Sequence[NDArray[np.float32]], geometry: InputGeometry) -> Prediction:
        found = upsampled(outputs[1][0, 0], geometry)
        return Prediction(found.masks, np.clip(found.low_res, -LOGIT_LIMIT, LOGIT_LIMIT))

    def descriptions(self) -> Mapping[str, Any]:
        return described("sam2", "Sam2Model", "Sam2", {"size": {"height": self.input_size, "width": self.input_size}})


class _SamEncoder(nn.Module):
    def __init__(self, sam: Any) -> None:
        super().__init__()
        self.model = sam

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        positions = self.model.prompt_encoder.get_dense_pe()
        return self.model.image_encoder(pixels), positions.repeat(pixels.shape[0], 1, 1, 1)


class _SamDecoder(nn.Module):
    def __init__(self, sam: Any) -> None:
        super().__init__()
        self.model = sam

    def forward(
        self, points: Tensor, labels: Tensor, image: Tensor, positions: Tensor, mask: Tensor, has_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        prompts = self.model.prompt_encoder
        dense = has_mask * prompts.mask_downscaling(mask)
        dense = dense + (1 - has_mask) * prompts.no_mask_embed.weight.reshape(1, -1, 1, 1)
        logits, scores = self.model.mask_decoder.predict_masks(
            image_embeddings=image,
            image_pe=positions,
            sparse_prompt_embeddings=self._embed(points[0], labels[0]),
            dense_prompt_embeddings=dense,
        )
        return scores[None, :, _SEVERAL], logits[None, :, _SEVERAL]

    def _embed(self, points: Tensor, labels: Tensor) -> Tensor:
        """Return the package's embedding of points, without branches on values. A padding point is added to prompts without a box."""
        prompts = self.model.prompt_encoder
        points, labels = padded_unless_boxed(points[None], labels[None])
        points, labels = points[0], labels[0, :, :, None]
        embedded = prompts.pe_layer._pe_encoding((points + 0.5) / self.model.image_encoder.img_size)  # noqa: SLF001 - Its callers need a fixed size.
        embedded = embedded * (labels != PADDING) + prompts.not_a_point_embed.weight * (labels == PADDING)
        for label, embedding in enumerate(prompts.point_embeddings):
            embedded = embedded + embedding.weight * (labels == label)
        return embedded  # type: ignore[no-any-return]


class _Sam2Encoder(nn.Module):
    """The encoder of `Sam2Layout` with its outputs from high to low resolution."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        coarse, fine, middle = self.encoder(pixels)
        return fine, middle, coarse


class _Sam2Decoder(Sam2PromptDecoder):
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
        logits, scores, objects = self.decode(coarse, fine, middle, points[0], labels[0], mask, has_mask)
        return scores[None, :, _SEVERAL], logits[None, :, _SEVERAL], objects[None]


def padded_unless_boxed(points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return points (1, N, P, 2) and labels (1, N, P) with a padding point at the end, unless there are corners of boxes."""
    without_box = 1 - (labels >= BOX_TOP_LEFT).long().sum().clamp(max=1)
    rows: Any = torch._shape_as_tensor(labels)[2] + without_box  # noqa: SLF001 - A length that stays an operation of the graph.
    points = torch.cat([points, torch.zeros_like(points[:, :, :1])], dim=2)[:, :, :rows]
    labels = torch.cat([labels, torch.full_like(labels[:, :, :1], PADDING)], dim=2)[:, :, :rows]
    return points, labels


def with_corners(points: Tensor, labels: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return points (1, N, P, 2) and labels (1, N, P) with two more points for the corners of each box, if there are boxes.

    Points or boxes may be missing. No operation joins an empty tensor with others along another dimension than its empty one, which
    ONNX Runtime does wrongly.
    """
    length = torch._shape_as_tensor  # noqa: SLF001 - Lengths that stay operations of the graph.
    number: Any = length(boxes)[1]
    boxed: Any = number.clamp(max=1)
    corners = torch.cat([boxes, torch.zeros_like(boxes[:, :1].sum(1, keepdim=True))], dim=1)[:, : number + 1 - boxed]  # At least one.
    count: Any = torch.maximum(length(labels)[1], number)
    corners = corners.reshape(1, -1, 2, 2).expand(1, count, 2, 2)
    kinds = torch.tensor([BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]).expand(1, count, 2)
    size: Any = length(labels)[2]
    points, labels = points.expand(1, count, size, 2), labels.expand(1, count, size)
    return torch.cat([points, corners[:, :, : 2 * boxed]], dim=2), torch.cat([labels, kinds[:, :, : 2 * boxed]], dim=2)


def decoder_graph(
    module: nn.Module, maps: Mapping[str, Tensor], boxes: Mapping[str, Tensor], outputs: Sequence[str], low_res: int
) -> TracedGraph:
    """Return the graph of a decoder.

    Args:
        module: The decoder. Its inputs are points, labels, boxes, features of the image, an earlier mask and whether there is one.
        maps: Examples of the features, by name.
        boxes: An example of boxes; empty if the decoder does not take them.
        outputs: Names of the outputs.
        low_res: Side of the logits of an earlier mask.
    """
    example = {
        "input_points": torch.zeros(1, 2, 5, 2),
        "input_labels": torch.ones(1, 2, 5, dtype=torch.int64),
        **{name: value.expand(1, 2, 4) for name, value in boxes.items()},
        **maps,
        "mask_input": torch.zeros(1, 1, low_res, low_res),
        "has_mask_input": torch.zeros(1),
    }
    dynamic = {"input_points": _PROMPTS, "input_labels": _PROMPTS, **{name: {1: "num_boxes_per_image"} for name in boxes}}
    return TracedGraph(module, example, outputs, dynamic, optional=("mask_input", "has_mask_input"))


def _renamed_input(graph: TracedGraph) -> TracedGraph:
    (example,) = graph.inputs.values()
    return replace(graph, inputs={"pixel_values": example})


def prompt_inputs(prompt: PointPrompts, low_res: int) -> dict[str, NDArray[Any]]:
    """Return the inputs of a decoder for a prompt, besides those for the image and for boxes."""
    keep = prompt.labels[0] != PADDING
    points: dict[str, NDArray[Any]] = {
        "input_points": prompt.points[None, :, keep],
        "input_labels": prompt.labels[None, :, keep].astype(np.int64),
    }
    return {**points, **mask_inputs(prompt, low_res)}


def upsampled(low_res: NDArray[np.float32], geometry: InputGeometry) -> Prediction:
    """Return the prediction of low-resolution logits (C, low_res, low_res)."""
    rows, columns = geometry.axis_weights()
    return Prediction(rows @ low_res @ columns.T, low_res)


def described(model_type: str, architecture: str, processor: str, size: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the contents of the files beside the graphs, by name.

    Args:
        model_type: Type of the model, as transformers.js names it.
        architecture: Its class.
        processor: Family of its processor: ``"Sam"`` or ``"Sam2"``.
        size: Entries of the preprocessor configuration that tell size and padding.
    """
    return {
        "config.json": {"model_type": model_type, "architectures": [architecture], "vision_config": {"num_feature_levels": len(MAPS)}},
        "preprocessor_config.json": {
            "image_processor_type": f"{processor}ImageProcessor",
            "processor_class": f"{processor}Processor",
            "do_convert_rgb": True,
            "do_resize": True,
            "resample": 2,
            **size,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [value / 255 for value in PIXEL_MEAN],
            "image_std": [value / 255 for value in PIXEL_STD],
        },
    }
