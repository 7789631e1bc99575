"""Figures of instances that were found in many images: average precision, F1, presence, and cgF1 of SAM 3.

They are computed from `Found`, which says of each mask which true instances it is like, and holds no masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..datasets.core import AnnotatedObject
from ..masks import Mask, Masks
from ..metrics import without

CONFIDENT = 0.5
"""Score from which a mask counts for cgF1, as its authors chose it."""

CGF1_IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""IoUs over which cgF1 is averaged: .5 to .95."""


@dataclass(frozen=True)
class Found:
    """What was found of one concept in one image, compared with the true instances.

    Attributes:
        presence: How sure the model is that there is any, from 0 to 1.
        scores: Score of each mask, the highest first.
        ious: IoU of each mask with its true instance, matched one to one by IoU, the highest first; 0 for a mask without one.
        hits_50: Whether each mask is the first to find its true instance at an IoU of .5, in the order of the scores.
        hits_75: The same at .75.
        confident: As `ious`, but matched among the masks with a score of at least `CONFIDENT` alone.
    """

    presence: float
    scores: tuple[float, ...] = ()
    ious: tuple[float, ...] = ()
    hits_50: tuple[bool, ...] = ()
    hits_75: tuple[bool, ...] = ()
    confident: tuple[float, ...] = ()

    @classmethod
    def of(cls, masks: Masks, objects: Sequence[AnnotatedObject], presence: float, ignored: Mask | None = None) -> Found:
        """Compare masks with the true instances.

        Empty masks do not count, nor do masks of which at least half lies in ignored pixels. A mask without a score has a score of 0.

        Args:
            masks: The masks, in any order.
            objects: The true instances, without ignored pixels.
            presence: How sure the model is that there is any.
            ignored: Pixels that are left out.
        """
        seen = [(without(mask, ignored), mask.area) for mask in masks]
        left = Masks([mask for mask, area in seen if 2 * mask.area > area], masks.size)
        scores = np.nan_to_num(np.array([mask.score or 0.0 for mask in left], np.float64))
        order = np.argsort(-scores, kind="stable")
        left, scores = left.where(order), scores[order]
        ious = left.iou_matrix(Masks([true.mask for true in objects], masks.size))
        return cls(
            presence,
            tuple(scores.tolist()),
            tuple(matched_ious(ious).tolist()),
            tuple(hits(ious, 0.5).tolist()),
            tuple(hits(ious, 0.75).tolist()),
            tuple(matched_ious(ious[scores >= CONFIDENT]).tolist()),
        )


def matched_ious(ious: NDArray[np.floating]) -> NDArray[np.float64]:
    """Match masks and true instances one to one, the pair with the highest IoU first.

    Args:
        ious: (N, M) IoU of each mask with each true instance.

    Returns:
        (N,) IoU of each mask with its instance, or 0.
    """
    matched = np.zeros(len(ious))
    rows, columns = set(range(ious.shape[0])), set(range(ious.shape[1]))
    pairs = np.flatnonzero(ious > 0)
    for flat in pairs[np.argsort(-ious.ravel()[pairs], kind="stable")].tolist():
        row, column = divmod(flat, ious.shape[1])
        if row in rows and column in columns:
            rows.remove(row)
            columns.remove(column)
            matched[row] = ious[row, column]
    return matched


def hits(ious: NDArray[np.floating], at: float) -> NDArray[np.bool_]:
    """Return which masks count as found at an IoU, by the rule of COCO: in their order, each takes the best instance that is left.

    Args:
        ious: (N, M) IoU of each mask with each true instance, the mask with the highest score first.
        at: The IoU.
    """
    hit = np.zeros(len(ious), bool)
    free = np.ones(ious.shape[1], bool)
    for row in np.flatnonzero((ious >= at).any(axis=1)).tolist():
        left = np.where(free, ious[row], -1.0)
        column = int(left.argmax())
        if left[column] >= at:
            hit[row], free[column] = True, False
    return hit


def average_precision(scores: ArrayLike, found: ArrayLike, instances: int) -> float | None:
    """Return the average precision by the rule of COCO: the mean over 101 recalls of the best precision at that recall or a higher one.

    Args:
        scores: (N,) scores of the masks of all images.
        found: (N,) whether each mask found an instance.
        instances: Number of true instances.

    Returns:
        The average precision, or None if there is no true instance.
    """
    if not instances:
        return None
    right = np.asarray(found, bool)[np.argsort(-np.asarray(scores, np.float64), kind="stable")].cumsum()
    recall, precision = right / instances, right / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, np.arange(101) / 100, side="left")
    return float(np.where(places < len(best), np.append(best, 0.0)[np.minimum(places, len(best))], 0.0).mean())


def f1(right: int, found: int, instances: int) -> float | None:
    """Return the F1 score of instances, or None if there is neither a mask nor an instance.

    Args:
        right: Number of masks that found an instance.
        found: Number of masks.
        instances: Number of true instances.
    """
    return 2 * right / (found + instances) if found + instances else None


def roc_auc(values: ArrayLike, positive: ArrayLike) -> float | None:
    """Return the area under the ROC curve: the chance that a positive has a higher value than a negative. Equal values count half.

    Args:
        values: (N,) values, such as presence.
        positive: (N,) whether each is positive.

    Returns:
        The area, or None if all are positive or none is.
    """
    known, on = np.asarray(values, np.float64), np.asarray(positive, bool)
    yes, no = known[on], np.sort(known[~on])
    if not len(yes) or not len(no):
        return None
    below, up_to = np.searchsorted(no, yes, side="left"), np.searchsorted(no, yes, side="right")
    return float((below + up_to).mean() / (2 * len(no)))


def matthews(present: ArrayLike, said: ArrayLike) -> float | None:
    """Return Matthews' correlation coefficient of two yes or no answers; 0 if what is said never varies.

    Args:
        present: (N,) whether it is so.
        said: (N,) whether it was said so.

    Returns:
        The coefficient, or None if all are so or none is.
    """
    truth, answer = np.asarray(present, bool), np.asarray(said, bool)
    if truth.all() or not truth.any():
        return None
    yes_yes, no_no = int((truth & answer).sum()), int((~truth & ~answer).sum())
    no_yes, yes_no = int((~truth & answer).sum()), int((truth & ~answer).sum())
    spread = (yes_yes + no_yes) * (yes_yes + yes_no) * (no_no + no_yes) * (no_no + yes_no)
    return float((yes_yes * no_no - no_yes * yes_no) / spread**0.5) if spread else 0.0


def positive_micro_f1(found: Sequence[Found], instances: Sequence[int]) -> float | None:
    """Return pmF1 of SAM 3: F1 of the confident masks in images that show the concept, over all of them, averaged over `CGF1_IOUS`.

    Args:
        found: What was found in each image.
        instances: Number of true instances in each image.

    Returns:
        pmF1, or None if no image shows the concept.
    """
    shown = [(one.confident, count) for one, count in zip(found, instances, strict=True) if count]
    if not shown:
        return None
    ious = np.array([iou for matched, _ in shown for iou in matched])
    total = len(ious) + sum(count for _, count in shown)
    return float(np.mean([2 * int((ious >= at).sum()) / total for at in CGF1_IOUS]))
