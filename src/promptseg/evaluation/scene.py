"""Evaluation of a scene: the objects that were found in a raster, compared one to one with the true ones, also by their size."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import between
from ..errors import ConfigError, InputError
from ..runtime.output_files import write_json
from ..scene_masks import SceneMasks
from .instances import average_precision, f1

SIZES: Mapping[str, tuple[int, float]] = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, float("inf"))}
"""Size classes of COCO: the least number of pixels of an object, and the number that is too large."""

FORMAT = "promptseg-scene-evaluation-1"


@dataclass(frozen=True)
class ObjectFigures:
    """Figures of some of the objects of a scene. A figure is None where it has nothing to stand on.

    Attributes:
        truth: Number of true objects.
        predicted: Number of predicted objects.
        matched: Number of pairs of a predicted and a true object.
        duplicates: Number of predicted objects without a partner that are as like a true object as partners are: it was found
            twice.
        precision: Share of the predicted objects that have a partner.
        recall: Share of the true objects that have a partner.
        f1: Harmonic mean of both.
        mean_iou: Mean IoU of the pairs.
        average_precision: Average precision at the IoU of the evaluation, by the rule of COCO. None also if a predicted object has no
            score.
    """

    truth: int
    predicted: int
    matched: int
    duplicates: int
    precision: float | None
    recall: float | None
    f1: float | None
    mean_iou: float | None
    average_precision: float | None


@dataclass(frozen=True)
class SceneEvaluation:
    """Comparison of predicted with true objects of a scene.

    Attributes:
        iou: IoU from which two objects may be partners.
        by_label: Whether partners have the same label.
        figures: Figures of all objects.
        sizes: Figures by size class, one of `SIZES`. A pair has the size of its true object.
        labels: Figures by label of the true objects and, of those without a partner, of the predicted ones. Empty without `by_label`.
        pairs: (N, 2) int64 indices of the predicted and the true object of each pair, the best pair first.
        ious: (N,) float64 IoU of each pair.
    """

    iou: float
    by_label: bool
    figures: ObjectFigures
    sizes: Mapping[str, ObjectFigures]
    labels: Mapping[str, ObjectFigures]
    pairs: NDArray[np.int64]
    ious: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values for JSON."""
        return {
            "format": FORMAT,
            "iou": self.iou,
            "by_label": self.by_label,
            "figures": asdict(self.figures),
            "sizes": {name: asdict(each) for name, each in self.sizes.items()},
            "labels": {name: asdict(each) for name, each in self.labels.items()},
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the figures as JSON.

        Raises:
            OutputError: The file cannot be written.
        """
        write_json(self.to_dict(), Path(path))

    def __str__(self) -> str:
        """Return the figures as a table."""
        rows = {"all": self.figures, **self.sizes, **self.labels}
        width = max(8, *(len(name) for name in rows))
        head = f"{'objects':<{width}}   truth  predicted  matched  twice  precision  recall     F1  mean IoU     AP"
        return "\n".join([head, *(f"{name:<{width}}  {_line(each)}" for name, each in rows.items())])


def evaluate_scene(predicted: SceneMasks, truth: SceneMasks, *, iou: float = 0.5, by_label: bool = False) -> SceneEvaluation:
    """Compare predicted with true objects of a scene.

    Partners are matched one to one, the pair with the highest IoU first. Time and memory grow with the objects that touch each other, not
    with their product.

    Args:
        predicted: The objects that were found.
        truth: The true objects of the same raster.
        iou: IoU from which two objects may be partners.
        by_label: Match objects of the same label alone.

    Raises:
        ConfigError: `iou` is not above 0 and at most 1.
        InputError: The rasters have different sizes.
    """
    least = between("iou", iou, 0, 1)
    if not least:
        raise ConfigError("iou is above 0, so that partners touch each other, got 0")
    if predicted.size != truth.size:
        raise InputError(f"the predicted objects are of a raster of {predicted.size}, the true ones of {truth.size} (height, width)")
    candidates = [pair for pair in _overlaps(predicted, truth, by_label) if pair[0] >= least]
    matched = _matched(candidates)
    found = _Found(predicted, truth, candidates, matched)
    return SceneEvaluation(
        least,
        by_label,
        found.figures(lambda _: True, lambda _: True),
        {name: _of_size(found, least_area, limit) for name, (least_area, limit) in SIZES.items()},
        {name: _of_label(found, name) for name in _labels(predicted, truth)} if by_label else {},
        np.array([(one, other) for _, one, other in matched], np.int64).reshape(-1, 2),
        np.array([value for value, _, _ in matched], np.float64),
    )


_Pair = tuple[float, int, int]
"""IoU, index of the predicted object, index of the true one."""


class _Found:
    """What was found, for figures of a part of it."""

    def __init__(self, predicted: SceneMasks, truth: SceneMasks, candidates: Sequence[_Pair], matched: Sequence[_Pair]) -> None:
        self.predicted, self.truth = predicted, truth
        self._partners = {one: (other, value) for value, one, other in matched}
        self._alike = {one for _, one, _ in candidates} - self._partners.keys()
        self._scored = len(predicted) > 0 and not np.isnan(predicted.scores).any()
        self._hits = _hits(predicted.scores, candidates) if self._scored else {}

    def figures(self, true_in: Callable[[int], bool], predicted_in: Callable[[int], bool]) -> ObjectFigures:
        """Return the figures of a part of the objects.

        Args:
            true_in: Whether the true object of an index belongs to the part. Its partner then does, too.
            predicted_in: Whether a predicted object without partner does.
        """
        truth = sum(map(true_in, range(len(self.truth))))
        ious = [value for other, value in self._partners.values() if true_in(other)]
        alone = [one for one in range(len(self.predicted)) if one not in self._partners and predicted_in(one)]
        predicted = len(ious) + len(alone)
        return ObjectFigures(
            truth,
            predicted,
            len(ious),
            sum(one in self._alike for one in alone),
            len(ious) / predicted if predicted else None,
            len(ious) / truth if truth else None,
            f1(len(ious), predicted, truth),
            float(np.mean(ious)) if ious else None,
            self._average_precision(true_in, predicted_in, truth),
        )

    def _average_precision(self, true_in: Callable[[int], bool], predicted_in: Callable[[int], bool], truth: int) -> float | None:
        if not self._scored:
            return None
        part = [one for one in range(len(self.predicted)) if (true_in(self._hits[one]) if one in self._hits else predicted_in(one))]
        return average_precision(self.predicted.scores[part], [one in self._hits for one in part], truth)


def _of_size(found: _Found, least: int, limit: float) -> ObjectFigures:
    true, predicted = ((areas >= least) & (areas < limit) for areas in (found.truth.areas, found.predicted.areas))
    return found.figures(lambda index: bool(true[index]), lambda index: bool(predicted[index]))


def _of_label(found: _Found, label: str) -> ObjectFigures:
    true, predicted = ([(each or _NO_LABEL) == label for each in masks.labels] for masks in (found.truth, found.predicted))
    return found.figures(true.__getitem__, predicted.__getitem__)


def _labels(predicted: SceneMasks, truth: SceneMasks) -> list[str]:
    return sorted({label or _NO_LABEL for masks in (predicted, truth) for label in masks.labels})


def _overlaps(predicted: SceneMasks, truth: SceneMasks, by_label: bool) -> Iterator[_Pair]:
    """Yield the pairs of objects that share pixels."""
    for one, others in enumerate(_near(predicted.boxes, truth.boxes)):
        for other in others.tolist():
            if (not by_label or predicted[one].label == truth[other].label) and (value := predicted[one].iou(truth[other])) > 0:
                yield value, one, other


def _near(boxes: NDArray[np.int64], others: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield for each box the indices of the others that overlap it. Only those in the same cells of a grid are looked at."""
    sides = np.concatenate([each[:, 2:] - each[:, :2] for each in (boxes, others)]).ravel()
    cell = int(np.clip(2 * np.median(sides), _LEAST_CELL, _LARGEST_CELL)) if sides.size else _LEAST_CELL
    grid: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, box in enumerate(others.tolist()):
        for place in _cells(box, cell):
            grid[place].append(index)
    for box in boxes.tolist():
        near = np.unique([index for place in _cells(box, cell) for index in grid.get(place, ())]).astype(np.int64)
        x0, y0, x1, y1 = others[near].T
        yield near[(x0 < box[2]) & (x1 > box[0]) & (y0 < box[3]) & (y1 > box[1])]


def _cells(box: Sequence[int], cell: int) -> Iterable[tuple[int, int]]:
    x0, y0, x1, y1 = box
    return ((row, column) for row in range(y0 // cell, (y1 - 1) // cell + 1) for column in range(x0 // cell, (x1 - 1) // cell + 1))


def _matched(candidates: Iterable[_Pair]) -> list[_Pair]:
    """Match objects one to one, the pair with the highest IoU first."""
    ones: set[int] = set()
    others: set[int] = set()
    matched: list[_Pair] = []
    for pair in sorted(candidates, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if pair[1] not in ones and pair[2] not in others:
            ones.add(pair[1])
            others.add(pair[2])
            matched.append(pair)
    return matched


def _hits(scores: NDArray[np.floating], candidates: Iterable[_Pair]) -> dict[int, int]:
    """Match by the rule of COCO: in the order of the scores, each object takes the true one that is most like it and still free."""
    like: dict[int, list[_Pair]] = defaultdict(list)
    for pair in candidates:
        like[pair[1]].append(pair)
    taken: dict[int, int] = {}
    used: set[int] = set()
    for one in np.argsort(-scores, kind="stable").tolist():
        free = [pair for pair in like.get(one, ()) if pair[2] not in used]
        if free:
            taken[one] = max(free, key=lambda pair: (pair[0], -pair[2]))[2]
            used.add(taken[one])
    return taken


def _line(figures: ObjectFigures) -> str:
    shares = [
        "-" if value is None else f"{value:.3f}"
        for value in (figures.precision, figures.recall, figures.f1, figures.mean_iou, figures.average_precision)
    ]
    counts = f"{figures.truth:>6}  {figures.predicted:>9}  {figures.matched:>7}  {figures.duplicates:>5}"
    return f"{counts}  {shares[0]:>9}  {shares[1]:>6}  {shares[2]:>5}  {shares[3]:>8}  {shares[4]:>5}"


_NO_LABEL = "(no label)"
_LEAST_CELL, _LARGEST_CELL = 32, 1024
