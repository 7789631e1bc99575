"""Aggregates of an evaluation, computed from its rows: means with intervals, baselines, calibration, mask selection and clicks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .predictions import clicks_to
from .rows import ImageRow, ObjectRow
from .statistics import Estimate, estimate

METRICS = ("iou", "dice", "precision", "recall", "boundary_iou", "boundary_f")
"""Metrics of each object, as defined in `promptseg.metrics`."""

GOALS = (0.85, 0.90)
"""IoUs for which the number of clicks is counted (NoC@85 and NoC@90)."""


@dataclass(frozen=True)
class Aggregates:
    """Rows of a run with one prompt protocol, and the aggregates computed from them.

    Attributes:
        model: The model's name; with a detector, ``"detector + segmenter"``.
        prompt: Name of the prompt protocol.
        seed: Seed of the prompts.
        data: Where the dataset is.
        rows: One row for each object.
        images: One row for each image.
    """

    model: str
    prompt: str
    seed: int
    data: str
    rows: tuple[ObjectRow, ...]
    images: tuple[ImageRow, ...]

    def estimate(self, value: str | Callable[[ObjectRow], float], rows: Sequence[ObjectRow] | None = None) -> Estimate:
        """Return mean and interval over rows.

        Args:
            value: Name of a metric, or a function of a row.
            rows: Rows to use; None for all.
        """
        selected = self.rows if rows is None else rows
        read = (lambda row: float(getattr(row, value))) if isinstance(value, str) else value
        return estimate([read(row) for row in selected], [row.group for row in selected])

    @cached_property
    def metrics(self) -> dict[str, Estimate]:
        """Mean and interval of every metric over all objects."""
        return {name: self.estimate(name) for name in METRICS}

    @cached_property
    def baselines(self) -> dict[str, dict[str, Estimate]]:
        """IoU of each baseline, and the paired difference of the model to it: ``{name: {"iou": …, "above": …}}``."""
        names = dict.fromkeys(name for row in self.rows for name in row.baselines)
        found = {}
        for name in names:
            rows = [row for row in self.rows if name in row.baselines]
            ious = np.array([row.iou for row in rows])
            baseline = np.array([row.baselines[name] for row in rows])
            among = [row.group for row in rows]
            found[name] = {"iou": estimate(baseline, among), "above": estimate(ious - baseline, among)}
        return found

    def by(self, what: Callable[[ObjectRow], str | None]) -> dict[str, Estimate]:
        """Return the IoU of groups of objects, the largest group first. `what` returns the name of a row's group."""
        groups: dict[str, list[ObjectRow]] = defaultdict(list)
        for row in self.rows:
            groups[what(row) or ""].append(row)
        return {name: self.estimate("iou", rows) for name, rows in largest_first(groups)}

    @cached_property
    def calibration(self) -> dict[str, Any] | None:
        """Calibration of the model's scores as estimates of the IoU; None if the model gives no scores.

        ``bias`` is the mean of score minus IoU, and ``error`` the mean absolute difference. ``correlation`` is Pearson's coefficient, and
        ``rank_correlation`` that of Spearman; both are None if scores or IoUs do not vary. ``bins`` has mean score and mean IoU for each
        tenth of the score.
        """
        pairs = np.array([(row.score, row.iou) for row in self.rows if row.score is not None], np.float64).reshape(-1, 2)
        if not len(pairs):
            return None
        scores, ious = pairs.T
        tenth = np.clip((scores * 10).astype(int), 0, 9)
        varied = np.ptp(scores) > 0 and np.ptp(ious) > 0
        return {
            "objects": len(pairs),
            "bias": float((scores - ious).mean()),
            "error": float(np.abs(scores - ious).mean()),
            "correlation": float(np.corrcoef(scores, ious)[0, 1]) if varied else None,
            "rank_correlation": float(np.corrcoef(_ranks(scores), _ranks(ious))[0, 1]) if varied else None,
            "bins": [
                {
                    "from": low / 10,
                    "objects": int((tenth == low).sum()),
                    "score_mean": float(scores[tenth == low].mean()),
                    "iou_mean": float(ious[tenth == low].mean()),
                }
                for low in np.unique(tenth).tolist()
            ],
        }

    @cached_property
    def selection(self) -> dict[str, Any] | None:
        """IoU of the selected masks and of the best candidate masks; None if the model gave one candidate per prompt."""
        rows = [row for row in self.rows if row.best_iou is not None]
        if not rows:
            return None
        return {
            "selected": self.estimate("iou", rows).to_dict(),
            "best": self.estimate("best_iou", rows).to_dict(),
            "gap": self.estimate(lambda row: (row.best_iou or 0.0) - row.iou, rows).to_dict(),
        }

    @cached_property
    def clicks(self) -> dict[str, Any] | None:
        """Number of clicks to reach each IoU of `GOALS`; None for other protocols.

        ``mean`` counts an object that does not reach the goal with the maximum number of clicks, as the literature does. ``reached`` is the
        share of objects that reach it. ``iou_mean_after`` is the mean IoU after each click. An object without an error left to click on
        keeps its last IoU.
        """
        kind, _, number = self.prompt.partition(":")
        if kind != "clicks":
            return None
        max_clicks, found = int(number), {}
        for goal in GOALS:
            needed = [clicks_to(row.click_ious, goal) for row in self.rows]
            found[f"to_{round(goal * 100)}"] = {
                "mean": float(np.mean([max_clicks if n is None else n for n in needed])),
                "reached": float(np.mean([n is not None for n in needed])),
            }
        paths = [row.click_ious + row.click_ious[-1:] * (max_clicks - len(row.click_ious)) for row in self.rows]
        return {"max_clicks": max_clicks, **found, "iou_mean_after": np.mean(paths, axis=0).tolist()}

    @property
    def seconds_per_image(self) -> float:
        """Mean seconds per image for opening and segmenting, with or without a cached embedding."""
        return float(np.mean([image.seconds for image in self.images]))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank of each value. Equal values share the mean of their ranks."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[which], np.float64)


_Item = TypeVar("_Item")


def largest_first(groups: Mapping[str, list[_Item]]) -> list[tuple[str, list[_Item]]]:
    """Return groups sorted by size, the largest first, and then by name."""
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
