"""Output of a DETR, and what it finds: a score for each box and label, above a threshold, best first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import BackendError

MaskLogits = Callable[[NDArray[np.intp]], NDArray[np.float32]]
"""Function from N rows of an output to the logits of their masks, (N, h, w) float32. They cover the whole image."""


@dataclass(frozen=True, eq=False)
class DetrOutput:
    """Output of a model for one image, on the host.

    Attributes:
        scores: (Q, C) float32 scores in [0, 1] of each class for each of Q boxes. They do not depend on one another.
        boxes: (Q, 4) float32 ``cx, cy, w, h``, relative to the image.
        masks: The masks, or None for a model without masks. Only those of some rows leave the device.
    """

    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    masks: MaskLogits | None = None

    def check(self, columns: Sequence[int], model: str) -> None:
        """Check the shapes and values of the output.

        Args:
            columns: Columns of the classes.
            model: Name of the model, for messages.

        Raises:
            BackendError: The shapes do not fit one another, there is no column of a class, or a value is not finite.
        """
        rows = len(self.boxes)
        if self.boxes.shape != (rows, 4) or self.scores.ndim != 2 or len(self.scores) != rows:
            raise BackendError(f"{model} returned scores {self.scores.shape} and boxes {self.boxes.shape}, expected (Q, C) and (Q, 4)")
        if max(columns) >= self.scores.shape[1]:
            raise BackendError(f"{model} returned scores of {self.scores.shape[1]} classes, and has a name for class {max(columns)}")
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.scores).all()):
            raise BackendError(f"{model} returned NaN or infinity: use dtype='float32', or a file in float32")


@dataclass(frozen=True, eq=False)
class Found:
    """What was found, best first.

    Attributes:
        rows: (N,) rows of the output. One may be there for several labels.
        scores: (N,) float32.
        labels: N labels.
        best: Best score of each label, whatever the threshold.
    """

    rows: NDArray[np.intp]
    scores: NDArray[np.float32]
    labels: tuple[str, ...]
    best: Mapping[str, float]


def search(scores: NDArray[np.float32], labels: Mapping[int, str], usable: NDArray[np.bool_], threshold: float, most: int) -> Found:
    """Return the boxes that score above a threshold for a label. A box that does for two labels is found twice, as by the authors' code.

    The score of a label is the best of its classes, so that no box has one label twice.

    Args:
        scores: (Q, C) float32 scores of the classes.
        labels: Label of each class to find, by the class's column in `scores`.
        usable: (Q,) whether a box can be found at all.
        threshold: Scores must be above it.
        most: Maximum number of detections.
    """
    names = tuple(dict.fromkeys(labels.values()))
    of_label = [scores[:, [column for column, label in labels.items() if label == name]].max(axis=1) for name in names]
    by_label = np.stack(of_label, axis=1) if names else np.zeros((len(scores), 0), np.float32)
    best = by_label[usable].max(axis=0, initial=-1)
    rows, owners = np.nonzero((by_label > threshold) & usable[:, None])
    order = np.argsort(-by_label[rows, owners], kind="stable")[:most]
    rows, owners = rows[order], owners[order]
    return Found(
        rows,
        by_label[rows, owners],
        tuple(names[owner] for owner in owners.tolist()),
        {name: score for name, score in zip(names, best.tolist(), strict=True) if score >= 0},
    )


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sigmoid of logits."""
    probabilities: NDArray[np.float32] = np.exp(-np.logaddexp(np.float32(0), -logits))
    return probabilities
