"""Layouts of detectors in ONNX files, recognized by the names and shapes of their inputs and outputs.

| layout | inputs | outputs |
|---|---|---|
| RF-DETR, of its authors | one image | ``dets``, ``labels``, ``masks`` with masks (older releases of their code give it no name) |
| D-FINE, of its authors | ``images``, ``orig_target_sizes`` | ``labels``, ``boxes``, ``scores`` |
| RF-DETR and D-FINE, of transformers | ``pixel_values``, perhaps ``pixel_mask`` | ``logits``, ``pred_boxes``, ``pred_masks`` with masks |
| Grounding DINO, of transformers | the same with ``input_ids``, ``attention_mask`` | ``logits``, ``pred_boxes`` |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import BackendError, WeightsMismatchError
from ...masks import Size
from ...runtime.onnx import Value
from .output import DetrOutput, sigmoid
from .preprocessing import MAX_SIDE

Layout = Literal["rf_detr", "d_fine", "transformers", "grounding_dino"]

_OUTPUTS: Mapping[Layout, tuple[str, str]] = {
    "rf_detr": ("labels", "dets"),
    "d_fine": ("scores", "boxes"),
    "transformers": ("logits", "pred_boxes"),
    "grounding_dino": ("logits", "pred_boxes"),
}
"""Names of the outputs with scores and with boxes."""

_YOLO_AXES, _MASK_AXES = 3, 4
_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


@dataclass(frozen=True)
class Described:
    """What a graph says about itself.

    Attributes:
        layout: Its layout.
        image: Name of the input with the image.
        size: ``(height, width)`` of the model input in pixels, or None if it takes any.
        classes: Number of columns of the classes, or None if the graph does not say it.
        scores: Name of the output with the scores of the classes: logits, but of a D-FINE of its authors.
        boxes: Name of the output with the boxes.
        masks: Name of the output with the masks, or None for a model without them.
    """

    layout: Layout
    image: str
    size: Size | None
    classes: int | None
    scores: str
    boxes: str
    masks: str | None = None


Run = Callable[[Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]]
"""Function that runs a graph: from its inputs to its outputs, by their names."""


def recognize(inputs: Mapping[str, Value], outputs: Mapping[str, Value], model: str) -> Described:
    """Return the layout of a graph.

    Args:
        inputs: Inputs of the graph, by name.
        outputs: Outputs of the graph, by name.
        model: Name of the file, for messages.

    Raises:
        WeightsMismatchError: It is none of a detector that is read here.
    """
    layout = _layout(inputs, outputs)
    image = next((name for name, value in inputs.items() if len(value.shape) == 4 and value.kind in _FLOATS), None)
    if layout is None:
        raise WeightsMismatchError(
            f"{model} is not a detector that is read here: {_described(inputs)} → {_described(outputs)}.{_hint(outputs)}"
        )
    if image is None or inputs[image].shape[1] not in (3, None) or inputs[image].shape[0] not in (1, None):
        raise WeightsMismatchError(f"{model} takes {_described(inputs)}, expected one image of 1 x 3 x height x width")
    height, width = inputs[image].shape[2:]
    if not all(side is None or 0 < side <= MAX_SIDE for side in (height, width)):
        raise WeightsMismatchError(f"{model} takes images of {height} x {width} pixels, expected at most {MAX_SIDE}")
    size = None if height is None or width is None else (height, width)
    scores, boxes = _OUTPUTS[layout]
    has_columns = layout in ("rf_detr", "transformers") and outputs[scores].shape
    return Described(layout, image, size, outputs[scores].shape[-1] if has_columns else None, scores, boxes, _masks(layout, outputs))


def _layout(inputs: Mapping[str, Value], outputs: Mapping[str, Value]) -> Layout | None:
    if {"dets", "labels"} <= outputs.keys() and len(inputs) == 1:
        return "rf_detr"
    if {"labels", "boxes", "scores"} <= outputs.keys() and len(inputs) == 2 and "orig_target_sizes" in inputs:
        return "d_fine"
    if {"logits", "pred_boxes"} <= outputs.keys():
        if {"input_ids", "attention_mask"} <= inputs.keys() <= {*_TEXT, "pixel_values", "pixel_mask"}:
            return "grounding_dino"
        if len(inputs.keys() - {"pixel_mask"}) == 1:
            return "transformers"
    return None


def _masks(layout: Layout, outputs: Mapping[str, Value]) -> str | None:
    """Return the name of the output with the masks of an RF-DETR-Seg. RF-DETR's code before 1.5 left it the tracer's number for a name."""
    names = {"rf_detr": "masks", "transformers": "pred_masks"}
    if names.get(layout) in outputs:
        return names[layout]
    unnamed = [name for name, value in outputs.items() if layout == "rf_detr" and name.isdigit() and len(value.shape) in (0, _MASK_AXES)]
    return unnamed[0] if len(unnamed) == 1 else None


_TEXT = ("input_ids", "token_type_ids", "attention_mask")


def _described(values: Mapping[str, Value]) -> str:
    return ", ".join(f"{name} {value}" for name, value in list(values.items())[:8]) or "nothing"


def _hint(outputs: Mapping[str, Value]) -> str:
    axes = [len(value.shape) for value in outputs.values()]
    if axes in ([_YOLO_AXES], [_YOLO_AXES, _MASK_AXES]):
        return " A detector of ultralytics runs as 'yolo=PATH'"
    known = "; ".join(f"{scores} and {boxes}" for scores, boxes in dict.fromkeys(_OUTPUTS.values()))
    return f" It is told by the names of its outputs: {known}"


class OnnxDetr:
    """RF-DETR or D-FINE in an ONNX file, as a `promptseg.models.detr.detector.Network`.

    Args:
        run: Function that runs the graph.
        described: What the graph says about itself.
        inputs: Inputs of the graph, by name.
        model: Name of the model, for messages.
        columns: Number of columns of the classes, for a graph that returns the number of a class for each box.
        probabilities: Whether the graph itself turns logits into scores.
    """

    def __init__(
        self, run: Run, described: Described, inputs: Mapping[str, Value], model: str, columns: int, *, probabilities: bool = False
    ) -> None:
        self._run = run
        self._described = described
        self._inputs = inputs
        self._model = model
        self._columns = columns
        self._probabilities = probabilities

    def __call__(self, pixels: NDArray[np.float32]) -> DetrOutput:
        """Return the output for a model input.

        Args:
            pixels: (3, h, w) float32.

        Raises:
            BackendError: The graph failed, or its outputs are not those of its layout.
        """
        described = self._described
        inputs: dict[str, NDArray[Any]] = {described.image: as_input(pixels[None], self._inputs[described.image])}
        if "pixel_mask" in self._inputs:
            inputs["pixel_mask"] = np.ones((1, *pixels.shape[1:]), np.int64)
        if described.layout == "d_fine":
            inputs["orig_target_sizes"] = np.ones((1, 2), np.int64)  # Boxes relative to the image, whichever side is named first.
            return self._of_rows(self._run(inputs))
        outputs = self._run(inputs)
        found, boxes = (_of_one(outputs, name, 2, self._model) for name in (described.scores, described.boxes))
        scores = found if self._probabilities else sigmoid(found)
        if described.masks is None:
            return DetrOutput(scores, boxes)
        masks = _of_one(outputs, described.masks, 3, self._model)
        if len(masks) != len(boxes):
            raise BackendError(f"{self._model} returned {len(masks)} masks for {len(boxes)} boxes")
        return DetrOutput(scores, boxes, lambda rows: masks[rows])

    def _of_rows(self, outputs: Mapping[str, NDArray[Any]]) -> DetrOutput:
        """Return the output of a graph that returns one class for each box, and the corners of the box."""
        numbers, boxes, scores = (_of_one(outputs, name, axes, self._model) for name, axes in (("labels", 1), ("boxes", 2), ("scores", 1)))
        if not len(numbers) == len(boxes) == len(scores) or boxes.shape[1:] != (4,):
            raise BackendError(f"{self._model} returned {len(numbers)} labels, boxes {boxes.shape} and {len(scores)} scores")
        owners = numbers.astype(np.intp)
        known = (owners >= 0) & (owners < self._columns)
        by_class = np.zeros((len(boxes), self._columns), np.float32)
        by_class[np.flatnonzero(known), owners[known]] = scores[known]
        sides = boxes[:, 2:] - boxes[:, :2]
        return DetrOutput(by_class, np.concatenate([boxes[:, :2] + sides / 2, sides], axis=1))


def as_input(values: NDArray[np.float32], value: Value) -> NDArray[Any]:
    """Return numbers in the type of an input of a graph."""
    return values.astype(_FLOATS.get(value.kind, np.float32), copy=False)


def _of_one(outputs: Mapping[str, NDArray[Any]], name: str, axes: int, model: str) -> NDArray[np.float32]:
    """Return an output for the one image of a batch."""
    values = outputs[name]
    if values.ndim != axes + 1 or len(values) != 1:
        raise BackendError(f"{model} returned {name} of shape {values.shape}, expected {axes + 1} axes and one image")
    found: NDArray[np.float32] = values[0].astype(np.float32, copy=False)
    return found
