"""Runs against one another, object by object: only what was asked for the same objects can be compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError, InputError
from .figures import METRICS, largest_first
from .results import Evaluation
from .rows import ObjectRow
from .statistics import Estimate, estimate
from .tables import shortened
from .training import seen_in_training


@dataclass(frozen=True)
class Difference:
    """How much a run is above another, on some of the objects.

    Attributes:
        by: Mean of the differences, with its paired interval.
        wins: On how many objects it is better.
        losses: On how many it is worse.
        ties: On how many both are equal.
    """

    by: Estimate
    wins: int
    losses: int
    ties: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `json` can write."""
        return {**self.by.to_dict(), "wins": self.wins, "losses": self.losses, "ties": self.ties}

    def __str__(self) -> str:
        interval = "" if self.by.ci95 is None else f" [{self.by.ci95[0]:+.4f}, {self.by.ci95[1]:+.4f}]"
        return f"{self.by.mean:+.4f}{interval}, better on {self.wins}, worse on {self.losses}, equal on {self.ties}"


@dataclass(frozen=True)
class Pair:
    """One run against the first.

    Attributes:
        name: What the run is, such as ``"sam-vit-b by box"``.
        mean: Its own mean.
        all: The difference on all objects.
        by_size: The difference on objects of each of COCO's classes of size.
        by_class: The difference on objects of each class; those without one are under ``""``.
    """

    name: str
    mean: float
    all: Difference
    by_size: Mapping[str, Difference]
    by_class: Mapping[str, Difference]


@dataclass(frozen=True)
class Comparison:
    """Runs on the same objects.

    Attributes:
        metric: What is compared.
        objects: How many objects there are.
        images: On how many images.
        first: What the first run is, to which the others are compared.
        first_mean: Its mean.
        pairs: The others, in their order.
        overlap: Images that a model was trained on, with what they were called there. Its figures on them say nothing.
    """

    metric: str
    objects: int
    images: int
    first: str
    first_mean: float
    pairs: tuple[Pair, ...]
    overlap: Mapping[str, tuple[str, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `json` can write."""
        return {
            "metric": self.metric,
            "objects": self.objects,
            "images": self.images,
            "first": {"name": self.first, "mean": self.first_mean},
            "others": [
                {
                    "name": pair.name,
                    "mean": pair.mean,
                    "difference": pair.all.to_dict(),
                    "by_size": {name: one.to_dict() for name, one in pair.by_size.items()},
                    "by_class": {name: one.to_dict() for name, one in pair.by_class.items()},
                }
                for pair in self.pairs
            ],
            "overlap": {name: list(names) for name, names in self.overlap.items()},
        }

    def __str__(self) -> str:
        """The comparison for people."""
        lines = [
            f"{self.metric} on the same {self.objects} objects of {self.images} images; differences with their 95 % interval",
            f"  {self.first}: {self.first_mean:.4f}",
        ]
        for pair in self.pairs:
            lines += [f"  {pair.name}: {pair.mean:.4f}", f"    {pair.all}"]
            for title, groups in (("size", pair.by_size), ("class", pair.by_class)):
                if len(groups) > 1:
                    lines += shortened([f"    {title} {name or '(none)'}: {one}" for name, one in groups.items()], "classes")
        return "\n".join(lines)


def compare(
    runs: Sequence[Evaluation], metric: str = "iou", *, trained_on: Mapping[str, str] | None = None, names: Sequence[str] | None = None
) -> Comparison:
    """Compares runs with the first one, object by object.

    Models, prompts, seeds and weights may differ; objects may not: a difference of two means over different objects would be one of the
    objects as much as of the models.

    Args:
        runs: Two or more.
        metric: One of `promptseg.evaluation.figures.METRICS`.
        trained_on: The training images of a model, as `promptseg.evaluation.training.training_images` gives them; images of the runs that
            are among them are told, and those that the runs themselves tell of.
        names: What each run is; by default its model and prompt.

    Raises:
        ConfigError: There are fewer than two runs, or the metric is unknown.
        InputError: The runs are not of the same objects; the message names them.
    """
    if len(runs) < 2:
        raise ConfigError(f"a comparison needs two runs or more, got {len(runs)}")
    if metric not in METRICS:
        raise ConfigError(f"there is no metric {metric!r}; metrics: {', '.join(METRICS)}")
    called = _names(runs) if names is None else list(names)
    first = runs[0]
    paired = [_in_order(first, run, called[0], name) for run, name in zip(runs, called, strict=True)]
    pairs = tuple(_pair(name, first.rows, rows, metric) for name, rows in zip(called[1:], paired[1:], strict=True))
    overlap = seen_in_training({image.name: image.content for image in first.images}, trained_on or {})
    told = {one.source: (one.message,) for run in runs for one in run.findings if one.kind == "trained"}
    return Comparison(metric, len(first.rows), len(first.images), called[0], first.metrics[metric].mean, pairs, {**told, **overlap})


def _names(runs: Sequence[Evaluation]) -> list[str]:
    names = [f"{run.model} by {run.prompt}" for run in runs]
    seeds = len({run.seed for run in runs}) > 1
    named = [f"{name}, seed {run.seed}" if seeds else name for name, run in zip(names, runs, strict=True)]
    return [f"{name} ({index})" if named.count(name) > 1 else name for index, name in enumerate(named, 1)]


def _in_order(first: Evaluation, run: Evaluation, first_name: str, name: str) -> list[ObjectRow]:
    """The rows of a run in the order of the first one's.

    Raises:
        InputError: They are not of the same objects.
    """
    own, other = ({row.name: row for row in one.rows} for one in (first, run))
    problems = [
        _listed(f"{name} lacks", [key for key in own if key not in other]),
        _listed(f"{first_name} lacks", [key for key in other if key not in own]),
        _listed("the true mask is another for", [key for key in own if key in other and own[key].truth != other[key].truth]),
    ]
    if any(problems):
        raise InputError(
            f"{first_name} and {name} are not of the same objects, and their means cannot be compared: {'; '.join(filter(None, problems))}"
        )
    return [other[row.name] for row in first.rows]


def _listed(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{what} {', '.join(names[:3])}{more}"


def _pair(name: str, first: Sequence[ObjectRow], rows: Sequence[ObjectRow], metric: str) -> Pair:
    differences = np.array([getattr(row, metric) - getattr(own, metric) for own, row in zip(first, rows, strict=True)])

    def grouped(what: Callable[[ObjectRow], str]) -> dict[str, Difference]:
        groups: dict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(first):
            groups[what(row)].append(index)
        return {key: _difference(differences[indices], [first[i].group for i in indices]) for key, indices in largest_first(groups)}

    return Pair(
        name,
        float(np.mean([getattr(row, metric) for row in rows])),
        _difference(differences, [row.group for row in first]),
        grouped(lambda row: row.size),
        grouped(lambda row: row.label or ""),
    )


def _difference(differences: np.ndarray[Any, np.dtype[np.float64]], among: Sequence[str]) -> Difference:
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    return Difference(estimate(differences, among), wins, losses, len(differences) - wins - losses)
