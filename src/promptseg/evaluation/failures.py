"""Failure analysis: the objects on which a model fails, and the traits that they share.

An object is described by traits that do not depend on the model, and by the score of the model. Each trait divides all objects, not only
the failures, into thirds. A third stands out if its failure rate is higher than that of the other objects. Six traits make up to eighteen
thirds, so one may stand out by chance. A third that stands out is a hint, not a proof.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import is_number, whole_number
from .._counting import number_of
from ..datasets.core import Dataset
from ..errors import ConfigError, InputError, shown
from ..masks import Mask
from ..postprocess import box_iou
from ..prompts import SpatialPrompt
from ..runtime import progress
from ..runtime.files import output_errors, short_name, write_atomically
from .concept_truth import joined_objects
from .ignored import counted, ignored_region
from .overlays import draw_overlays
from .results import Evaluation
from .rows import ObjectRow
from .statistics import Estimate, estimate


@dataclass(frozen=True)
class Traits:
    """Traits of an object; None for a trait that is not defined for it.

    Attributes:
        area: Share of the image that the object covers, 0 to 1.
        thickness: Diameter of the largest inscribed circle, divided by the square root of the area: 1.13 for a disc, 1 for a square, near
            0 for thin or fragmented objects.
        parts: Number of connected parts.
        contrast: Distance in CIELAB between the mean colors inside and outside of the outline, in bands whose width is a hundredth of the
            image's diagonal; 2.3 is just noticeable.
        prompt: Quality of the prompt. With a box: IoU with the tight box. With points: depth of the first foreground point, from 0 (at the
            border or outside) to 1 (at the deepest pixel).
        score: Score that the model gave its prediction.
    """

    area: float
    thickness: float
    parts: float
    contrast: float | None
    prompt: float | None
    score: float | None


@dataclass(frozen=True)
class Group:
    """Group of objects with similar values of a trait.

    Attributes:
        trait: Name of the trait.
        minimum: Minimum of the trait in the group.
        maximum: Maximum of the trait in the group.
        rate: Failure rate of the group, with its interval.
        failures: Number of failures in the group.
        elsewhere: Failure rate of all other objects.
    """

    trait: str
    minimum: float
    maximum: float
    rate: Estimate
    failures: int
    elsewhere: float

    @property
    def stands_out(self) -> bool:
        """Whether the interval of the failure rate lies above the failure rate elsewhere."""
        return self.rate.ci95 is not None and self.rate.ci95[0] > self.elsewhere

    def to_dict(self) -> dict[str, Any]:
        """Return the values as values that `json` can write."""
        rest = {"failures": self.failures, "elsewhere": self.elsewhere, "stands_out": self.stands_out}
        return {"trait": self.trait, "minimum": self.minimum, "maximum": self.maximum, "rate": self.rate.to_dict(), **rest}

    def __str__(self) -> str:
        interval = "" if self.rate.ci95 is None else f" [{self.rate.ci95[0]:.0%}, {self.rate.ci95[1]:.0%}]"
        values = list(dict.fromkeys(f"{value:.3g}" for value in (self.minimum, self.maximum)))
        return (
            f"{self.trait} {' to '.join(values)}: {self.failures} of {self.rate.count} failed, "
            f"{self.rate.mean:.0%}{interval}; elsewhere {self.elsewhere:.0%}"
        )


@dataclass(frozen=True)
class Failures:
    """Failures of a model in a run.

    Attributes:
        threshold: IoU below which a prediction is a failure.
        objects: Number of objects in the run.
        worst: Rows of the failures, the lowest IoU first.
        groups: Groups of objects by trait, sorted by how much their failure rate exceeds the rate elsewhere, the largest first.
        traits: Traits of each object, by its name.
    """

    threshold: float
    objects: int
    worst: tuple[ObjectRow, ...]
    groups: tuple[Group, ...]
    traits: Mapping[str, Traits]

    def to_dict(self) -> dict[str, Any]:
        """Return the values as values that `json` can write."""
        return {
            "threshold": self.threshold,
            "objects": self.objects,
            "failures": [{"name": row.name, "iou": row.iou, **asdict(self.traits[row.name])} for row in self.worst],
            "groups": [group.to_dict() for group in self.groups],
        }

    def __str__(self) -> str:
        """Return text with the groups that stand out and the ten worst failures."""
        have = "has" if len(self.worst) == 1 else "have"
        lines = [f"{len(self.worst)} of {number_of(self.objects, 'object')} {have} an IoU under {self.threshold:g}"]
        out = [group for group in self.groups if group.stands_out]
        lines += [f"  {group}" for group in out] or [
            "  no trait stands out: no third has a failure rate that is higher than elsewhere beyond chance"
        ]
        lines += [f"  {row.iou:.3f}  {row.name}" for row in self.worst[:10]]
        return "\n".join(lines)


def find_failures(run: Evaluation, dataset: Dataset, threshold: float = 0.5) -> Failures:
    """Return the failures of a run and the groups of objects in which they are frequent.

    Args:
        run: The run.
        dataset: Dataset of the run.
        threshold: IoU below which a prediction is a failure.

    Raises:
        ConfigError: When `threshold` is not above 0 and at most 1.
        InputError: When the dataset lacks an object of the run.
    """
    if not is_number(threshold) or not 0 < threshold <= 1:
        raise ConfigError(f"the threshold of a failure must be an IoU above 0 and up to 1, got {shown(threshold)}")
    threshold = float(threshold)
    rows = {row.name: row for row in run.rows}
    traits: dict[str, Traits] = {}
    images = {image.name for image in run.images}
    wanted = dataset.only([entry.name for entry in dataset.entries if entry.name in images])
    for read in progress.track(wanted.usable([]), stage="describe", total=len(wanted), unit="image"):
        image, ignored = counted(read, []), ignored_region(read)
        objects = (*image.objects, *joined_objects(image).values())
        lab = _lab(image.pixels())
        traits |= {true.name: describe(true.mask, lab, rows[true.name], ignored) for true in objects if true.name in rows}
    absent = [name for name in rows if name not in traits]
    if absent:
        raise InputError(f"{dataset.source} lacks {number_of(len(absent), 'object')} of the run, such as {absent[0]}")
    worst = sorted((row for row in run.rows if row.iou < threshold), key=lambda row: row.iou)
    groups = [group for name in fields(Traits) for group in _thirds(name.name, run.rows, traits, threshold)]
    groups.sort(key=lambda group: group.elsewhere - group.rate.mean)
    return Failures(threshold, len(run.rows), tuple(worst), tuple(groups), traits)


def describe(truth: Mask, lab: NDArray[np.float32], row: ObjectRow, ignored: Mask | None = None) -> Traits:
    """Return the traits of one object.

    Args:
        truth: True mask of the object, without ignored pixels.
        lab: The image in CIELAB, (H, W, 3) float32.
        row: Row of the object in the run, with its prompt and score.
        ignored: Pixels that are left out of the contrast.
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
        _contrast(inside, None if ignored is None else ignored.array[top:bottom, left:right], lab[top:bottom, left:right], reach),
        _prompt_quality(row.prompt, truth, depths, (left, top)),
        row.score,
    )


