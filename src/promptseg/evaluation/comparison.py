"""Paired comparison of evaluation runs on the same objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._counting import number_of
from ..errors import ConfigError, InputError, shown
from .aggregates import METRICS, largest_first
from .results import Evaluation
from .rows import ObjectRow
from .statistics import Estimate, estimate
from .tables import shortened
from .train_overlap import seen_in_training


@dataclass(frozen=True)
class Difference:
    """Difference of a metric between two runs on a set of objects.

    Attributes:
        estimate: Mean difference, second run minus first run, with its paired interval.
        wins: Number of objects on which the second run is better.
        losses: Number of objects on which it is worse.
        ties: Number of objects on which both are equal.
    """

    estimate: Estimate
    wins: int
    losses: int
    ties: int

    def to_dict(self) -> dict[str, Any]:
        """Return the values as values that `json` can write."""
        return {**self.estimate.to_dict(), "wins": self.wins, "losses": self.losses, "ties": self.ties}

    def __str__(self) -> str:
        interval = "" if self.estimate.ci95 is None else f" [{self.estimate.ci95[0]:+.4f}, {self.estimate.ci95[1]:+.4f}]"
        return f"{self.estimate.mean:+.4f}{interval}, better on {self.wins}, worse on {self.losses}, equal on {self.ties}"


@dataclass(frozen=True)
class Pair:
    """Comparison of one run with the first run.

    Attributes:
        name: Name of the run, such as ``"sam-vit-b by box"`` or ``"box.json (sam-vit-b by box)"``.
        mean: Mean of the metric in this run.
        all: Difference to the first run on all objects.
        by_size: Difference by COCO size: small, medium, large.
        by_class: Difference by class. Objects without a class are under ``""``.
    """

    name: str
    mean: float
    all: Difference
    by_size: Mapping[str, Difference]
    by_class: Mapping[str, Difference]


@dataclass(frozen=True)
class Comparison:
    """Comparison of several runs with the first run.

    Attributes:
        metric: Name of the metric.
        objects: Number of objects.
        images: Number of images.
        first: Name of the first run.
        first_mean: Mean of the metric in the first run.
        pairs: Comparisons of the other runs with the first, in their order.
        overlap: Evaluated images that a model was trained on, with their names in the training sets of `compare`. Metrics on them do not
            show how good the model is on new images.
    """

    metric: str
    objects: int
    images: int
    first: str
    first_mean: float
    pairs: tuple[Pair, ...]
    overlap: Mapping[str, tuple[str, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return the values as values that `json` can write."""
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
        """Return the comparison as text."""
        lines = [
            f"{self.metric} on the same {number_of(self.objects, 'object')} of {number_of(self.images, 'image')}; "
            "differences with their 95 % interval",
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
    """Compare runs with the first run, object by object.

    Models, prompts, seeds and weights may differ. The objects must be the same, because a difference of means over different objects would
    depend on the objects as much as on the models.

    Args:
        runs: Two or more runs.
        metric: One of `promptseg.evaluation.aggregates.METRICS`.
        trained_on: Training images of a model, as returned by `promptseg.evaluation.train_overlap.training_images`. Images of the runs that
            are among them are listed in `Comparison.overlap`, with those that the runs have as findings, which have no name there.
        names: Name of each run, such as its file, which stands before its model and prompt.

    Raises:
        ConfigError: When there are fewer than two runs, or the metric is unknown.
        InputError: When the runs have different objects. The message names them.
    """
    if len(runs) < 2:
        raise ConfigError(f"a comparison needs two runs or more, got {len(runs)}")
    if metric not in METRICS:
        raise ConfigError(f"there is no metric {shown(metric)}; metrics: {', '.join(METRICS)}")
    run_names = _names(runs, names)
    first = runs[0]
    paired = [_in_order(first, run, run_names[0], name) for run, name in zip(runs, run_names, strict=True)]
    pairs = tuple(_pair(name, first.rows, rows, metric) for name, rows in zip(run_names[1:], paired[1:], strict=True))
    overlap = seen_in_training({image.name: image.content for image in first.images}, trained_on or {})
    trained: dict[str, tuple[str, ...]] = {one.source: () for run in runs for one in run.findings if one.kind == "trained"}
    return Comparison(metric, len(first.rows), len(first.images), run_names[0], first.metrics[metric].mean, pairs, {**trained, **overlap})


def _names(runs: Sequence[Evaluation], own: Sequence[str] | None) -> list[str]:
    """Return the names of the runs, all different."""
    seeds = len({run.seed for run in runs}) > 1
    named = [f"{run.model} by {run.prompt}" + (f", seed {run.seed}" if seeds else "") for run in runs]
    if own is not None:
        named = [f"{one} ({name})" for one, name in zip(own, named, strict=True)]
    return [f"{name} ({index})" if named.count(name) > 1 else name for index, name in enumerate(named, 1)]


def _in_order(first: Evaluation, run: Evaluation, first_name: str, name: str) -> list[ObjectRow]:
    """Return the rows of a run in the order of the first run.

    Raises:
        InputError: When the two runs have different objects.
    """
    own, other = ({row.name: row for row in one.rows} for one in (first, run))
    problems = [
        _listed(f"{name} lacks", [key for key in own if key not in other]),
        _listed(f"{first_name} lacks", [key for key in other if key not in own]),
        _listed("the true mask differs for", [key for key in own if key in other and own[key].truth != other[key].truth]),
    ]
    if any(problems):
        raise InputError(
            f"{first_name} and {name} have different objects, so their means cannot be compared: {'; '.join(filter(None, problems))}"
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
