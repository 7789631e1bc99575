"""`Detections`: boxes, scores and labels of one image, as aligned arrays that are checked at construction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import is_number, number_array
from ._display import Displayed
from .errors import InputError, shown
from .masks import Masks, Size, checked_size, chosen_indices

if TYPE_CHECKING:
    from .notebook.views import View


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Detections(Displayed):
    """Boxes with scores and labels, and with masks if the detector makes its own.

    Attributes:
        size: ``(height, width)`` of the image in pixels.
        boxes: (N, 4) float32 ``xyxy`` in pixels, half-open, clipped to the image.
        scores: (N,) float32 in [0, 1].
        labels: N labels.
        masks: N masks, or None.
        best_scores: The best score of a box by label, of the boxes that a detector or filter dropped for their low score, too. A label that
            was asked for and is not in it has no box of which a score is known.
    """

    size: Size
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: tuple[str, ...]
    masks: Masks | None
    best_scores: Mapping[str, float]

    def __init__(
        self,
        size: Size,
        boxes: ArrayLike,
        scores: ArrayLike,
        labels: ArrayLike,
        masks: Masks | None = None,
        best_scores: Mapping[str, float] | None = None,
    ) -> None:
        """Check the arrays and make them read-only.

        Args:
            size: ``(height, width)`` of the image in pixels.
            boxes: (N, 4) ``xyxy`` in pixels. They are clipped to the image.
            scores: (N,) scores.
            labels: N labels.
            masks: N masks, or None.
            best_scores: Scores by label of the best boxes, of those that are left out here, too. Default: those of the given boxes.

        Raises:
            InputError: The size is not one of an image, or the arrays do not fit one another, or hold what is not a finite number.
        """
        height, width = checked_size(size)
        with np.errstate(over="ignore"):  # What float32 cannot hold becomes infinite and is refused below.
            box_array = number_array(boxes, "the boxes of detections", InputError).astype(np.float32)
            score_array = number_array(scores, "the scores of detections", InputError).astype(np.float32).reshape(-1)
        if box_array.size == 0:
            box_array = box_array.reshape(-1, 4)
        names = _names(labels)
        if masks is not None and not isinstance(masks, Masks):
            raise InputError(f"the masks of detections are Masks, got {shown(masks)}")
        if box_array.ndim != 2 or box_array.shape[1] != 4:
            raise InputError(f"boxes are an (N, 4) array of x0, y0, x1, y1, got shape {box_array.shape}")
        counts = {"boxes": len(box_array), "scores": len(score_array), "labels": len(names)}
        if masks is not None:
            counts["masks"] = len(masks)
        if len(set(counts.values())) > 1:
            raise InputError(f"detections need one score, label and mask per box, got {counts}")
        if not np.isfinite(box_array).all() or not np.isfinite(score_array).all():
            raise InputError("boxes and scores of detections must be finite: they hold NaN or infinity")
        if masks is not None and masks.size != (height, width):
            raise InputError(f"masks of detections have the image's size {(height, width)}, got {masks.size}")
        box_array = np.clip(box_array, 0, [width, height, width, height]).astype(np.float32)
        score_array = score_array.copy()
        for array in (box_array, score_array):
            array.setflags(write=False)
        best = _best_scores(names, score_array, best_scores)
        values = {"size": (height, width), "boxes": box_array, "scores": score_array, "labels": names, "masks": masks, "best_scores": best}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def empty(cls, size: Size) -> Detections:
        """Return zero detections for an image of `size` (height, width)."""
        return cls(size, [], [], [])

    def __len__(self) -> int:
        return len(self.boxes)

    def where(self, keep: ArrayLike) -> Detections:
        """Return the detections where `keep` is true (N booleans), or those at the given indices in their order.

        `best_scores` stay those of all.

        Raises:
            InputError: `keep` does not fit the number of detections.
        """
        chosen = chosen_indices(keep, len(self))
        masks = None if self.masks is None else self.masks.where(chosen)
        labels = [self.labels[index] for index in chosen]
        return Detections(self.size, self.boxes[chosen], self.scores[chosen], labels, masks, self.best_scores)

    def _summary(self) -> str:
        first = ", ".join(f"{shown(label)} {score:.2f}" for label, score in zip(self.labels[:4], self.scores[:4].tolist(), strict=True))
        more = ", …" if len(self) > 4 else ""
        return f"{len(self)}{': ' if first else ''}{first}{more}, {self.size[1]} wide, {self.size[0]} high"

    def _view(self) -> View:
        from .notebook.views import of_detections

        return of_detections(self)


def _names(labels: object) -> tuple[str, ...]:
    try:
        return tuple(str(label) for label in np.asarray(labels, dtype=object).reshape(-1))
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"the labels of detections are text, one for each box, got {shown(labels)}") from error


def _best_scores(labels: Sequence[str], scores: NDArray[np.float32], given: Mapping[str, float] | None) -> dict[str, float]:
    """Return the best score of each label, of the given ones and those of the boxes."""
    if given is not None and not (
        isinstance(given, Mapping)
        and all(isinstance(label, str) and is_number(score) and np.isfinite(score) for label, score in given.items())
    ):
        raise InputError(f"the best scores of detections are finite numbers by label, got {shown(given)}")
    best = {label: float(score) for label, score in (given or {}).items()}
    for label, score in zip(labels, scores.tolist(), strict=True):
        best[label] = max(score, best.get(label, score))
    return best
