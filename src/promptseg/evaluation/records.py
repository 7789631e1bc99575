"""What an evaluation is: one row for each object and image, and the figures made of them. It can be saved, read again and compared."""

from __future__ import annotations

import csv
import json
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..datasets.core import Finding, read_json
from ..errors import ConfigError, InputError, MissingDependencyError, OutputError
from ..files import output_errors, write_atomically
from ..masks import Mask
from ..prompts import Prompt, SpatialPrompt
from .answers import clicks_to
from .statistics import Estimate, estimate

METRICS = ("iou", "dice", "precision", "recall", "boundary_iou", "boundary_f")
"""What is measured for each object; see `promptseg.metrics`."""

GOALS = (0.85, 0.90)
"""The IoU to which clicks are counted."""

FORMAT = "promptseg-evaluation-1"

SIZES: Mapping[str, tuple[float, float]] = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, float("inf"))}
"""Areas in pixels, from and to before, of COCO's classes of size."""


@dataclass(frozen=True)
class ObjectRow:
    """One object.

    Attributes:
        name: Its name in the dataset.
        image: The name of its image.
        group: What images that are not independent share: a sequence of frames, one content; see `promptseg.evaluation.statistics`.
        label: Its class, or None.
        area: Its true area in pixels.
        height: Of the image, in pixels.
        width: Of the image, in pixels.
        truth: SHA-256 (hex, 16 digits) of its true mask: rows of two runs are of one object where name and truth are the same.
        iou: Intersection over union of the answer with the truth.
        dice: As in `promptseg.metrics`; so are the next four.
        precision: See there.
        recall: See there.
        boundary_iou: See there.
        boundary_f: See there.
        score: What the model said of its answer, or None.
        best_iou: IoU of the best of all masks that it proposed, or None where it had no choice.
        box: The prompt's box ``[x0, y0, x1, y1]``, or None.
        points: The prompt's points ``[x, y, 1 or 0]``.
        click_ious: IoU after each click.
        floors: IoU of what no model gives, by name.
        answer: The mask that the model gave, as compressed COCO run lengths.
    """

    name: str
    image: str
    group: str
    label: str | None
    area: int
    height: int
    width: int
    truth: str
    iou: float
    dice: float
    precision: float
    recall: float
    boundary_iou: float
    boundary_f: float
    score: float | None = None
    best_iou: float | None = None
    box: tuple[float, ...] | None = None
    points: tuple[tuple[float, float, int], ...] = ()
    click_ious: tuple[float, ...] = ()
    floors: Mapping[str, float] = field(default_factory=dict)
    answer: str = field(default="", repr=False)

    @property
    def mask(self) -> Mask:
        """The mask that the model gave."""
        return Mask((self.height, self.width), self.answer.encode("ascii"), self.score, self.label)

    @property
    def prompt(self) -> SpatialPrompt | None:
        """What the model was asked with for this object; None where it was asked for the whole image. Earlier masks are not kept."""
        if self.box is None and not self.points:
            return None
        box = SpatialPrompt() if self.box is None else Prompt.box(*self.box)
        return box + Prompt.points([(x, y) for x, y, _ in self.points], [on for _, _, on in self.points]) if self.points else box

    @property
    def size(self) -> str:
        """``"small"``, ``"medium"`` or ``"large"``, as COCO has it."""
        return next(name for name, (least, under) in SIZES.items() if least <= self.area < under)


