"""Means with bootstrap intervals over groups of objects that are not independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
"""Number of bootstrap resamples for an interval."""


@dataclass(frozen=True)
class Estimate:
    """Mean over objects, with its uncertainty.

    Attributes:
        mean: The mean.
        std: Sample standard deviation over objects (n - 1), or None for one object.
        ci95: 95 % bootstrap interval of the mean, or None if all objects are in one group, because the variation between groups is then
            unknown.
        count: Number of objects.
    """

    mean: float
    std: float | None
    ci95: tuple[float, float] | None
    count: int

    def to_dict(self) -> dict[str, Any]:
        """Return the estimate as values that `json` can write."""
        return {"mean": self.mean, "std": self.std, "ci95": None if self.ci95 is None else list(self.ci95), "objects": self.count}

    def __str__(self) -> str:
        spread = "" if self.std is None else f" ± {self.std:.4f}"
        return f"{self.mean:.4f}{spread}" + ("" if self.ci95 is None else f"  [{self.ci95[0]:.4f}, {self.ci95[1]:.4f}]")


def estimate(values: Sequence[float] | NDArray[np.float64], groups: Sequence[str], seed: int = 0) -> Estimate:
    """Return mean, standard deviation and 95 % interval of a value per object.

    The interval is a percentile bootstrap over groups: groups are drawn with replacement, each with all of its objects. Objects of one
    image succeed and fail together, and so do frames of one sequence. Drawing single objects would give an interval that is too narrow.

    Args:
        values: One value per object; at least one.
        groups: Group of each object: its image, or the sequence of its image.
        seed: Seed of the bootstrap.
    """
    array = np.asarray(values, np.float64)
    _, group = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    sums, counts = (np.asarray(np.bincount(group, each), np.float64) for each in (array, None))
    std = float(array.std(ddof=1)) if len(array) > 1 else None
    return Estimate(float(array.mean()), std, _interval(sums, counts, seed), len(array))


def _interval(sums: NDArray[np.float64], counts: NDArray[np.float64], seed: int) -> tuple[float, float] | None:
    if len(sums) < 2:
        return None
    random = np.random.default_rng(seed)
    means = []
    at_once = max(1, 2_000_000 // len(sums))
    for start in range(0, RESAMPLES, at_once):
        drawn = random.integers(len(sums), size=(min(at_once, RESAMPLES - start), len(sums)))
        means.append(sums[drawn].sum(1) / counts[drawn].sum(1))
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5]).tolist()
    return low, high
