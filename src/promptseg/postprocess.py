"""Postprocessing of masks: small areas, holes and islands, duplicates, merging. Each step takes `Masks` and returns `Masks`.

A number that is out of its range is a `ConfigError`, and what is not a `Masks` an `InputError`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ._checks import between, whole_number
from .errors import ConfigError, InputError, shown
from .masks import Mask, Masks


def drop_small(masks: Masks, min_area: int) -> Masks:
    """Return the masks of at least `min_area` pixels."""
    _check(masks)
    return masks.where(masks.areas >= whole_number("min_area", min_area, 0))


def fill_holes(masks: Masks, max_area: int | None = None) -> Masks:
    """Fill holes (background that the mask encloses) of at most `max_area` pixels; None fills all holes."""
    _check(masks)
    if max_area is not None:
        max_area = whole_number("max_area", max_area, 0)
    return Masks((_change_regions(mask, hole_limit=max_area, island_limit=0) for mask in masks), masks.size)


def drop_islands(masks: Masks, min_area: int) -> Masks:
    """Remove connected parts of fewer than `min_area` pixels, but never a mask's largest part."""
    _check(masks)
    min_area = whole_number("min_area", min_area, 0)
    return Masks((_change_regions(mask, hole_limit=0, island_limit=min_area) for mask in masks), masks.size)


def clean_regions(mask: Mask, min_area: int) -> Mask:
    """Return a mask without its holes and islands of fewer than `min_area` pixels.

    The rules are those of ``postprocess_small_regions`` in segment-anything. Regions are 8-connected. Small background regions at the
    image's border count as holes. The largest part always stays.
    """
    if not isinstance(mask, Mask):
        raise InputError(f"expected a Mask, got {shown(mask)}")
    min_area = whole_number("min_area", min_area, 0)
    return _change_regions(mask, hole_limit=min_area - 1, island_limit=min_area, border_holes=True)


def innermost_point(mask: Mask) -> tuple[float, float]:
    """Return ``(x, y)`` in pixels of the pixel farthest from the mask's border. The image's border counts as a border of the mask.

    Args:
        mask: A mask that is not empty.

    Raises:
        InputError: The mask is empty.
    """
    import cv2

    if not isinstance(mask, Mask) or not mask.area:
        raise InputError(f"expected a Mask that is not empty, got {shown(mask)}")
    crop, (x0, y0) = mask.crop()
    inside = np.pad(crop.astype(np.uint8), 1)
    distances = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    row, column = np.unravel_index(int(np.argmax(distances)), distances.shape)
    return float(x0 + column), float(y0 + row)


def nms(masks: Masks, threshold: float, *, by: Literal["mask", "box"] = "mask", per_label: bool = True) -> Masks:
    """Apply non-maximum suppression: of masks that overlap, keep the one with the highest score.

    Args:
        masks: The masks. A mask without a score counts as the worst.
        threshold: IoU above which two masks are duplicates.
        by: Whether to compare masks or their boxes.
        per_label: Whether only masks with the same label can be duplicates.
    """
    _check(masks)
    threshold = between("threshold", threshold)
    if by not in ("mask", "box"):
        raise ConfigError(f"by is 'mask' or 'box', got {shown(by)}")
    scores = np.nan_to_num(masks.scores, nan=-np.inf)
    overlap = masks.iou_matrix() if by == "mask" else box_iou(masks.boxes, masks.boxes)
    if per_label:
        labels = np.array([str(label) for label in masks.labels])
        overlap = overlap * (labels[:, None] == labels[None, :])
    return masks.where(sorted(_greedy(lambda index: overlap[index], scores, threshold)))


def merge_by_label(masks: Masks) -> Masks:
    """Return one mask per label: the union of its masks, with the best of their scores."""
    _check(masks)
    merged = []
    for label in dict.fromkeys(masks.labels):
        same = masks.where([other == label for other in masks.labels])
        union = replace(same.union(), label=label, from_box=any(mask.from_box for mask in same))
        if not np.isnan(same.scores).all():
            best = same[int(np.nanargmax(same.scores))]
            union = replace(union, score=float(np.nanmax(same.scores)), predicted_iou=best.predicted_iou)
        merged.append(union)
    return Masks(merged, masks.size)


