"""Figures of an evaluation: means with intervals, baselines, calibration, choice and clicks, made of its rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from .predictions import clicks_to
from .rows import ImageRow, ObjectRow
from .statistics import Estimate, estimate

METRICS = ("iou", "dice", "precision", "recall", "boundary_iou", "boundary_f")
"""What is measured for each object; see `promptseg.metrics`."""

GOALS = (0.85, 0.90)
"""The IoU to which clicks are counted."""


@dataclass(frozen=True)
class Figures:
    """The rows of a run by one protocol, and the figures made of them.

    Attributes:
        model: The model's name; with a detector, ``"detector + segmenter"``.
        prompt: Name of the protocol.
        seed: By which the prompts were drawn.
        data: Where the images are.
        rows: The objects.
        images: The images.
    """

    model: str
    prompt: str
    seed: int
    data: str
    rows: tuple[ObjectRow, ...]
    images: tuple[ImageRow, ...]

    def estimate(self, value: str | Callable[[ObjectRow], float], rows: Sequence[ObjectRow] | None = None) -> Estimate:
        """Mean and interval of a metric, or of what a function gives for each row, over all rows or some."""
        chosen = self.rows if rows is None else rows
        read = (lambda row: float(getattr(row, value))) if isinstance(value, str) else value
        return estimate([read(row) for row in chosen], [row.group for row in chosen])

    @cached_property
    def metrics(self) -> dict[str, Estimate]:
        """Every metric over all objects."""
        return {name: self.estimate(name) for name in METRICS}

    @cached_property
    def baselines(self) -> dict[str, dict[str, Estimate]]:
        """IoU of each baseline, and how much the model is above it, object by object: ``{name: {"iou": …, "above": …}}``."""
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
        """IoU of groups of objects, by what a function gives for each row; the largest group first."""
        groups: dict[str, list[ObjectRow]] = defaultdict(list)
        for row in self.rows:
            groups[what(row) or ""].append(row)
        return {name: self.estimate("iou", rows) for name, rows in largest_first(groups)}

    @cached_property
    def calibration(self) -> dict[str, Any] | None:
        """How well the model's scores say what the IoU is; None where it gives no scores.

        ``bias`` is how much higher the score is on average, ``error`` the mean difference without sign, ``correlation`` Pearson's (None
        where one of them does not vary), ``bins`` score and IoU in tenths of the score.
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
    def choice(self) -> dict[str, Any] | None:
        """The chosen masks against the best of those that the model proposed; None where it had no choice."""
        rows = [row for row in self.rows if row.best_iou is not None]
        if not rows:
            return None
        return {
            "chosen": self.estimate("iou", rows).to_dict(),
            "best": self.estimate("best_iou", rows).to_dict(),
            "gap": self.estimate(lambda row: (row.best_iou or 0.0) - row.iou, rows).to_dict(),
        }

    @cached_property
    def clicks(self) -> dict[str, Any] | None:
        """How many clicks the objects took to reach each goal; None for other protocols.

        ``mean`` counts an object that did not reach the goal with the most clicks that the protocol allows, as the literature does;
        ``reached`` is the share of those that did; ``iou_mean_after`` is the mean IoU after each click, where an object that had no error
        left to click on keeps its last.
        """
        kind, _, number = self.prompt.partition(":")
        if kind != "clicks":
            return None
        most, found = int(number), {}
        for goal in GOALS:
            needed = [clicks_to(row.click_ious, goal) for row in self.rows]
            found[f"to_{round(goal * 100)}"] = {
                "mean": float(np.mean([most if n is None else n for n in needed])),
                "reached": float(np.mean([n is not None for n in needed])),
            }
        paths = [row.click_ious + row.click_ious[-1:] * (most - len(row.click_ious)) for row in self.rows]
        return {"most": most, **found, "iou_mean_after": np.mean(paths, axis=0).tolist()}

    @property
    def seconds_per_image(self) -> float:
        """What opening and asking took on average, cached or not."""
        return float(np.mean([image.seconds for image in self.images]))


_Item = TypeVar("_Item")


def largest_first(groups: Mapping[str, list[_Item]]) -> list[tuple[str, list[_Item]]]:
    """Groups by their sizes, and those of one size by their names."""
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
