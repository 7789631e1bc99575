"""Pairing of the objects of a VOC XML file with the numbers of its label image, which other tools do not give in the order of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from ....masks import Mask
from ...label_image_writing import VOID
from .classes import fitted


@dataclass(frozen=True)
class Pairing:
    """Which number each object has.

    Attributes:
        numbers: Number in the label image, by the object's place in the XML file from 1.
        by_class: Whether the objects are paired by class and box, because their order contradicts the label image of the classes.
        conflicts: Class of the number that a place has, where it is another one than the object's and nothing tells which is meant.
        added: Class of each number without an object.
        unknown: Numbers without an object and without a class.
    """

    numbers: Mapping[int, int]
    by_class: bool = False
    conflicts: Mapping[int, str] = field(default_factory=dict)
    added: Mapping[int, str] = field(default_factory=dict)
    unknown: Sequence[int] = ()


def pair(objects: Sequence[ET.Element], numbers: NDArray[np.integer[Any]], classes: Mapping[int, str]) -> Pairing:
    """Pair objects with numbers: by their order, unless that contradicts the classes. Then by class and overlap with the box.

    Args:
        objects: The objects of the XML file.
        numbers: (H, W) object numbers.
        classes: Class of each number, as far as it is known.
    """
    present = [number for number in np.unique(numbers).tolist() if number not in (0, VOID)]
    labels = {place: fitted(each.findtext("name") or "") for place, each in enumerate(objects, 1)}
    if all(number not in labels or classes.get(number, labels[number]) == labels[number] for number in present):
        rest = [number for number in present if number not in labels]
        added = {number: classes[number] for number in rest if number in classes}
        unknown = [number for number in rest if number not in classes]
        return Pairing({number: number for number in present if number in labels}, added=added, unknown=unknown)
    paired = _by_boxes(objects, labels, numbers, {number: classes[number] for number in present if number in classes})
    done = set(paired.values())
    rest = [number for number in present if number not in done]
    conflicts = {number: classes[number] for number in rest if number in classes and number in labels and number not in paired}
    # A number whose class is not known keeps its place, if that is free.
    paired.update({number: number for number in rest if number not in classes and number in labels and number not in paired})
    rest = [number for number in rest if number not in conflicts and number not in paired.values()]
    added = {number: classes[number] for number in rest if number in classes}
    return Pairing(paired, bool(done), conflicts, added, [number for number in rest if number not in classes])


def _by_boxes(
    objects: Sequence[ET.Element], labels: Mapping[int, str], numbers: NDArray[np.integer[Any]], classes: Mapping[int, str]
) -> dict[int, int]:
    """Return numbers by places: of one class, those whose boxes overlap most come first. A pair alone in its class may have no box."""
    boxes = {number: Mask.from_array(numbers == number).box.tolist() for number in classes}
    overlaps = []
    for place, each in enumerate(objects, 1):
        same = [number for number, name in classes.items() if name == labels[place]]
        alone = len(same) == 1 and list(labels.values()).count(labels[place]) == 1
        try:
            box = corners(each)
        except ValueError:
            overlaps += [(0.0, place, same[0])] if alone else []
            continue
        overlaps += [(-overlap, place, number) for number in same if (overlap := _overlap(box, boxes[number])) > 0]
    paired: dict[int, int] = {}
    taken = set()
    for _, place, number in sorted(overlaps):
        if place not in paired and number not in taken:
            paired[place] = number
            taken.add(number)
    return paired


def corners(element: ET.Element) -> list[float]:
    """Return ``[x0, y0, x1, y1]`` of the box of an object, half-open, in pixels.

    Raises:
        ValueError: When a corner is not a number.
    """
    x0, y0, x1, y1 = (float(element.findtext(f"bndbox/{corner}") or "") for corner in ("xmin", "ymin", "xmax", "ymax"))
    return [x0 - 1, y0 - 1, x1, y1]


def _overlap(box: Sequence[float], other: Sequence[float]) -> float:
    """Return the intersection over union of two boxes."""
    width, height = (min(box[axis + 2], other[axis + 2]) - max(box[axis], other[axis]) for axis in (0, 1))
    if not (width > 0 and height > 0):
        return 0.0
    area = sum((each[2] - each[0]) * (each[3] - each[1]) for each in (box, other))
    return width * height / (area - width * height)