def keep_best(masks: Masks, max_count: int) -> Masks:
    """Return the `max_count` masks with the highest scores, in their original order."""
    _check(masks)
    max_count = whole_number("max_count", max_count, 0)
    order = np.argsort(-np.nan_to_num(masks.scores, nan=-np.inf), kind="stable")
    return masks.where(sorted(order[:max_count].tolist()))


def box_iou(rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (N, M) IoU of (N, 4) with (M, 4) ``xyxy`` boxes; 0 where both have no area."""
    low = np.maximum(rows[:, None, :2], columns[None, :, :2])
    high = np.minimum(rows[:, None, 2:], columns[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=-1)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1) for boxes in (rows, columns)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    overlap: NDArray[np.float32] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap


def box_nms(boxes: NDArray[np.float32], scores: NDArray[np.floating], threshold: float, max_count: int | None = None) -> list[int]:
    """Return the indices of the boxes that survive non-maximum suppression, best score first (as ``torchvision.ops.nms``).

    With `max_count`, at most that many indices are returned.
    """
    return _greedy(lambda index: box_iou(boxes[index : index + 1], boxes)[0], scores, threshold, max_count)


def _check(masks: Masks) -> None:
    if not isinstance(masks, Masks):
        raise InputError(f"expected Masks, got {shown(masks)}")


def _greedy(
    overlap_with: Callable[[int], NDArray[np.float32]], scores: NDArray[np.floating], threshold: float, max_count: int | None = None
) -> list[int]:
    keep: list[int] = []
    dropped = np.zeros(len(scores), bool)
    for index in np.argsort(-scores, kind="stable"):
        if len(keep) == max_count:
            break
        if not dropped[index]:
            keep.append(int(index))
            dropped |= overlap_with(int(index)) > threshold
    return keep


def _change_regions(mask: Mask, *, hole_limit: int | None, island_limit: int, border_holes: bool = False) -> Mask:
    """Fill holes of at most `hole_limit` pixels (None: all), then drop islands of fewer than `island_limit` pixels.

    The same mask object is returned if nothing changes.
    """
    x0, y0, x1, y1 = (int(v) for v in mask.box)
    if x1 <= x0:
        return mask
    # Holes and islands lie within the box. A margin of one pixel joins the background around the mask.
    if border_holes:
        x0, y0, x1, y1 = 0, 0, mask.size[1], mask.size[0]
    pixels = np.pad(mask.array[y0:y1, x0:x1], 0 if border_holes else 1)
    changed = False
    if hole_limit is None or hole_limit > 0:
        holes = _small_regions(~pixels, hole_limit, spare="none" if border_holes else "border")
        changed |= bool(holes.any())
        pixels |= holes
    if island_limit > 0:
        islands = _small_regions(pixels, island_limit - 1, spare="largest")
        changed |= bool(islands.any())
        pixels &= ~islands
    if not changed:
        return mask
    inner = pixels if border_holes else pixels[1:-1, 1:-1]
    new = Mask.from_crop(inner, (x0, y0), mask.size)
    return replace(mask, counts=new.counts)


def _small_regions(pixels: NDArray[np.bool_], limit: int | None, spare: Literal["none", "border", "largest"]) -> NDArray[np.bool_]:
    """Return the connected regions of at most `limit` pixels (None: of any size), except the one to spare."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(pixels.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    small = np.ones(len(areas), bool) if limit is None else areas <= limit
    small[0] = False  # Label 0 is where `pixels` is False.
    if spare == "border":
        small[labels[0, 0]] = False
    elif spare == "largest" and len(areas) > 1:
        small[1 + int(np.argmax(areas[1:]))] = False
    return np.asarray(small[labels])
