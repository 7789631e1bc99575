"""Decoding of raw YOLO outputs into boxes: best class of each anchor, score threshold, non-maximum suppression."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import BackendError, WeightsMismatchError
from ...masks import Size
from ...postprocess import box_nms

MAX_INPUT_SIDE = 7680
"""Maximum side of the model input, in pixels."""

_CLASS_OFFSET = MAX_INPUT_SIDE
"""Offset in pixels between the boxes of two classes in non-maximum suppression, so that boxes of different classes never overlap."""


@dataclass(frozen=True)
class YoloMetadata:
    """Classes, input size and output form of a YOLO model.

    Attributes:
        names: Names of the classes, in the order of the model's outputs.
        stride: Stride of the model in pixels. The sides of the model input are multiples of it.
        input_size: ``(height, width)`` of the model input, unless the user asks for another.
        fixed: Whether the model takes no other input size.
        end_to_end: Whether the model contains non-maximum suppression.
    """

    names: tuple[str, ...]
    stride: int
    input_size: Size
    fixed: bool = False
    end_to_end: bool = False


@dataclass(frozen=True)
class Form:
    """What the shape of an output tells about its model.

    Attributes:
        classes: Number of the classes, or None if it does not tell.
        end_to_end: Whether the model contains non-maximum suppression.
    """

    classes: int | None
    end_to_end: bool


@dataclass(frozen=True, eq=False)
class Output:
    """Raw output of a model for one letterboxed image, in float32 on the CPU.

    Attributes:
        predictions: (4 + classes + C, anchors): box ``cx, cy, w, h`` in pixels of the model input, a score in [0, 1] for each class, and C
            mask coefficients. An end-to-end model returns (N, 6 + C), best first: box ``x0, y0, x1, y1``, score, class, mask coefficients.
        prototypes: (C, h, w) mask prototypes, or None for a model without masks. A mask is the sum of the prototypes, weighted with its
            coefficients.
    """

    predictions: NDArray[np.float32]
    prototypes: NDArray[np.float32] | None = None

    @property
    def coefficients(self) -> int:
        """Number of mask coefficients per box. It is the number of prototypes."""
        return 0 if self.prototypes is None else len(self.prototypes)

    def form(self, size: Size) -> Form | None:
        """Return what the shape tells about the model, or None if it is none of a detector of ultralytics.

        A detector has an anchor for each cell of its three or four maps, whose strides are 8, 16, 32 and 64.

        Args:
            size: ``(height, width)`` of the model input.
        """
        rows, columns = self.predictions.shape
        maps = [(size[0] // stride) * (size[1] // stride) for stride in (8, 16, 32, 64)]
        if columns in (sum(maps[:3]), sum(maps)) and rows > 4 + self.coefficients:
            return Form(rows - 4 - self.coefficients, end_to_end=False)
        return Form(None, end_to_end=True) if columns == 6 + self.coefficients else None

    def check(self, metadata: YoloMetadata, model: str) -> None:
        """Raise an error if the shape of the output does not fit the model's metadata.

        Args:
            metadata: Metadata of the model.
            model: Name of the model in the message.

        Raises:
            WeightsMismatchError: The predictions do not have the number of values per box that the metadata implies.
        """
        if metadata.end_to_end:
            expected, axis = 6 + self.coefficients, 1
            meaning = f"4 of the box, the score, the class and {self.coefficients} mask coefficients"
        else:
            expected, axis = 4 + len(metadata.names) + self.coefficients, 0
            meaning = f"4 of the box, {len(metadata.names)} class scores and {self.coefficients} mask coefficients"
        shape = self.predictions.shape
        if self.predictions.ndim != 2 or shape[axis] != expected:
            raise WeightsMismatchError(
                f"{model} is not a YOLO detector: its output has shape {shape}, expected {expected} values per box ({meaning})"
            )


@dataclass(frozen=True, eq=False)
class DecodedBoxes:
    """Boxes with score, class and mask coefficients.

    Attributes:
        boxes: (N, 4) float32 ``xyxy``. `decode` returns them in pixels of the model input, not clipped to it.
        scores: (N,) float32.
        classes: (N,) class indices.
        coefficients: (N, C) float32 mask coefficients.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.intp]
    coefficients: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)

    def where(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> DecodedBoxes:
        """Return the boxes where `keep` is true, or the boxes at the indices in `keep` in that order."""
        return DecodedBoxes(self.boxes[keep], self.scores[keep], self.classes[keep], self.coefficients[keep])


def decode(
    output: Output, metadata: YoloMetadata, classes: Collection[int], threshold: float, iou: float, max_detections: int
) -> DecodedBoxes:
    """Return the boxes in a raw output, best first.

    Each anchor has the class with its highest score, also if that class is not among `classes`. Non-maximum suppression works within a
    class.

    Args:
        output: Raw output of the model.
        metadata: Metadata of the model.
        classes: Indices of the classes to return.
        threshold: Score threshold: only boxes that score above it are returned.
        iou: IoU threshold of the non-maximum suppression. An end-to-end model does its own and ignores this value.
        max_detections: Maximum number of boxes.

    Raises:
        BackendError: The output has values that are not finite.
    """
    if not np.isfinite(output.predictions).all():
        raise BackendError("the model's output holds NaN or infinity: try dtype='float32'")
    found = _rows(output) if metadata.end_to_end else _best_classes(output, len(metadata.names))
    found = found.where((found.scores > threshold) & np.isin(found.classes, list(classes)))
    if metadata.end_to_end:
        return found.where(np.arange(min(len(found), max_detections)))
    separated = found.boxes + (found.classes * _CLASS_OFFSET).astype(np.float32)[:, None]
    return found.where(np.array(box_nms(separated, found.scores, iou, max_detections), np.intp))


def best_scores(output: Output, metadata: YoloMetadata, classes: Collection[int]) -> dict[int, float]:
    """Return the best score of each class by its index, whatever the threshold. A class that is not an anchor's best class is left out.

    Args:
        output: Raw output of the model.
        metadata: Metadata of the model.
        classes: Indices of the classes.
    """
    found = _rows(output) if metadata.end_to_end else _best_classes(output, len(metadata.names))
    best = np.full(len(metadata.names), -1.0, np.float32)
    known = (found.classes >= 0) & (found.classes < len(best))
    np.maximum.at(best, found.classes[known], found.scores[known])
    return {index: float(best[index]) for index in classes if best[index] >= 0}


def _rows(output: Output) -> DecodedBoxes:
    rows = output.predictions
    return DecodedBoxes(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.intp), rows[:, 6:])


def _best_classes(output: Output, classes: int) -> DecodedBoxes:
    boxes, scores, coefficients = np.split(output.predictions, [4, 4 + classes])
    center, half = boxes[:2], boxes[2:] / 2
    best = scores.argmax(axis=0)
    corners = np.concatenate([center - half, center + half]).T
    return DecodedBoxes(corners, np.take_along_axis(scores, best[None], axis=0)[0], best, coefficients.T)
