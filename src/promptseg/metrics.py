"""Mask metrics: IoU, Dice, precision and recall of the pixels; boundary IoU and boundary F of the outlines.

Counts are exact, from run lengths. Every metric is defined for empty masks, and none is NaN:

- Both masks empty: 1. There was nothing to find, and nothing was found. (`promptseg.Mask.iou`, like pycocotools, gives 0 here.)
- One mask empty: 0, precision and recall included. So a model that predicts nothing gains nothing in any mean.

Pixels can be left out by `ignored`, such as void pixels of PASCAL VOC and DAVIS or crowds of COCO. They are removed from both masks first,
so that no metric depends on what a prediction holds there. VOC and DAVIS count in this way.

For boundary F, the image's border is no part of the outline: a mask of the whole image has an empty outline. The two rules above then apply
to the outlines. For boundary IoU, the image's border is a part of the outline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Union

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco

from ._checks import is_number, plain
from .errors import InputError, shown
from .masks import Mask

MaskLike = Union[Mask, ArrayLike]
"""A `Mask`, or (H, W) pixels that `Mask.from_array` takes."""

BOUNDARY_WIDTH = 0.02
"""Width of the band of boundary IoU as a share of the image's diagonal, as published by its authors."""

BOUNDARY_TOLERANCE = 0.008
"""Tolerance of boundary F as a share of the image's diagonal, as in the DAVIS benchmark."""


@dataclass(frozen=True)
class MaskMetrics:
    """All metrics of one mask, each from 0 to 1.

    Attributes:
        iou: Intersection over union (Jaccard index; J of DAVIS).
        dice: Dice coefficient, which is the F1 score of the pixels.
        precision: Share of the predicted pixels that are true.
        recall: Share of the true pixels that are predicted.
        boundary_iou: IoU of the bands along both outlines.
        boundary_f: F1 score of the outlines (F of DAVIS).
    """

    iou: float
    dice: float
    precision: float
    recall: float
    boundary_iou: float
    boundary_f: float


def measure(prediction: MaskLike, truth: MaskLike, *, ignored: MaskLike | None = None) -> MaskMetrics:
    """Return every metric of a prediction, with the published settings.

    Args:
        prediction: The predicted mask.
        truth: The true mask.
        ignored: The pixels that are left out.

    Raises:
        InputError: The masks differ in size, or an argument is not a mask.
    """
    masks = _pair(prediction, truth, ignored)
    shared, predicted, true = _counts(*masks)
    return MaskMetrics(
        _ratio(shared, predicted + true - shared),
        _ratio(2 * shared, predicted + true),
        _share(shared, predicted, true),
        _share(shared, true, predicted),
        boundary_iou(*masks),
        boundary_f(*masks),
    )


def iou(prediction: MaskLike, truth: MaskLike, *, ignored: MaskLike | None = None) -> float:
    """Return the intersection over union.

    Args:
        prediction: The predicted mask.
        truth: The true mask.
        ignored: The pixels that are left out.

    Raises:
        InputError: The masks differ in size, or an argument is not a mask.
    """
    shared, predicted, true = _counts(*_pair(prediction, truth, ignored))
    return _ratio(shared, predicted + true - shared)


def dice(prediction: MaskLike, truth: MaskLike, *, ignored: MaskLike | None = None) -> float:
    """Return the Dice coefficient: twice the intersection over the sum of both areas.

    Args:
        prediction: The predicted mask.
        truth: The true mask.
        ignored: The pixels that are left out.

    Raises:
        InputError: The masks differ in size, or an argument is not a mask.
    """
    shared, predicted, true = _counts(*_pair(prediction, truth, ignored))
    return _ratio(2 * shared, predicted + true)


def precision(prediction: MaskLike, truth: MaskLike, *, ignored: MaskLike | None = None) -> float:
    """Return the share of the predicted pixels that are true.

    Args:
        prediction: The predicted mask.
        truth: The true mask.
        ignored: The pixels that are left out.

    Raises:
        InputError: The masks differ in size, or an argument is not a mask.
    """
    shared, predicted, true = _counts(*_pair(prediction, truth, ignored))
    return _share(shared, predicted, true)


def recall(prediction: MaskLike, truth: MaskLike, *, ignored: MaskLike | None = None) -> float:
    """Return the share of the true pixels that are predicted.

    Args:
        prediction: The predicted mask.
        truth: The true mask.
        ignored: The pixels that are left out.

    Raises:
        InputError: The masks differ in size, or an argument is not a mask.
    """
    shared, predicted, true = _counts(*_pair(prediction, truth, ignored))
    return _share(shared, true, predicted)


_FARTHEST = 1e9  # Diagonals, or pixels. Beyond any image, and far below what floats hold.


def boundary_iou(prediction: MaskLike, truth: MaskLike, *, width: float = BOUNDARY_WIDTH, ignored: MaskLike | None = None) -> float:
    """Return the boundary IoU: the IoU of the bands inside both masks along their outlines.

    Cheng, Girshick, Dollár, Berg and Kirillov define it in "Boundary IoU" (2021). The band of a mask is those of its pixels from which the
    outside can be reached in d steps along rows, columns and diagonals. Everything beyond the image's border is outside.

    Args:
        prediction: The predicted mask.
        truth: The true mask.
        width: d as a share of the image's diagonal. It is rounded to whole pixels and is at least 1.
        ignored: The pixels that are left out.

    Raises:
        InputError: The masks differ in size, an argument is not a mask, or `width` is not above 0.
    """
    first, second = _pair(prediction, truth, ignored)
    width = plain(width)
    if not is_number(width) or not 0 < width <= _FARTHEST:
        raise InputError(f"the width of the boundary is a share of the diagonal above 0, got {shown(width)}")
    steps = max(1, round(width * math.hypot(*first.size)))
    window = _window((first, second), margin=0)
    bands = [_band(_cut(mask, window), steps) for mask in (first, second)]
    return _ratio(int(np.count_nonzero(bands[0] & bands[1])), int(np.count_nonzero(bands[0] | bands[1])))


