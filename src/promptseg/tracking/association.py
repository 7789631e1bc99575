"""Association of detections with known objects by mask IoU or color similarity, as an optimal assignment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .._install import install_extra
from ..errors import MissingDependencyError
from ..masks import Mask


def assign(similarity: NDArray[np.float64], minimum: float) -> list[tuple[int, int]]:
    """Return the pairs of rows and columns with the greatest total similarity. Each row and column is in one pair at most.

    The assignment is that of the Hungarian method (Kuhn, 1955), computed by SciPy.

    Args:
        similarity: (N, M) similarity of each pair.
        minimum: Similarity below which a pair is left out.

    Raises:
        MissingDependencyError: SciPy is missing.
    """
    if not similarity.size:
        return []
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise MissingDependencyError(
            f"associating detections with objects needs scipy, which is not installed: {install_extra('video')}"
        ) from error
    # Pairs below the minimum count as 0, so that they do not displace pairs above it.
    rows, columns = linear_sum_assignment(np.where(similarity >= minimum, similarity, 0.0), maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if similarity[row, column] >= minimum]


def color_histogram(image: NDArray[np.uint8], mask: Mask) -> NDArray[np.float64]:
    """Return the color histogram under a mask that is not empty: (512,) square roots of the shares of CIELAB bins, 8 for each channel."""
    import cv2

    x0, y0, x1, y1 = (int(value) for value in mask.box)
    lab = cv2.cvtColor(np.ascontiguousarray(image[y0:y1, x0:x1]), cv2.COLOR_RGB2LAB)
    inside = mask.crop()[0].astype(np.uint8)
    histogram = cv2.calcHist([lab], [0, 1, 2], inside, [8, 8, 8], [0, 256, 0, 256, 0, 256]).ravel()
    return np.asarray(np.sqrt(histogram / histogram.sum()), np.float64)


def same_label(first: str | None, second: str | None) -> bool:
    """Return whether two labels may belong to the same object: they are equal, or one of them is unknown."""
    return first is None or second is None or first == second


def iou_matrix(first: Sequence[Mask], second: Sequence[Mask]) -> NDArray[np.float64]:
    """Return the (N, M) IoU between masks, with 0 for masks of different labels."""
    matrix = np.zeros((len(first), len(second)))
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            if same_label(one.label, other.label):
                matrix[row, column] = one.iou(other)
    return matrix
