"""Where a model fails, and what those objects have in common.

Each object is described by traits that do not depend on the model, and by the model's score. Objects are put into thirds by each trait
(of all objects, not of the failures), and a third in which more fail than elsewhere is what they have in common. Six traits make up to
eighteen thirds, so that one may stand out by chance: what stands out is a question to ask, not an answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.core import Dataset
from ..errors import ConfigError, InputError
from ..masks import Mask
from ..postprocess import box_iou
from ..prompts import SpatialPrompt
from ..runtime import progress
from ..runtime.files import output_errors, write_atomically
from .overlays import draw_overlays
from .results import Evaluation
from .rows import ObjectRow
from .statistics import Estimate, estimate


@dataclass(frozen=True)
class Traits:
    """What an object is like; None where a trait has no meaning.

    Attributes:
        area: Its share of the image.
        thickness: Diameter of the widest circle within it, over the square root of its area: 1.13 for a disc, 1 for a square, toward 0
            for what is thin or in pieces.
        parts: How many connected parts it has.
        contrast: Distance in CIELAB between the mean colors of the bands along the inside and the outside of its outline, each a
            hundredth of the image's diagonal wide; 2.3 is just noticeable.
        prompt: How good the prompt was: IoU of its box with the tight box, or else how deep the first point on the object lies, from 0
            (at the border) to 1 (at the deepest pixel).
        score: What the model said of its prediction.
    """

    area: float
    thickness: float
    parts: float
    contrast: float | None
    prompt: float | None
    score: float | None


@dataclass(frozen=True)
class Group:
    """Objects with one trait in common.

    Attributes:
        trait: The trait.
        least: Its least value in the group.
        most: Its greatest value in the group.
        rate: The share that failed, with its interval.
        failures: How many failed.
        elsewhere: The share that failed of all other objects.
    """

    trait: str
    least: float
    most: float
    rate: Estimate
    failures: int
    elsewhere: float

    @property
    def stands_out(self) -> bool:
        """Whether the interval of the share lies above the share elsewhere."""
        return self.rate.ci95 is not None and self.rate.ci95[0] > self.elsewhere

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `json` can write."""
        rest = {"failures": self.failures, "elsewhere": self.elsewhere, "stands_out": self.stands_out}
        return {"trait": self.trait, "least": self.least, "most": self.most, "rate": self.rate.to_dict(), **rest}

    def __str__(self) -> str:
        interval = "" if self.rate.ci95 is None else f" [{self.rate.ci95[0]:.0%}, {self.rate.ci95[1]:.0%}]"
        return (
            f"{self.trait} {self.least:.3g} to {self.most:.3g}: {self.failures} of {self.rate.count} failed, "
            f"{self.rate.mean:.0%}{interval}; elsewhere {self.elsewhere:.0%}"
        )


