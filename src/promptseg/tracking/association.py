"""Association of found masks with known objects: by overlap, or by color for lost objects, so that the sum is greatest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingDependencyError
from ..masks import Mask


def assign(worth: NDArray[np.float64], least: float) -> list[tuple[int, int]]:
    """Return the pairs of rows and columns with the greatest sum of worth, each in one pair at most, without those below `least`.

    The assignment is that of the Hungarian method (Kuhn, 1955), by SciPy.

    Raises:
        MissingDependencyError: SciPy is missing.
    """
    if not worth.size:
        return []
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise MissingDependencyError(
            "associating detections with objects needs scipy, which is not installed: pip install 'promptseg[video]'"
        ) from error
    # What is worth too little counts as nothing, lest it take the place of a pair that is worth enough.
    rows, columns = linear_sum_assignment(np.where(worth >= least, worth, 0.0), maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if worth[row, column] >= least]


def color_histogram(image: NDArray[np.uint8], mask: Mask) -> NDArray[np.float64]:
    """Return the color histogram (CIELAB, 8 bins a channel) under a mask that is not empty: (512,) square roots of the shares."""
    import cv2

    x0, y0, x1, y1 = (int(value) for value in mask.box)
    lab = cv2.cvtColor(np.ascontiguousarray(image[y0:y1, x0:x1]), cv2.COLOR_RGB2LAB)
    inside = mask.crop()[0].astype(np.uint8)
    histogram = cv2.calcHist([lab], [0, 1, 2], inside, [8, 8, 8], [0, 256, 0, 256, 0, 256]).ravel()
    return np.asarray(np.sqrt(histogram / histogram.sum()), np.float64)


def same_label(first: str | None, second: str | None) -> bool:
    """Return whether two labels may be of one object: they are equal, or one of them is unknown."""
    return first is None or second is None or first == second


def iou_matrix(first: Sequence[Mask], second: Sequence[Mask]) -> NDArray[np.float64]:
    """Return the (N, M) IoU of masks whose labels agree; 0 where they do not."""
    worth = np.zeros((len(first), len(second)))
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            if same_label(one.label, other.label):
                worth[row, column] = one.iou(other)
    return worth