def draw_failures(failures: Failures, dataset: Dataset, folder: Path, limit: int = 12, longest: int = 640) -> list[Path]:
    """Write a zoomed view of each of the worst failures as PNG, see `promptseg.evaluation.zoomed_view`.

    Args:
        failures: The failures.
        dataset: Dataset of the run.
        folder: Output folder.
        limit: Maximum number of views.
        longest: Length of the longer side of the zoomed part in pixels, at most.

    Returns:
        Paths of the files, the worst failure first.

    Raises:
        OutputError: When a file cannot be written.
    """
    written = []
    rows = failures.worst[: whole_number("limit", limit, 0)]
    for number, (row, drawn) in enumerate(zip(rows, draw_overlays(rows, dataset, longest), strict=True), 1):
        path = folder / f"{number:02}-{row.iou:.2f}-{_file_name(row.name)}.png"
        with output_errors(path):
            folder.mkdir(parents=True, exist_ok=True)
            with write_atomically(path) as file:
                drawn.save(file, "PNG")
        written.append(path)
    return written


def _thirds(trait: str, rows: Sequence[ObjectRow], traits: Mapping[str, Traits], threshold: float) -> list[Group]:
    """Return the thirds of the objects by a trait: fewer groups if many objects share one value, none if all do."""
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


def _contrast(inside: NDArray[np.bool_], ignored: NDArray[np.bool_] | None, lab: NDArray[np.float32], reach: int) -> float | None:
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    pixels = inside.astype(np.uint8)
    grown = cv2.dilate(pixels, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    shrunk = cv2.erode(pixels, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)  # Beyond the image there is no outline.
    outer, inner = (grown > 0) & ~inside, inside & (shrunk == 0)
    if ignored is not None:
        outer &= ~ignored
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
    return short_name("".join(character if character.isalnum() or character in "-_." else "-" for character in name), _LONGEST)


_LONGEST = 200
"""Number of bytes of an object's name in the name of its overlay. File systems allow 255 with what stands around it."""
