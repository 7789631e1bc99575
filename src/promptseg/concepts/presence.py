"""Presence: the probability that an image shows any instance of what examples show.

Two numbers decide, both from similarities of cells and so without decoding a mask:

- The counterparts: how similar the examples' cells are to their nearest cells in the searched image, less how similar they are to one
  another. A look that varies must not be found again cell by cell.
- The familiarity: how similar the cells of the searched image are to the nearest ones of the example images, inside or around. An image of
  another kind has few that are.

A logistic function of them is the probability. It holds for images of which about half show the concept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..tracking.appearance import FeatureGrid
from .similarity import NEIGHBORS, Likeness, Look

MAX_COUNTERPARTS = 1000
"""Maximum number of cells of the examples whose counterparts are looked for. They are sampled evenly."""

WEIGHTS = (-9.74, 13.94, 14.43)
"""Constant, weight of the counterparts and weight of the familiarity.

A logistic regression fitted them with mini-sam, on one half of the images of `benchmarks/exemplars.py presence`: floods and images of COCO
answered from one flood, frames of three videos answered from the first frame of each. Both sets, and both answers, weighed alike.
"""


def measured(grid: FeatureGrid, looks: Sequence[Look], likeness: Likeness) -> tuple[float, float]:
    """Return the counterparts and the familiarity of an image."""
    inside = np.concatenate([look.inside for look in looks])
    similarity = inside[:: -(-len(inside) // MAX_COUNTERPARTS)] @ grid.vectors.T
    best = np.partition(similarity, -3, axis=1)[:, -3:] if similarity.shape[1] > 3 else similarity
    cohesion = np.mean([_cohesion(look) for look in looks if len(look.inside)])
    familiar = np.quantile(np.maximum(likeness.inside, likeness.outside), 0.25)
    return float(best.mean() - cohesion), float(familiar)


def presence_of(grid: FeatureGrid, looks: Sequence[Look], likeness: Likeness) -> float:
    """Return the probability that an image shows any instance, from 0 to 1."""
    constant, *weights = WEIGHTS
    return float(1 / (1 + np.exp(-(constant + np.dot(weights, measured(grid, looks, likeness))))))


def _cohesion(look: Look) -> float:
    """Return the mean similarity of the cells inside to the nearest others; 1 for a single cell."""
    count = len(look.inside)
    if count < 2:
        return 1.0
    similarity = look.inside @ look.inside.T
    np.fill_diagonal(similarity, -np.inf)
    most = min(NEIGHBORS, count - 1)
    return float(np.partition(similarity, -most, axis=1)[:, -most:].mean())
