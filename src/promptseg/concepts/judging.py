"""Judging: the score of each candidate mask, from 0 to 1, and the choice among masks that overlap.

The score of a mask is a product. Each factor lowers it for a reason:

- the predicted IoU of the segmenter (1 if it predicts none): whether the mask is a good one of whatever it is of;
- the agreement: whether it is of what was looked for;
- of things and spots, the size beside that of the examples: a thing of twice or half their area has 0.61 of the score, one of
  four times 0.14. Spots are so small that a pixel more or less counts: there it is 0.78 and 0.37.

The agreement of a region is its soft IoU with its part of the map. That of a thing is the mean probability of the map in it, and that of a
spot its contrast beside that of the example, at most 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from ..masks import Masks
from ..tracking.appearance import FeatureGrid, overlap

OVERLAP = 0.5
"""Of two masks whose intersection is more than this share of the smaller one, the better one is kept."""


SEVERAL = 5
"""Number of masks from which on their median area takes the place of the example's."""


def predicted(masks: Masks) -> NDArray[np.float64]:
    """Return the (N,) predicted IoU of masks between 0 and 1; 1 for a mask without a score."""
    return np.clip(np.nan_to_num(masks.scores.astype(np.float64), nan=1.0), 0, 1)


def size_factors(masks: Masks, share: float, octaves: float = 1.0) -> NDArray[np.float64]:
    """Return the (N,) factors for the sizes of masks.

    Args:
        masks: N masks.
        share: Share of the image at which the factor is 1.
        octaves: Standard deviation of the areas, as a power of 2.
    """
    shares = masks.areas / (masks.size[0] * masks.size[1])
    away = np.log2(np.maximum(shares, 1e-12) / share) / octaves
    return np.asarray(np.where(shares > 0, np.exp(-(away**2) / 2), 0.0))


def sized_scores(masks: Masks, scores: NDArray[np.float64], share: float, octaves: float, threshold: float) -> NDArray[np.float64]:
    """Return the (N,) scores of masks with their sizes, first beside the example and then beside the median of what is kept.

    One example may be the largest or the smallest of all. If several are found by it, they say better what is usual.

    Args:
        masks: N masks.
        scores: Their scores without sizes.
        share: Area of the example as a share of its image.
        octaves: Standard deviation of the areas, as a power of 2.
        threshold: Minimum score of a mask that is kept.
    """
    first = scores * size_factors(masks, share, octaves)
    kept = chosen(masks, first, threshold)
    if len(kept) < SEVERAL:
        return first
    usual = float(np.median(masks.areas[kept])) / (masks.size[0] * masks.size[1])
    return scores * size_factors(masks, usual, octaves)


def region_scores(grid: FeatureGrid, probability: NDArray[np.float32], masks: Masks, parts: Masks) -> NDArray[np.float64]:
    """Return the (N,) soft IoU of masks with their parts of a map.

    Args:
        grid: Features of the image.
        probability: (rows, columns) map from 0 to 1.
        masks: N masks.
        parts: The connected part of the map that each mask was made from.
    """
    scores = []
    others = parts.union().array
    for mask, part in zip(masks, parts, strict=True):
        own = part.array
        rest = grid.coverage(others & ~own)
        scores.append(overlap(grid.coverage(mask.array), np.asarray(probability * (1 - rest), np.float32)))
    return np.array(scores, np.float64)


def thing_scores(grid: FeatureGrid, probability: NDArray[np.float32], masks: Masks) -> NDArray[np.float64]:
    """Return the (N,) mean probability of a map (rows, columns) inside of masks; 0 for an empty mask."""
    scores = np.zeros(len(masks))
    for index, mask in enumerate(masks):
        coverage = grid.coverage(mask.array)
        scores[index] = float((coverage * probability).sum() / max(float(coverage.sum()), 1e-9))
    return scores


def spot_scores(response: NDArray[np.float32], masks: Masks) -> NDArray[np.float64]:
    """Return the (N,) mean of a map of pixels (H, W) inside of masks, between 0 and 1; 0 for an empty mask."""
    scores = np.zeros(len(masks))
    for index, mask in enumerate(masks):
        crop, (x, y) = mask.crop()
        if crop.size:
            scores[index] = float(response[y : y + crop.shape[0], x : x + crop.shape[1]][crop].mean())
    return np.clip(scores, 0, 1)


def chosen(masks: Masks, scores: Sequence[float] | NDArray[np.float64], threshold: float) -> list[int]:
    """Return the indices of masks that are kept, best first: scores above the threshold, and none that overlaps a better one."""
    values = np.asarray(scores, np.float64)
    order = [int(index) for index in np.argsort(-values, kind="stable") if values[index] > threshold and masks[int(index)].area]
    runs = [{"size": list(masks.size), "counts": masks[index].counts} for index in order]
    kept: list[int] = []
    for index, run in enumerate(runs):
        if kept:
            others = [runs[place] for place in kept]
            within = max(coco.iou([run], others, [1] * len(others)).max(), coco.iou(others, [run], [1]).max())  # As crowds: by area.
            if within > OVERLAP:
                continue
        kept.append(index)
    return [order[place] for place in kept]
