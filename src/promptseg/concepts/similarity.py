"""Similarity: from the cells of examples to a map of an image that says where it looks like them.

Cells are those of `promptseg.tracking.appearance.FeatureGrid`. Two simple classifiers, fitted to the examples alone, are added up, because
they fail in different places:

- A regularized linear discriminant of the cells inside and outside of the examples, fitted in closed form (Hariharan, Malik and Ramanan,
  "Discriminative Decorrelation for Clustering and Classification", 2012). It ignores what both have in common.
- The difference of the similarities to the nearest cells inside and outside (Hu, Huang and Schwing, "VideoMatch", 2018).

The more confident half of the cells on each side of 0 then counts as an example too, and the discriminant is fitted again. This adapts it
to the light and the camera of the searched image. The less familiar an image is, the more it is needed; in another frame of the same video
it only does harm.

An example may be one of many: the cells around one coin are cloth, and other coins. Such cells are found by their cosine with the mean of
the inside, after the mean of the image is taken off. They move inside. Without this, the map would tell one coin from the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..tracking.appearance import INSIDE, OUTSIDE, FeatureGrid

Vectors = NDArray[np.float32]

RIDGE = 0.3
"""Regularization of the linear discriminant, as a multiple of the mean variance of a feature."""

NEIGHBORS = 10
"""Nearest cells whose similarities are averaged."""

NEIGHBOR_WEIGHT = 4.0
"""Weight of the difference of similarities beside the discriminant, whose values are about -1 and 1."""

FAMILIAR = (0.82, 0.88)
"""Mean similarity of an image's cells to the nearest cells of the examples, up to which it is adapted to in full, and from which on not."""

ALIKE_QUANTILE = 0.25
"""A cell around an example is alike if its cosine is above that of this share of the cells inside."""

MANY = 0.5
"""An example is one of many if the cells around it that are alike are more than this multiple of its own cells."""

MAX_CELLS = 4096
"""Maximum number of cells on each side, of one example image and of all together. They are sampled evenly."""


@dataclass(frozen=True, eq=False)
class Look:
    """Look of the examples in one image.

    Attributes:
        inside: (N, D) float32 vectors of length 1 of cells of the positive examples; N is 0 if all are negative.
        outside: (M, D) float32 vectors of cells around them, and of negative examples.
        alike: Cells around the examples that look like them, as a multiple of the examples' own cells.
    """

    inside: Vectors
    outside: Vectors
    alike: float = 0.0


def look_of(grid: FeatureGrid, positive: Sequence[NDArray[np.bool_]], negative: Sequence[NDArray[np.bool_]]) -> Look:
    """Return the look of the examples in one image.

    Args:
        grid: Features of the image.
        positive: Masks (H, W) of positive examples.
        negative: Masks (H, W) of negative examples.
    """
    refused = np.zeros(len(grid.vectors), bool)
    for mask in negative:
        refused |= _covered(grid.coverage(mask).ravel())
    if not positive:
        return Look(grid.vectors[:0], _sampled(grid.vectors[refused]))
    inside, touched = np.zeros_like(refused), np.zeros_like(refused)
    for mask in positive:
        coverage = grid.coverage(mask).ravel()
        inside |= _covered(coverage)
        touched |= coverage >= OUTSIDE
    inside &= ~refused
    outside = (~touched & ~inside) | refused
    if not inside.any():
        return Look(grid.vectors[:0], _sampled(grid.vectors[outside]))
    near = _grown(touched.reshape(grid.shape)).ravel()
    cosines = _cosines(grid.vectors, inside)
    least = np.quantile(cosines[inside], ALIKE_QUANTILE) - 1e-4  # Flat colors differ by rounding alone.
    alike = outside & ~near & ~refused & (cosines >= least)
    ratio = float(alike.sum() / inside.sum())
    if ratio > MANY:
        inside, outside = inside | alike, outside & ~alike
    return Look(_sampled(grid.vectors[inside]), _sampled(grid.vectors[outside]), ratio)


@dataclass(frozen=True, eq=False)
class Likeness:
    """Where an image looks like examples.

    Attributes:
        values: (rows, columns) float32: above 0 where a cell looks more like the inside of the examples than like the rest, about 1 in the
            middle of it.
        inside: (rows * columns,) float32 similarity of each cell to the nearest cells inside, from -1 to 1.
        outside: The same to the nearest cells outside.
    """

    values: NDArray[np.float32]
    inside: NDArray[np.float32]
    outside: NDArray[np.float32]

    @property
    def probability(self) -> NDArray[np.float32]:
        """The values between 0 and 1, by a logistic function: (rows, columns)."""
        return np.asarray(1 / (1 + np.exp(-4 * self.values)), np.float32)


