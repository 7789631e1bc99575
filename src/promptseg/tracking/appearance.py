"""Appearance of objects: a feature vector for each cell of a coarse grid over a frame, and a memory of object and background cells.

The image embedding of a SAM model separates an object from its background well, and it is computed for each frame anyway. The feature
vector of a cell is therefore the embedding at that cell. If a session offers no features, the vector is a color histogram of the cell.

A cell of a new frame is compared with its nearest neighbors in memory: the most similar cells of the object, and the most similar cells
of the background. The difference of the two similarities says how much the cell looks like the object. Matching-based video segmentation
works in the same way (Hu, Huang and Schwing, "VideoMatch", 2018; Oh et al., "Video Object Segmentation using Space-Time Memory Networks",
2019). Nothing is trained here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError
from ..masks import Size
from ..protocols import FeatureMap, HasFeatures, Session

COLOR_CELLS = 64
"""Maximum number of cells along the longer side of a frame, if cells are described by color histograms."""

COLOR_BINS = 8
"""Bins for each CIELAB channel in the color histogram of a cell."""

NEIGHBORS = 3
"""Number of nearest neighbors in memory whose similarities are averaged."""

SHARPNESS = 25.0
"""Slope of the logistic function from the difference of similarities to a likeness."""

MAX_CELLS = 400
"""Maximum number of object cells, and of background cells, in the memory of one frame. Cells are sampled evenly."""

INSIDE, OUTSIDE = 0.5, 0.05
"""Share of a cell covered by the mask: above `INSIDE` the cell belongs to the object, below `OUTSIDE` to the background."""


@dataclass(frozen=True, eq=False)
class FeatureGrid:
    """Coarse grid of cells over one frame, with a feature vector for each cell.

    Attributes:
        vectors: (rows * columns, D) float32 vectors of length 1, row by row.
        shape: ``(rows, columns)``.
        size: ``(height, width)`` of the frame in pixels.
    """

    vectors: NDArray[np.float32]
    shape: Size
    size: Size

    def coverage(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the (rows, columns) share of each cell that a mask (H, W) covers."""
        import cv2

        return np.asarray(cv2.resize(mask.astype(np.float32), self.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)

    def upsample(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values of cells (rows, columns) interpolated to pixels (H, W)."""
        import cv2

        return np.asarray(cv2.resize(values, self.size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)

    def centers(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the centers of the cells in pixels: x (columns,) and y (rows,)."""
        x, y = (
            ((np.arange(count) + 0.5) * length / count).astype(np.float32)
            for count, length in zip(self.shape[::-1], self.size[::-1], strict=True)
        )
        return x, y


def feature_grid_of(session: Session) -> FeatureGrid:
    """Return the feature grid of an opened frame. If the session offers no features, it is made of color histograms."""
    if not isinstance(session, HasFeatures):
        return _colors(session.image)
    return feature_grid(session.features())


def feature_grid(features: FeatureMap) -> FeatureGrid:
    """Return the feature grid of a feature map.

    Raises:
        BackendError: The features are not spatial: they are not an array (channels, rows, columns) with several cells.
    """
    values = features.values
    if values.ndim != 3 or not values.size:
        raise BackendError(f"the features of an image are an array (channels, rows, columns), got shape {values.shape}")
    channels, rows, columns = values.shape
    return FeatureGrid(_normalized(values.reshape(channels, -1).T), (rows, columns), features.size)


@dataclass(frozen=True, eq=False)
class Appearance:
    """Appearance of an object on one frame.

    Attributes:
        inside: (N, D) float32 vectors of object cells.
        outside: (M, D) float32 vectors of background cells.
    """

    inside: NDArray[np.float32]
    outside: NDArray[np.float32]


def appearance_of(grid: FeatureGrid, mask: NDArray[np.bool_]) -> Appearance:
    """Return the appearance of the object with a mask (H, W). If it covers no cell by more than half, the most covered cell is taken."""
    coverage = grid.coverage(mask).ravel()
    inside = coverage > INSIDE
    if not inside.any():
        inside[coverage.argmax()] = True
    outside = (coverage < OUTSIDE) & ~inside
    return Appearance(_sampled(grid.vectors[inside]), _sampled(grid.vectors[outside]))


def likeness(grid: FeatureGrid, appearances: Sequence[Appearance]) -> NDArray[np.float32]:
    """Return how much each cell looks like an object compared with its background: (rows, columns) from 0 to 1."""
    inside, outside = (np.concatenate([getattr(one, side) for one in appearances]) for side in ("inside", "outside"))
    difference = _nearest(grid.vectors, inside) - _nearest(grid.vectors, outside)
    return np.asarray(1 / (1 + np.exp(-SHARPNESS * difference)), np.float32).reshape(grid.shape)


def overlap(coverage: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the soft IoU of two (rows, columns) maps: the coverage of a mask, and the expectation of the object."""
    return float(np.minimum(coverage, expected).sum() / max(float(np.maximum(coverage, expected).sum()), 1e-6))


def _nearest(vectors: NDArray[np.float32], memory: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (N,) mean similarity to the nearest neighbors in memory; 0, as for unrelated vectors, if memory is empty."""
    if not len(memory):
        return np.zeros(len(vectors), np.float32)
    similarity = vectors @ memory.T
    if similarity.shape[1] > NEIGHBORS:
        similarity = np.partition(similarity, -NEIGHBORS, axis=1)[:, -NEIGHBORS:]
    return np.asarray(similarity.mean(axis=1), np.float32)


def _sampled(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return at most `MAX_CELLS` evenly sampled vectors."""
    step = -(-len(vectors) // MAX_CELLS)
    return vectors[::step].copy() if step > 1 else vectors


def _normalized(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def _colors(image: NDArray[np.uint8]) -> FeatureGrid:
    """Return a feature grid of square roots of color histograms. Their scalar product is the Bhattacharyya coefficient."""
    import cv2

    height, width = image.shape[:2]
    scale = min(1.0, COLOR_CELLS / max(height, width))
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32) * ((COLOR_BINS - 1) / 255)
    centers = range(COLOR_BINS)
    soft = (np.maximum(0, 1 - np.abs(lab[..., channel] - center)) for channel in range(3) for center in centers)
    histograms = [cv2.resize(weights, (columns, rows), interpolation=cv2.INTER_AREA).ravel() for weights in soft]
    return FeatureGrid(_normalized(np.sqrt(np.stack(histograms, axis=1))), (rows, columns), (height, width))
