"""From what a YOLO model computes to boxes: the best class of each anchor, thresholds, non-maximum suppression."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import BackendError, WeightsMismatchError
from ...masks import Size
from ...postprocess import box_nms

_APART = 7680
"""Boxes of different classes are moved apart by this before those that overlap are dropped; it is longer than any frame."""

MAX_FRAME = _APART


@dataclass(frozen=True)
class Layout:
    """What has to be known of a model to use it.

    Attributes:
        names: Names of its classes, in the order of its outputs.
        stride: Its frames' sides are multiples of this.
        frame: ``(height, width)`` of the frame that photos are scaled to, unless one asks for another.
        fixed: Whether it takes frames of that size alone.
        end_to_end: Whether it drops overlapping boxes itself.
    """

    names: tuple[str, ...]
    stride: int
    frame: Size
    fixed: bool = False
    end_to_end: bool = False


@dataclass(frozen=True, eq=False)
class Output:
    """What a model computes of one frame, in float32 on the CPU.

    Attributes:
        predictions: (4 + classes + C, anchors): box ``cx, cy, w, h`` in pixels of the frame, a score in [0, 1] for each class, and C
            coefficients of the prototypes. Of an end-to-end model (N, 6 + C), best first: box ``x0, y0, x1, y1``, score, class,
            coefficients.
        prototypes: (C, h, w), of which each mask is a weighted sum; None for a model without masks.
    """

    predictions: NDArray[np.float32]
    prototypes: NDArray[np.float32] | None = None

    @property
    def coefficients(self) -> int:
        """How many prototypes there are."""
        return 0 if self.prototypes is None else len(self.prototypes)

    def check(self, layout: Layout, model: str) -> None:
        """Refuses a model whose outputs are of another shape than its description says.

        Raises:
            WeightsMismatchError: They are; the message says what was expected.
        """
        if layout.end_to_end:
            expected, axis = 6 + self.coefficients, 1
            meaning = f"4 of a box, a score, a class and {self.coefficients} of a mask"
        else:
            expected, axis = 4 + len(layout.names) + self.coefficients, 0
            meaning = f"4 of a box, {len(layout.names)} of classes and {self.coefficients} of a mask"
        shape = self.predictions.shape
        if self.predictions.ndim != 2 or shape[axis] != expected:
            raise WeightsMismatchError(
                f"{model} is no YOLO detector: its output has shape {shape}, and not {expected} values a box ({meaning})"
            )


@dataclass(frozen=True, eq=False)
class Found:
    """Boxes in a frame, best first.

    Attributes:
        boxes: (N, 4) float32 ``xyxy`` in pixels of the frame; they may reach beyond it.
        scores: (N,) float32.
        classes: (N,) indices of the classes.
        coefficients: (N, C) float32, of the prototypes.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.intp]
    coefficients: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)

    def where(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Found:
        """Those at which `keep` is true, or at the given indices in their order."""
        return Found(self.boxes[keep], self.scores[keep], self.classes[keep], self.coefficients[keep])


def decode(output: Output, layout: Layout, wanted: Collection[int], threshold: float, iou: float, most: int) -> Found:
    """The boxes that a model found.

    A box has the class that scores highest of all, wanted or not. Boxes of one class that overlap are one object.

    Args:
        output: What the model computed.
        layout: The model's.
        wanted: Indices of the classes that are asked for.
        threshold: Scores up to it are left out.
        iou: IoU over which the worse of two boxes of a class is left out; an end-to-end model has seen to that itself.
        most: How many boxes are kept.

    Raises:
        BackendError: The model computed numbers that are not finite.
    """
    if not np.isfinite(output.predictions).all():
        raise BackendError("the model's output holds NaN or infinity: try dtype='float32'")
    found = _rows(output) if layout.end_to_end else _best_classes(output, len(layout.names))
    found = found.where((found.scores > threshold) & np.isin(found.classes, list(wanted)))
    if layout.end_to_end:
        return found.where(np.arange(min(len(found), most)))
    apart = found.boxes + (found.classes * _APART).astype(np.float32)[:, None]
    return found.where(np.array(box_nms(apart, found.scores, iou, most), np.intp))


def _rows(output: Output) -> Found:
    rows = output.predictions
    return Found(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.intp), rows[:, 6:])


def _best_classes(output: Output, classes: int) -> Found:
    boxes, scores, coefficients = np.split(output.predictions, [4, 4 + classes])
    center, half = boxes[:2], boxes[2:] / 2
    best = scores.argmax(axis=0)
    corners = np.concatenate([center - half, center + half]).T
    return Found(corners, np.take_along_axis(scores, best[None], axis=0)[0], best, coefficients.T)