@dataclass(frozen=True)
class ImageRow:
    """One image.

    Attributes:
        name: Its name in the dataset.
        content: SHA-256 (hex) of its pixels, by which an image of a training set is recognised under any name.
        objects: How many objects it has.
        iou: Mean IoU of its objects.
        dice: Mean Dice of its objects.
        seconds: What opening and asking took.
        cached: Whether its embedding was there from before.
        unmatched: How many masks belong to no object, where the model was asked for all of them.
    """

    name: str
    content: str
    objects: int
    iou: float
    dice: float
    seconds: float
    cached: bool
    unmatched: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """A model on a dataset by one protocol.

    Attributes:
        model: The model's name; with a detector, ``"detector + segmenter"``.
        prompt: Name of the protocol.
        seed: By which the prompts were drawn.
        data: Where the images are.
        rows: The objects.
        images: The images.
        provenance: The models, as `promptseg.results.Provenance.to_dict` gives them.
        findings: What could not be used, or not as it stands.
    """

    model: str
    prompt: str
    seed: int
    data: str
    rows: tuple[ObjectRow, ...]
    images: tuple[ImageRow, ...]
    provenance: tuple[Mapping[str, Any], ...] = ()
    findings: tuple[Finding, ...] = ()

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
    def floors(self) -> dict[str, dict[str, Estimate]]:
        """IoU of each floor, and how much the model is above it, object by object: ``{name: {"iou": …, "above": …}}``."""
        names = dict.fromkeys(name for row in self.rows for name in row.floors)
        found = {}
        for name in names:
            rows = [row for row in self.rows if name in row.floors]
            ious = np.array([row.iou for row in rows])
            floor = np.array([row.floors[name] for row in rows])
            among = [row.group for row in rows]
            found[name] = {"iou": estimate(floor, among), "above": estimate(ious - floor, among)}
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

    def to_dict(self) -> dict[str, Any]:
        """The figures and all rows as plain values that `json` can write; `from_dict` reads them."""
        return {
            "format": FORMAT,
            "model": self.model,
            "prompt": self.prompt,
            "seed": self.seed,
            "data": self.data,
            "objects": len(self.rows),
            "images": len(self.images),
            "iou_mean": self.metrics["iou"].mean,
            "iou_std": self.metrics["iou"].std,
            "iou_ci95": self.metrics["iou"].to_dict()["ci95"],
            **{f"{name}_mean": self.metrics[name].mean for name in METRICS[1:]},
            "image_iou_mean": float(np.mean([image.iou for image in self.images])),
            "image_dice_mean": float(np.mean([image.dice for image in self.images])),
            "seconds_per_image": self.seconds_per_image,
            "images_cached": sum(image.cached for image in self.images),
            "metrics": {name: one.to_dict() for name, one in self.metrics.items()},
            "floors": {name: {key: one.to_dict() for key, one in both.items()} for name, both in self.floors.items()},
            "calibration": self.calibration,
            "choice": self.choice,
            "clicks": self.clicks,
            "by_size": {name: one.to_dict() for name, one in self.by(lambda row: row.size).items()},
            "by_class": {name: one.to_dict() for name, one in self.by(lambda row: row.label).items()},
            "provenance": [dict(one) for one in self.provenance],
            "findings": [asdict(finding) for finding in self.findings],
            "per_object": [asdict(row) for row in self.rows],
            "per_image": [asdict(image) for image in self.images],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Evaluation:
        """Reads what `to_dict` gave.

        Raises:
            InputError: It is something else.
        """
        try:
            if content["format"] != FORMAT:
                raise InputError(f"expected an evaluation in format {FORMAT!r}, got {content['format']!r}")
            return cls(
                content["model"],
                content["prompt"],
                content["seed"],
                content["data"],
                tuple(_object_row(row) for row in content["per_object"]),
                tuple(ImageRow(**row) for row in content["per_image"]),
                tuple(content["provenance"]),
                tuple(Finding(**finding) for finding in content["findings"]),
            )
        except (KeyError, TypeError) as error:
            raise InputError(f"not an evaluation that was saved: {error!r}") from error

    @classmethod
    def joined(cls, runs: Sequence[Evaluation], model: str) -> Evaluation:
        """Runs on different images as one, such as those of the folds of a cross-validation.

        Args:
            runs: Runs by one protocol and seed.
            model: What all their models are together.

        Raises:
            ConfigError: There is no run, or they differ in protocol or seed.
            InputError: An image is in several.
        """
        asked = {(run.prompt, run.seed) for run in runs}
        if len(asked) != 1:
            told = ", ".join(f"{prompt!r} with seed {seed}" for prompt, seed in sorted(asked))
            raise ConfigError(f"only runs by one protocol and seed can be joined, got {told or 'no run'}")
        images = tuple(sorted((image for run in runs for image in run.images), key=lambda image: image.name))
        names = [image.name for image in images]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise InputError(f"runs are joined that are of different images: {twice[0]} is in several")
        rows: dict[str, list[ObjectRow]] = {name: [] for name in names}
        for row in (row for run in runs for row in run.rows):
            rows[row.image].append(row)
        return cls(
            model,
            runs[0].prompt,
            runs[0].seed,
            ", ".join(dict.fromkeys(run.data for run in runs)),
            tuple(row for image in images for row in rows[image.name]),
            images,
            tuple(one for run in runs for one in run.provenance),
            tuple(dict.fromkeys(finding for run in runs for finding in run.findings)),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes figures and rows as JSON, whole or not at all.

        Raises:
            OutputError: It cannot be written.
        """
        file = Path(path)
        with output_errors(file), write_atomically(file, text=True) as opened:
            json.dump(self.to_dict(), opened, indent=1)
            opened.write("\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Evaluation:
        """Reads what `save` wrote.

        Raises:
            InputError: The file cannot be read, or is something else.
        """
        try:
            return cls.from_dict(read_json(Path(path)))
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def save_rows(self, path: str | os.PathLike[str]) -> None:
        """Writes one row an object as CSV or, by that suffix, Parquet; floors have columns of their own, lists are JSON.

        Raises:
            OutputError: It cannot be written, or its suffix is another.
            MissingDependencyError: Parquet needs pyarrow.
        """
        file = Path(path)
        columns = self._columns()
        if file.suffix.lower() not in (".csv", ".parquet"):
            raise OutputError(f"cannot write {file}: rows are written as .csv or .parquet")
        if file.suffix.lower() == ".parquet":
            try:
                import pyarrow as pa
                from pyarrow import parquet
            except ImportError as error:
                raise MissingDependencyError("Parquet needs pyarrow: pip install 'promptseg[parquet]', or write .csv") from error
            with output_errors(file), write_atomically(file) as opened:
                parquet.write_table(pa.table(columns), opened)
            return
        with output_errors(file), write_atomically(file, text=True) as opened:
            writer = csv.writer(opened, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))

    def _columns(self) -> dict[str, list[Any]]:
        names = [one.name for one in fields(ObjectRow) if one.name not in ("box", "points", "click_ious", "floors", "answer")]
        columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in self.rows] for name in names}
        columns |= {f"floor_{name}": [row.floors.get(name) for row in self.rows] for name in self.floors}
        for name in ("box", "points", "click_ious"):
            columns[name] = [json.dumps(getattr(row, name)) if getattr(row, name) else None for row in self.rows]
        return columns

    def __str__(self) -> str:
        """The figures for people."""
        cached = sum(image.cached for image in self.images)
        lines = [
            f"{self.model} by {self.prompt} on {len(self.rows)} objects of {len(self.images)} images (seed {self.seed})",
            f"{'':22}mean ± std. dev.   95 % interval of the mean",
            *(f"  {TITLES[name]:20}{one}" for name, one in self.metrics.items()),
            *(["  without a model, by IoU, and how much the model is above it"] if self.floors else []),
            *(f"  {name.replace('_', ' '):20}{both['iou']}   {_signed(both['above'])}" for name, both in self.floors.items()),
        ]
        if self.choice is not None:
            lines.append(
                "  the best of its masks would give {best:.4f}, the chosen ones give {chosen:.4f}".format(
                    best=self.choice["best"]["mean"], chosen=self.choice["chosen"]["mean"]
                )
            )
        if self.calibration is not None:
            correlation = self.calibration["correlation"]
            told = "" if correlation is None else f", correlation {correlation:.2f}"
            lines.append(f"  scores are off by {self.calibration['error']:.3f}, {self.calibration['bias']:+.3f} on average{told}")
        if self.clicks is not None:
            for goal in GOALS:
                one = self.clicks[f"to_{round(goal * 100)}"]
                lines.append(f"  clicks to {goal:.0%} IoU: {one['mean']:.2f} (reached by {one['reached']:.0%} of the objects)")
        for title, groups in (("size", self.by(lambda row: row.size)), ("class", self.by(lambda row: row.label))):
            if len(groups) > 1:
                lines += shortened(
                    [f"  {title} {name or '(none)'}: {one.mean:.4f} on {one.count}" for name, one in groups.items()], "classes"
                )
        lines.append(f"  {self.seconds_per_image:.2f} s an image; {cached} of {len(self.images)} were encoded before")
        return "\n".join(lines)


_Item = TypeVar("_Item")


def largest_first(groups: Mapping[str, list[_Item]]) -> list[tuple[str, list[_Item]]]:
    """Groups by their sizes, and those of one size by their names."""
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def shortened(lines: Sequence[str], what: str, most: int = 10) -> list[str]:
    """The first lines, and how many more there are."""
    rest = len(lines) - most
    return [*lines[:most], f"  and {rest} more {what}, in the JSON"] if rest > 0 else list(lines)


TITLES = {
    "iou": "IoU",
    "dice": "Dice",
    "precision": "precision",
    "recall": "recall",
    "boundary_iou": "boundary IoU",
    "boundary_f": "boundary F",
}


def _object_row(values: Mapping[str, Any]) -> ObjectRow:
    lists = {"box": values["box"] and tuple(values["box"]), "points": tuple(map(tuple, values["points"]))}
    return ObjectRow(**{**values, **lists, "click_ious": tuple(values["click_ious"])})


def _signed(difference: Estimate) -> str:
    interval = "" if difference.ci95 is None else f" [{difference.ci95[0]:+.4f}, {difference.ci95[1]:+.4f}]"
    return f"{difference.mean:+.4f}{interval}"
