"""Summary of a dataset: image sizes, classes, pixel fractions, duplicate images and findings."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._counting import number_of
from ..errors import InputError
from ..masks import Masks, Size
from ..runtime.progress import ProgressOption, reports_progress, track
from .core import Dataset, Finding

_SHOWN = 5
"""Maximum number of lines for findings of one kind."""


@dataclass(frozen=True)
class ClassSummary:
    """One class of a dataset.

    Attributes:
        objects: Number of objects of the class.
        images: Number of images with such an object.
        pixels: Fraction of all image pixels that belong to the class, each pixel counted once.
    """

    objects: int
    images: int
    pixels: float


@dataclass(frozen=True)
class Summary:
    """Statistics of a dataset.

    Attributes:
        source: Description of the dataset's folders and files.
        images: Number of images that can be used.
        objects: Number of ground-truth objects in them.
        sizes: Number of images of each ``(height, width)``, the most frequent first.
        classes: Statistics of each class, the most frequent first. Objects without a class are under ``""``.
        object_pixels: Fraction of all pixels that belong to an object.
        object_areas: 0th, 25th, 50th, 75th and 100th percentile of the objects' areas in pixels. Empty when there are no objects.
        duplicates: Groups of names of images with identical pixels.
        findings: Findings from reading the dataset.
    """

    source: str
    images: int
    objects: int
    sizes: Mapping[Size, int]
    classes: Mapping[str, ClassSummary]
    object_pixels: float
    object_areas: tuple[float, ...]
    duplicates: tuple[tuple[str, ...], ...]
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as plain values for JSON."""
        return {
            **asdict(self),
            "sizes": [{"height": height, "width": width, "images": count} for (height, width), count in self.sizes.items()],
        }

    def __str__(self) -> str:
        """Return the summary as text. Only the first few findings of a kind are listed."""
        objects = f"{number_of(self.objects, 'object')} on {100 * self.object_pixels:.1f} % of the pixels"
        lines = [f"{self.source}: {number_of(self.images, 'image')}, {objects}"]
        heights, widths = ([size[axis] for size in self.sizes] for axis in (0, 1))
        if self.sizes:
            (height, width), count = next(iter(self.sizes.items()))
            lines.append(
                f"sizes: {len(self.sizes)}, {min(widths)} to {max(widths)} wide and {min(heights)} to {max(heights)} high; "
                f"{count} of {width} x {height}"
            )
        if self.object_areas:
            lines.append("areas of objects: {:.0f} to {:.0f} pixels, median {:.0f}".format(*(self.object_areas[i] for i in (0, 4, 2))))
        for label, one in self.classes.items():
            objects = f"{number_of(one.objects, 'object')} on {number_of(one.images, 'image')}"
            lines.append(f"  {label or '(no class)'}: {objects}, {100 * one.pixels:.1f} % of the pixels")
        lines += [f"identical images: {', '.join(names)}" for names in self.duplicates]
        kinds: dict[str, list[Finding]] = defaultdict(list)
        for finding in self.findings:
            kinds[finding.kind].append(finding)
        for kind, found in kinds.items():
            shown = found if len(found) <= _SHOWN else found[: _SHOWN - 1]
            lines += map(str, shown)
            if len(shown) < len(found):
                lines.append(f"and {len(found) - len(shown)} more of this kind ({kind})")
        return "\n".join(lines)


@reports_progress
def summarize(dataset: Dataset, *, progress: ProgressOption = None) -> Summary:  # noqa: ARG001 - The decorator takes it.
    """Read every image and annotation of a dataset and return their statistics.

    Args:
        dataset: The dataset.
        progress: True for progress bars, or a function that is called with each `promptseg.runtime.progress.Progress`.
    """
    findings: list[Finding] = []
    sizes: Counter[Size] = Counter()
    objects: Counter[str] = Counter()
    images: Counter[str] = Counter()
    pixels: Counter[str] = Counter()
    areas: list[int] = []
    covered = 0
    keys: dict[str, str] = {}
    for image in track(dataset.usable(findings), stage="read", total=len(dataset), unit="image"):
        try:
            keys[image.name] = content_key(image.pixels())
        except InputError as error:
            findings.append(Finding(image.name, "unreadable", str(error)))
            continue
        sizes[image.size] += 1
        by_class = defaultdict(list)
        for true in image.objects:
            by_class[true.label or ""].append(true.mask)
            areas.append(true.mask.area)
        for label, masks in by_class.items():
            objects[label] += len(masks)
            images[label] += 1
            pixels[label] += Masks(masks).union().area
        covered += Masks([true.mask for true in image.objects], image.size).union().area
    total = sum(height * width * count for (height, width), count in sizes.items()) or 1
    classes = {label: ClassSummary(count, images[label], pixels[label] / total) for label, count in objects.most_common()}
    return Summary(
        dataset.source,
        len(keys),
        len(areas),
        dict(sizes.most_common()),
        classes,
        covered / total,
        tuple(np.percentile(areas, [0, 25, 50, 75, 100]).tolist()) if areas else (),
        same_content(keys),
        tuple(findings),
    )


def content_key(pixels: NDArray[np.uint8]) -> str:
    """Return the SHA-256 (hex) of an image's shape and pixels. It does not depend on the file name or on the lossless format."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def same_content(keys: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """Return the groups of two or more names that have the same key, such as one from `content_key`."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, key in keys.items():
        names[key].append(name)
    return tuple(tuple(group) for group in names.values() if len(group) > 1)
