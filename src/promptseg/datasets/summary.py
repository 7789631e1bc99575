"""What is in a dataset: sizes, classes, shares of pixels, images that are there twice, and what is broken."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..masks import Masks, Size
from ..runtime import progress
from .core import Dataset, Finding

_SHOWN = 5
"""Most lines on findings of one kind."""


@dataclass(frozen=True)
class ClassSummary:
    """One class of a dataset.

    Attributes:
        objects: How many objects it has.
        images: On how many images they are.
        pixels: Its share of all pixels of the images, each pixel counted once.
    """

    objects: int
    images: int
    pixels: float


@dataclass(frozen=True)
class Summary:
    """What is in a dataset.

    Attributes:
        source: Where it is.
        images: How many images can be used.
        objects: How many true objects they have.
        sizes: How many images there are of each ``(height, width)``, the most frequent first.
        classes: Each class, the most frequent first; objects without one are under ``""``.
        object_pixels: The share of all pixels that is in an object.
        object_areas: 0th, 25th, 50th, 75th and 100th percentile of the objects' areas in pixels; empty where there are none.
        duplicates: Names of images that are equal pixel by pixel, group by group.
        findings: What was found on reading it.
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
        """Plain values that `json` can write."""
        return {
            **asdict(self),
            "sizes": [{"height": height, "width": width, "images": count} for (height, width), count in self.sizes.items()],
        }

    def __str__(self) -> str:
        """The summary for people; of many findings of one kind, the first few."""
        lines = [f"{self.source}: {self.images} images, {self.objects} objects on {100 * self.object_pixels:.1f} % of the pixels"]
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
            lines.append(f"  {label or '(no class)'}: {one.objects} objects on {one.images} images, {100 * one.pixels:.1f} % of the pixels")
        lines += [f"the same image: {', '.join(names)}" for names in self.duplicates]
        kinds: dict[str, list[Finding]] = defaultdict(list)
        for finding in self.findings:
            kinds[finding.kind].append(finding)
        for kind, found in kinds.items():
            shown = found if len(found) <= _SHOWN else found[: _SHOWN - 1]
            lines += map(str, shown)
            if len(shown) < len(found):
                lines.append(f"and {len(found) - len(shown)} more of this kind ({kind})")
        return "\n".join(lines)


def summarize(dataset: Dataset) -> Summary:
    """Reads every image and annotation of a dataset and counts what is there."""
    findings: list[Finding] = []
    sizes: Counter[Size] = Counter()
    objects: Counter[str] = Counter()
    images: Counter[str] = Counter()
    pixels: Counter[str] = Counter()
    areas: list[int] = []
    covered = 0
    keys: dict[str, str] = {}
    for image in progress.track(dataset.usable(findings), total=len(dataset), unit="image"):
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
    """SHA-256 (hex) of an image's shape and pixels: the same for the same photo under another name or in another lossless format."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def same_content(keys: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """Groups of two names or more that share a key, such as that of `content_key`."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, key in keys.items():
        names[key].append(name)
    return tuple(tuple(group) for group in names.values() if len(group) > 1)