def boundary_f(prediction: MaskLike, truth: MaskLike, *, tolerance: float = BOUNDARY_TOLERANCE, ignored: MaskLike | None = None) -> float:
    """Return the boundary F: the harmonic mean of the shares of each outline that lie near the other one.

    The definition is that of DAVIS (Perazzi et al. 2016, Pont-Tuset et al. 2017). A pixel belongs to the outline if it differs from its
    right, lower or lower right neighbor. It is near the other outline if a pixel of that outline lies within r pixels.

    Args:
        prediction: The predicted mask.
        truth: The true mask.
        tolerance: r as a share of the image's diagonal if below 1, else in pixels. It is rounded up to whole pixels.
        ignored: The pixels that are left out.

    Raises:
        InputError: The masks differ in size, an argument is not a mask, or `tolerance` is negative.
    """
    first, second = _pair(prediction, truth, ignored)
    tolerance = plain(tolerance)
    if not is_number(tolerance) or not 0 <= tolerance <= _FARTHEST:
        raise InputError(f"the tolerance is a share of the diagonal, or pixels, of at least 0, got {shown(tolerance)}")
    reach = math.ceil(tolerance if tolerance >= 1 else tolerance * math.hypot(*first.size))
    window = _window((first, second), margin=1)
    outlines = [_outline(_cut(mask, window)) for mask in (first, second)]
    counts = [int(np.count_nonzero(outline)) for outline in outlines]
    if not all(counts):
        return float(not any(counts))
    near = [
        int(np.count_nonzero(_distances(other)[outline] <= reach + 1e-3)) / count  # Distances are roots of whole numbers, in float32.
        for outline, other, count in zip(outlines, outlines[::-1], counts, strict=True)
    ]
    return 2 * near[0] * near[1] / sum(near) if sum(near) else 0.0


def without(mask: Mask, ignored: Mask | None) -> Mask:
    """Return a mask without the pixels of another one. Score and label stay.

    Raises:
        InputError: The masks differ in size.
    """
    if ignored is None or not ignored.area or not mask.area:
        return mask
    _check_sizes(mask, ignored)
    encoded = [{"size": one.size, "counts": one.counts} for one in (mask, ignored)]
    if not coco.area(coco.merge(encoded, intersect=True)):
        return mask
    return Mask.from_array(mask.array & ~ignored.array, score=mask.score, label=mask.label)


def _pair(prediction: MaskLike, truth: MaskLike, ignored: MaskLike | None) -> tuple[Mask, Mask]:
    first, second = (_mask(mask) for mask in (prediction, truth))
    _check_sizes(first, second)
    if ignored is None:
        return first, second
    left_out = _mask(ignored)
    return without(first, left_out), without(second, left_out)


def _mask(mask: MaskLike) -> Mask:
    return mask if isinstance(mask, Mask) else Mask.from_array(mask)


def _check_sizes(first: Mask, second: Mask) -> None:
    if first.size != second.size:
        raise InputError(f"a mask is compared with one of its size (height, width), got {first.size} and {second.size}")


def _counts(prediction: Mask, truth: Mask) -> tuple[int, int, int]:
    """Return the numbers of shared pixels, of predicted pixels and of true pixels."""
    encoded = [{"size": mask.size, "counts": mask.counts} for mask in (prediction, truth)]
    return int(coco.area(coco.merge(encoded, intersect=True))), prediction.area, truth.area


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _share(shared: int, of: int, other: int) -> float:
    return shared / of if of else float(not other)


Window = tuple[int, int, int, int]


def _window(masks: tuple[Mask, Mask], margin: int) -> Window:
    """Return ``x0, y0, x1, y1`` around both masks, with a margin, within the image. No outline or band lies outside it."""
    height, width = masks[0].size
    boxes = np.array([mask.box for mask in masks if mask.area], int).reshape(-1, 4)
    if not len(boxes):
        return 0, 0, 1, 1
    (x0, y0), (x1, y1) = boxes[:, :2].min(0).tolist(), boxes[:, 2:].max(0).tolist()
    return max(0, x0 - margin), max(0, y0 - margin), min(width, x1 + margin), min(height, y1 + margin)


def _cut(mask: Mask, window: Window) -> NDArray[np.bool_]:
    x0, y0, x1, y1 = window
    return mask.array[y0:y1, x0:x1]


def _band(pixels: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    import cv2

    # A square as large as the whole window removes everything. A larger one would only cost time.
    side = 2 * min(steps, max(pixels.shape)) + 1
    inner = cv2.erode(pixels.astype(np.uint8), np.ones((side, side), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(pixels & (inner == 0))


def _outline(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    grown = np.pad(pixels, ((0, 1), (0, 1)), mode="edge")
    right, below, diagonal = grown[:-1, 1:], grown[1:, :-1], grown[1:, 1:]
    return np.asarray((pixels != right) | (pixels != below) | (pixels != diagonal))


def _distances(outline: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the (H, W) distance of each pixel to the outline, in pixels."""
    import cv2

    return np.asarray(cv2.distanceTransform((~outline).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