def likeness_of(grid: FeatureGrid, looks: Sequence[Look]) -> Likeness:
    """Return where an image looks like examples.

    Args:
        grid: Features of the image.
        looks: Looks of the examples. At least one has an inside, and one an outside.
    """
    inside, outside = (np.concatenate([getattr(look, side) for look in looks]) for side in ("inside", "outside"))
    like, unlike = nearest(grid.vectors, inside), nearest(grid.vectors, outside)
    apart = NEIGHBOR_WEIGHT * (like - unlike)
    sides = [(look.inside, look.outside) for look in looks]
    values = _discriminant(sides, np.ones(len(sides)), grid.vectors) + apart
    hot, cold = values > 0, values < 0
    unfamiliar = float(np.clip((FAMILIAR[1] - np.maximum(like, unlike).mean()) / (FAMILIAR[1] - FAMILIAR[0]), 0, 1))
    if hot.any() and cold.any() and unfamiliar:
        own = grid.vectors[values > np.median(values[hot])], grid.vectors[values <= np.median(values[cold])]
        if all(map(len, own)):
            adapted = _discriminant([*sides, own], np.append(np.ones(len(sides)), len(sides)), grid.vectors) + apart
            values = unfamiliar * adapted + (1 - unfamiliar) * values
    return Likeness(values.reshape(grid.shape).astype(np.float32), like, unlike)


def thinned(looks: Sequence[Look]) -> list[Look]:
    """Return looks with so few cells that all together have at most `MAX_CELLS` on each side: the time must not grow with the examples."""
    most = max(1, MAX_CELLS // max(1, len(looks)))
    return [Look(_sampled(look.inside, most), _sampled(look.outside, most), look.alike) for look in looks]


def nearest(vectors: Vectors, memory: Vectors) -> NDArray[np.float32]:
    """Return the (N,) mean similarity of vectors to the nearest ones in memory."""
    similarity = vectors @ memory.T
    if similarity.shape[1] > NEIGHBORS:
        similarity = np.partition(similarity, -NEIGHBORS, axis=1)[:, -NEIGHBORS:]
    return np.asarray(similarity.mean(axis=1), np.float32)


def _discriminant(sides: Sequence[tuple[Vectors, Vectors]], shares: NDArray[np.float64], vectors: Vectors) -> NDArray[np.float64]:
    """Return the linear discriminant of vectors: about 1 inside and -1 outside.

    Args:
        sides: Cells inside and outside, of one image each. Both sides weigh alike in all.
        shares: Weight of each image.
        vectors: The vectors.
    """
    cells, wanted, weights = [], [], []
    for side in (0, 1):
        parts = [(pair[side], share) for pair, share in zip(sides, shares, strict=True) if len(pair[side])]
        total = sum(share for _, share in parts)
        for part, share in parts:
            cells.append(part)
            wanted.append(np.full(len(part), 1.0 - 2 * side))
            weights.append(np.full(len(part), 0.5 * share / (total * len(part))))
    known, targets, weight = np.concatenate(cells).astype(np.float64), np.concatenate(wanted), np.concatenate(weights)
    center, middle = weight @ known, weight @ targets
    weighted = (known - center) * weight[:, None]
    covariance = weighted.T @ (known - center)
    covariance[np.diag_indices_from(covariance)] += RIDGE * np.trace(covariance) / len(covariance) + 1e-9
    direction = np.linalg.solve(covariance, weighted.T @ (targets - middle))
    return np.asarray((vectors - center) @ direction + middle)


def _covered(coverage: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the cells of a mask: those that it covers by more than half, or else the ones that it covers most."""
    inside = coverage > INSIDE
    return inside if inside.any() else (coverage >= 0.9 * coverage.max()) & (coverage > 0)


def _cosines(vectors: Vectors, inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the cosines of all cells with the mean of those inside, after the mean of the image is taken off."""
    apart = vectors - vectors.mean(axis=0)
    direction = apart[inside].mean(axis=0)
    lengths = np.linalg.norm(apart, axis=1) * np.linalg.norm(direction)
    return np.asarray(apart @ direction / np.maximum(lengths, 1e-9), np.float32)


def _grown(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    import cv2

    return cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _sampled(vectors: Vectors, most: int = MAX_CELLS) -> Vectors:
    step = -(-len(vectors) // most)
    return vectors[::step].copy() if step > 1 else vectors
