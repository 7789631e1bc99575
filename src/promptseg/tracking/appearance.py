"""What objects look like: each cell of a coarse grid over a frame described, and a memory of an object's cells and of those beside it.

The encoder of a SAM model has looked at the frame already, and its embedding tells an object from its surroundings well: each of its
cells is described by its own features. Where a segmenter shows no embedding, a cell is described by its colors.

A cell of a new frame looks like the object as far as it is more like the most similar cells of the object in memory than like the most
similar ones of the background: nearest neighbors in a feature space decide, as in matching-based video segmentation (Hu, Huang and
Schwing, "VideoMatch", 2018; Oh et al., "Video Object Segmentation using Space-Time Memory Networks", 2019), with nothing to train.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..masks import Size
from ..protocols import HasFeatures, Session

COLOR_CELLS = 64
"""Cells along the longer side of a frame that is described by its colors."""

COLOR_BINS = 8
"""Bins of each CIELAB channel in the description of a cell by its colors."""

NEIGHBORS = 3
"""How many of the most similar cells in memory decide."""

SHARPNESS = 25.0
"""Slope of the logistic function that makes a likeness of a difference of similarities."""

MOST_CELLS = 400
"""Of an object's cells and of those beside it, so many at most are remembered of one frame, evenly chosen."""

INSIDE, OUTSIDE = 0.5, 0.05
"""A cell belongs to an object with more than this share of it in the mask, and to its background with less than that."""


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of one frame.

    Attributes:
        vectors: (rows * columns, D) float32 of length 1.
        grid: ``(rows, columns)``.
        size: ``(height, width)`` of the frame in pixels.
    """

    vectors: NDArray[np.float32]
    grid: Size
    size: Size

    def share(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """(rows, columns) share of each cell that lies in a mask (H, W)."""
        import cv2

        return np.asarray(cv2.resize(mask.astype(np.float32), self.grid[::-1], interpolation=cv2.INTER_AREA), np.float32)

    def spread(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values of cells (rows, columns) as values of pixels (H, W), interpolated."""
        import cv2

        return np.asarray(cv2.resize(values, self.size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)

    def centers(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Where the cells' centers are in pixels: x (columns,) and y (rows,)."""
        x, y = (
            ((np.arange(count) + 0.5) * length / count).astype(np.float32)
            for count, length in zip(self.grid[::-1], self.size[::-1], strict=True)
        )
        return x, y


def cells_of(session: Session) -> Cells:
    """Describe the cells of a frame that was opened, by the session's features where it offers them, else by colors."""
    if not isinstance(session, HasFeatures):
        return _colors(session.image)
    features = session.features()
    channels, rows, columns = features.values.shape
    return Cells(_normalized(features.values.reshape(channels, -1).T), (rows, columns), features.size)


@dataclass(frozen=True, eq=False)
class View:
    """What an object looked like on one frame.

    Attributes:
        inside: (N, D) float32 cells of the object.
        outside: (M, D) float32 cells of its background.
    """

    inside: NDArray[np.float32]
    outside: NDArray[np.float32]


def view(cells: Cells, mask: NDArray[np.bool_]) -> View:
    """What an object with this mask looks like; an object that is smaller than a cell is described by the cell that has most of it."""
    share = cells.share(mask).ravel()
    inside = share > INSIDE
    if not inside.any():
        inside[share.argmax()] = True
    outside = (share < OUTSIDE) & ~inside
    return View(_some(cells.vectors[inside]), _some(cells.vectors[outside]))


def likeness(cells: Cells, views: Sequence[View]) -> NDArray[np.float32]:
    """(rows, columns) how much each cell looks like the object that was seen so, against its background: 0 to 1."""
    inside, outside = (np.concatenate([getattr(one, side) for one in views]) for side in ("inside", "outside"))
    difference = _nearest(cells.vectors, inside) - _nearest(cells.vectors, outside)
    return np.asarray(1 / (1 + np.exp(-SHARPNESS * difference)), np.float32).reshape(cells.grid)


def overlap(share: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Soft IoU of two maps of shares of cells: how well a mask covers what is expected to be the object, and nothing else."""
    return float(np.minimum(share, expected).sum() / max(float(np.maximum(share, expected).sum()), 1e-6))


def _nearest(vectors: NDArray[np.float32], memory: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) mean similarity to the most similar vectors of memory; 0 where there are none, which is that of unrelated ones."""
    if not len(memory):
        return np.zeros(len(vectors), np.float32)
    similarity = vectors @ memory.T
    if similarity.shape[1] > NEIGHBORS:
        similarity = np.partition(similarity, -NEIGHBORS, axis=1)[:, -NEIGHBORS:]
    return np.asarray(similarity.mean(axis=1), np.float32)


def _some(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    step = -(-len(vectors) // MOST_CELLS)
    return vectors[::step].copy() if step > 1 else vectors


def _normalized(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def _colors(image: NDArray[np.uint8]) -> Cells:
    """Cells described by square roots of their color histograms, whose scalar product is the Bhattacharyya coefficient."""
    import cv2

    height, width = image.shape[:2]
    scale = min(1.0, COLOR_CELLS / max(height, width))
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32) * ((COLOR_BINS - 1) / 255)
    centers = range(COLOR_BINS)
    soft = (np.maximum(0, 1 - np.abs(lab[..., channel] - center)) for channel in range(3) for center in centers)
    histograms = [cv2.resize(weights, (columns, rows), interpolation=cv2.INTER_AREA).ravel() for weights in soft]
    return Cells(_normalized(np.sqrt(np.stack(histograms, axis=1))), (rows, columns), (height, width))