@dataclass(frozen=True)
class Failures:
    """The objects on which a model failed.

    Attributes:
        threshold: An IoU under it is a failure.
        objects: How many objects there are.
        worst: The failures, the worst first.
        groups: Groups of objects by traits, those first in which the share of failures is most above that elsewhere.
        traits: What each object is like, by its name.
    """

    threshold: float
    objects: int
    worst: tuple[ObjectRow, ...]
    groups: tuple[Group, ...]
    traits: Mapping[str, Traits]

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `json` can write."""
        return {
            "threshold": self.threshold,
            "objects": self.objects,
            "failures": [{"name": row.name, "iou": row.iou, **asdict(self.traits[row.name])} for row in self.worst],
            "groups": [group.to_dict() for group in self.groups],
        }

    def __str__(self) -> str:
        """The failures for people: what stands out, and the worst ten."""
        lines = [f"{len(self.worst)} of {self.objects} objects have an IoU under {self.threshold:g}"]
        out = [group for group in self.groups if group.stands_out]
        lines += [f"  {group}" for group in out] or ["  no trait stands out: in no third of one do more fail than elsewhere, beyond chance"]
        lines += [f"  {row.iou:.3f}  {row.name}" for row in self.worst[:10]]
        return "\n".join(lines)


def find_failures(run: Evaluation, dataset: Dataset, threshold: float = 0.5) -> Failures:
    """Describes the objects of a run and finds in which of them the model failed.

    Args:
        run: The run.
        dataset: The images that it was made on.
        threshold: An IoU under it is a failure.

    Raises:
        ConfigError: `threshold` is out of range.
        InputError: The dataset has not all objects of the run.
    """
    if not 0 < threshold <= 1:
        raise ConfigError(f"the threshold of a failure is an IoU above 0 and up to 1, got {threshold!r}")
    rows = {row.name: row for row in run.rows}
    traits: dict[str, Traits] = {}
    images = {image.name for image in run.images}
    wanted = dataset.only([entry.name for entry in dataset.entries if entry.name in images])
    for image in progress.track(wanted.usable([]), total=len(wanted), unit="image"):
        lab = _lab(image.pixels())
        traits |= {true.name: describe(true.mask, lab, rows[true.name]) for true in image.objects if true.name in rows}
    absent = [name for name in rows if name not in traits]
    if absent:
        raise InputError(f"{dataset.source} lacks {len(absent)} objects of the run, such as {absent[0]}")
    worst = sorted((row for row in run.rows if row.iou < threshold), key=lambda row: row.iou)
    groups = [group for name in fields(Traits) for group in _thirds(name.name, run.rows, traits, threshold)]
    groups.sort(key=lambda group: group.elsewhere - group.rate.mean)
    return Failures(threshold, len(run.rows), tuple(worst), tuple(groups), traits)


def describe(truth: Mask, lab: NDArray[np.float32], row: ObjectRow) -> Traits:
    """The traits of one object.

    Args:
        truth: Its true mask.
        lab: The image in CIELAB, (H, W, 3) float32.
        row: What was asked and answered.
    """
    import cv2

    x0, y0, x1, y1 = (int(value) for value in truth.box)
    height, width = truth.size
    reach = max(1, round(0.01 * math.hypot(height, width)))
    # The band outside needs as much of the surroundings as it is wide.
    left, top, right, bottom = max(0, x0 - reach), max(0, y0 - reach), min(width, x1 + reach), min(height, y1 + reach)
    inside = truth.array[top:bottom, left:right]
    transformed = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    depths = np.asarray(transformed[1:-1, 1:-1], np.float32)
    parts, _ = cv2.connectedComponents(inside.astype(np.uint8), connectivity=8)
    # Depth 1 is a pixel beside the border: a disc of radius r pixels is about r + 0.5 deep.
    diameter = 2 * float(depths.max()) - 1
    return Traits(
        truth.area / (height * width),
        diameter / math.sqrt(truth.area),
        float(parts - 1),
        _contrast(inside, lab[top:bottom, left:right], reach),
        _prompt_quality(row.prompt, truth, depths, (left, top)),
        row.score,
    )


def draw_failures(failures: Failures, dataset: Dataset, folder: Path, most: int = 12, longest: int = 1024) -> list[Path]:
    """Writes a picture of each of the worst failures: the truth green, the prediction red, the prompt as it was.

    Args:
        failures: The failures.
        dataset: The images.
        folder: Where to write.
        most: How many.
        longest: Longer side of a picture in pixels, at most.

    Raises:
        OutputError: One cannot be written.
    """
    written = []
    rows = failures.worst[:most]
    for number, (row, picture) in enumerate(zip(rows, draw_overlays(rows, dataset, longest), strict=True), 1):
        path = folder / f"{number:02}-{row.iou:.2f}-{_file_name(row.name)}.png"
        with output_errors(path):
            folder.mkdir(parents=True, exist_ok=True)
            with write_atomically(path) as file:
                picture.save(file, "PNG")
        written.append(path)
    return written


def _thirds(trait: str, rows: Sequence[ObjectRow], traits: Mapping[str, Traits], threshold: float) -> list[Group]:
    """The objects in thirds by a trait; fewer groups where many share one value, and none where all do."""
    known = [(getattr(traits[row.name], trait), row) for row in rows if getattr(traits[row.name], trait) is not None]
    if len(known) < 3:
        return []
    values = np.array([value for value, _ in known], np.float64)
    failed = np.array([row.iou < threshold for _, row in known])
    third = np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values, side="left")
    groups = []
    for index in np.unique(third).tolist():
        within = third == index
        if within.all():
            continue
        among = [row.group for (_, row), chosen in zip(known, within, strict=True) if chosen]
        rate = estimate(failed[within].astype(np.float64), among)
        least, most = float(values[within].min()), float(values[within].max())
        groups.append(Group(trait, least, most, rate, int(failed[within].sum()), float(failed[~within].mean())))
    return groups


def _lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _contrast(inside: NDArray[np.bool_], lab: NDArray[np.float32], reach: int) -> float | None:
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    pixels = inside.astype(np.uint8)
    grown = cv2.dilate(pixels, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    shrunk = cv2.erode(pixels, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)  # Beyond the image there is no outline.
    outer, inner = (grown > 0) & ~inside, inside & (shrunk == 0)
    if not outer.any() or not inner.any():
        return None
    return float(np.linalg.norm(lab[inner].mean(0) - lab[outer].mean(0)))


def _prompt_quality(prompt: SpatialPrompt | None, truth: Mask, depths: NDArray[np.float32], origin: tuple[int, int]) -> float | None:
    if prompt is None:
        return None
    if prompt.xyxy is not None:
        return float(box_iou(prompt.xyxy[None], truth.box[None])[0, 0])
    on = prompt.xy[prompt.foreground]
    if not len(on):
        return None
    x, y = (int(value) - start for value, start in zip(on[0], origin, strict=True))
    return float(depths[y, x] / depths.max()) if 0 <= y < depths.shape[0] and 0 <= x < depths.shape[1] else 0.0


def _file_name(name: str) -> str:
    return "".join(character if character.isalnum() or character in "-_." else "-" for character in name)
