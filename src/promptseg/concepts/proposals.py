"""Proposals: prompts for the segmenter, made from the map of an image.

There are three ways, by what the examples are:

- `regions`: The example is the only one in its image, such as a flood, a swan or a car. Each connected part of the map is one prompt: its
  box, its innermost point and itself as a coarse mask.
- `things`: The example is one of many, such as a coin. Points are spread over the map, closer to one another than two things.
- `spots`: The example is smaller than the cells of the map can show, such as a nucleus. Its contrast with its surroundings is then compared
  pixel by pixel, and each peak is a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from ..masks import Mask, Size
from ..postprocess import innermost_point
from ..prompts import Prompt, PromptKind, SpatialPrompt
from ..tracking.appearance import FeatureGrid

SMALLEST_REGION = 0.15
"""Minimum area of a region as a share of the largest one."""

SPACING = 0.5
"""Distance of points on things, as a multiple of the side of a square of the example's area."""

MAX_SPACING = 8.0
"""Maximum distance of points on things, in cells."""

SOFTNESS = 0.55
"""Value of the map from which on a soft mask is full. Below minus this it is empty, and in between it is in doubt."""

_DITHER = (np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) + 0.5) / 16
"""Thresholds of ordered dithering (Bayer, 1973), whose mean over 4 x 4 pixels is the value."""

PEAK = 0.3
"""Minimum contrast of a spot, as a multiple of the example's."""


def regions(
    grid: FeatureGrid, values: NDArray[np.float32], accepts: AbstractSet[PromptKind], most: int, *, soft: bool
) -> list[tuple[SpatialPrompt, Mask]]:
    """Return a prompt for each connected part of a map, with the part; largest first.

    Args:
        grid: Features of the image.
        values: (rows, columns) map, above 0 where something is.
        accepts: Kinds of prompt that the segmenter takes.
        most: Maximum number of prompts.
        soft: Whether the mask of a prompt says where the map is in doubt. A model that averages masks on a coarse grid, as SAM does, reads
            the doubt from dithered pixels.
    """
    import cv2

    fine = grid.upsample(values)
    hot = (fine > 0).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hot)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    found = []
    for index in np.argsort(-areas, kind="stable")[:most]:
        if areas[index] < SMALLEST_REGION * areas.max():
            break
        x, y, width, height = stats[index + 1, :4].tolist()
        part = labels[y : y + height, x : x + width] == index + 1
        mask = Mask.from_crop(part, (x, y), grid.size)
        given = Mask.from_array(_dithered(np.where((labels == 0) | (labels == index + 1), fine, -1))) if soft else mask
        parts = {
            "point": Prompt.point(*innermost_point(mask)),
            "box": Prompt.box(x, y, x + width, y + height),
            "mask": Prompt.mask(given if given.area else mask),
        }
        prompt = SpatialPrompt()
        for kind in ("box", "point", "mask"):
            if kind in accepts:
                prompt = prompt + parts[kind]
        found.append((prompt, mask))
    return found


def _dithered(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return an (H, W) map as pixels whose density says how sure it is."""
    height, width = values.shape
    thresholds = np.tile(_DITHER, (-(-height // 4), -(-width // 4)))[:height, :width]
    return np.asarray((values / SOFTNESS + 1) / 2 > thresholds)


def things(grid: FeatureGrid, values: NDArray[np.float32], share: float, most: int) -> list[SpatialPrompt]:
    """Return points on the cells of a map above 0, best first, with a distance that fits the size of the example.

    Args:
        grid: Features of the image.
        values: (rows, columns) map, above 0 where something is.
        share: Area of the example as a share of its image.
        most: Maximum number of points.
    """
    rows, columns = values.shape
    distance = float(np.clip(SPACING * np.sqrt(share * rows * columns), 1, MAX_SPACING))
    x, y = grid.centers()
    row, column = np.mgrid[:rows, :columns]
    free = values > 0
    points: list[SpatialPrompt] = []
    for cell in np.argsort(-values, axis=None, kind="stable"):
        r, c = divmod(int(cell), columns)
        if values[r, c] <= 0 or len(points) == most:
            break
        if free[r, c]:
            points.append(Prompt.point(float(x[c]) - 0.5, float(y[r]) - 0.5))
            free &= (row - r) ** 2 + (column - c) ** 2 >= (0.99 * distance) ** 2
    return points


def contrast_of(image: NDArray[np.uint8], diameter: float) -> NDArray[np.float32]:
    """Return the contrast of each pixel with its surroundings: (H, W, 3) float32 differences in CIELAB, as OpenCV scales it.

    Args:
        image: (H, W, 3) uint8 RGB.
        diameter: Diameter in pixels of what is looked for.
    """
    import cv2

    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    fine, coarse = (cv2.GaussianBlur(lab, (0, 0), max(least, factor * diameter)) for least, factor in ((0.5, 0.2), (1.0, 0.8)))
    return np.asarray(fine - coarse, np.float32)


def spot_map(
    image: NDArray[np.uint8], contrast: NDArray[np.float32], diameter: float, unlike: Sequence[NDArray[np.float32]] = ()
) -> NDArray[np.float32]:
    """Return the (H, W) contrast of an image along that of the example: 1 where it is as strong. 0 at most where a negative one is nearer.

    Args:
        image: (H, W, 3) uint8 RGB.
        contrast: (3,) mean contrast of the example.
        diameter: Diameter of the example in pixels of this image.
        unlike: (3,) mean contrast of each negative example.
    """
    strength = float(contrast @ contrast)
    found = contrast_of(image, diameter)
    response = np.asarray(found @ (contrast / max(strength, 1e-6)), np.float32)
    for other in unlike:
        nearer = ((found - other) ** 2).sum(axis=2) < ((found - contrast) ** 2).sum(axis=2)
        response[nearer] = np.minimum(response[nearer], 0)
    return response


def spots(response: NDArray[np.float32], diameter: float, size: Size, most: int) -> list[SpatialPrompt]:
    """Return points on the peaks of `spot_map`, strongest first.

    Args:
        response: (H, W) values of `spot_map`.
        diameter: Diameter of the example in pixels.
        size: ``(height, width)`` of the image.
        most: Maximum number of points.
    """
    import cv2

    reach = 2 * max(1, min(int(0.4 * diameter), max(size))) + 1
    highest = cv2.dilate(response, np.ones((reach, reach), np.uint8))
    y, x = np.nonzero((response == highest) & (response > PEAK))
    order = np.argsort(-response[y, x], kind="stable")[:most]
    return [Prompt.point(float(x[index]), float(y[index])) for index in order]
