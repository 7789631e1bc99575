"""Classes of a VOC folder: the names and colors of ``labelmap.txt``, and what the label images of the classes say of each object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import InputError
from ....image_formats import open_image
from ...core import Category
from ...label_image_writing import VOID, voc_colors

_NO_CLASSES = frozenset({"", "background", "ignored"})


def fitted(name: str) -> str:
    """Return the name of a class as ``labelmap.txt`` can hold it: a colon, which ends the name there, becomes an underscore."""
    return " ".join(name.replace(":", "_").split())


@dataclass(frozen=True)
class ClassMap:
    """Content of ``labelmap.txt``.

    Attributes:
        names: The classes in the order of their numbers from 0, with the background.
        colors: Name of the class by its color ``red << 16 | green << 8 | blue``.
    """

    names: tuple[str, ...] = ()
    colors: Mapping[int, str] = field(default_factory=dict)

    def categories(self, stated: Iterable[str]) -> tuple[Category, ...]:
        """Return the classes without the background and void. A name that stands for one of the XML files is that one.

        Args:
            stated: The names of the objects in the XML files.
        """
        originals: dict[str, list[str]] = defaultdict(list)
        for name in stated:
            originals[fitted(name)].append(name)
        classes: dict[str, None] = {}
        for name in self.names:
            if name not in _NO_CLASSES:
                meant = originals.get(name)
                classes[meant.pop(0) if meant else name] = None
        return tuple(map(Category, classes))

    def classes_of(self, numbers: NDArray[np.integer[Any]], class_image: Path) -> dict[int, str]:
        """Return the class that most pixels of each object have in a label image of the classes, where that is one.

        Args:
            numbers: (H, W) object numbers.
            class_image: The label image of the classes, with the colors or the numbers of ``labelmap.txt``.
        """
        if not 0 < len(self.names) <= _MOST:
            return {}
        try:
            with open_image(class_image, f"mask {class_image}") as image:
                places = _places(np.asarray(image), image.getpalette("RGB") if image.mode == "P" else None, self)
        except InputError:
            return {}  # It only helps: the objects are in another file.
        if places.shape != numbers.shape:
            return {}
        count = len(self.names) + 1
        present, inverse = np.unique(numbers, return_inverse=True)
        if len(present) > _MOST:
            return {}
        areas = np.bincount(inverse.ravel() * count + places.ravel(), minlength=len(present) * count).reshape(len(present), count)
        largest = zip(present.tolist(), areas.argmax(axis=1).tolist(), strict=True)
        named = {number: self.names[place] for number, place in largest if place < len(self.names) and number not in (0, VOID)}
        return {number: name for number, name in named.items() if name not in _NO_CLASSES}


def _places(pixels: NDArray[Any], palette: Sequence[int] | None, classes: ClassMap) -> NDArray[np.int64]:
    """Return the (H, W) places in `ClassMap.names` of the pixels of a label image, or the number of names where a pixel has no class."""
    none = len(classes.names)
    if pixels.ndim == 3 and pixels.shape[2] >= 3:
        return _of_codes(pixels[..., :3].astype(np.int64) @ _CODE, classes)
    if pixels.ndim != 2 or pixels.dtype.kind not in "iub":
        return np.full(pixels.shape[:2], none, np.int64)
    numbers = pixels.astype(np.int64)
    if palette is not None:
        colors = np.zeros((256, 3), np.int64)
        colors.ravel()[: len(palette)] = palette
        table = _of_codes(colors @ _CODE, classes)
        # A palette of other colors has no meaning, and the numbers tell the class.
        used = np.bincount(numbers.ravel(), minlength=256) > 0
        used[VOID] = False  # The class map need not have void.
        if (table[used] < none).all():
            return table[numbers]
    return np.where(numbers < 0, none, np.minimum(numbers, none))


def _of_codes(codes: NDArray[np.int64], classes: ClassMap) -> NDArray[np.int64]:
    known = np.array(sorted(classes.colors), np.int64)
    if not len(known):
        return np.full(codes.shape, len(classes.names), np.int64)
    table = np.array([classes.names.index(classes.colors[code]) for code in known.tolist()], np.int64)
    found = np.searchsorted(known, codes).clip(max=len(known) - 1)
    return np.where(known[found] == codes, table[found], len(classes.names))


def read_class_map(path: Path) -> ClassMap:
    """Read ``labelmap.txt``. One that is absent or cannot be read has no class."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError):
        return ClassMap()
    names: list[str] = []
    colors: dict[int, str] = {}
    for line in lines:
        name, _, rest = line.partition(":")
        parts = rest.partition(":")[0].split(",")
        has_color = len(parts) == 3 and all(part.strip().isdecimal() and len(part) < 9 for part in parts)
        # A comment has no color. The name of a class may begin as one.
        if not line.strip() or (line.startswith("#") and not has_color):
            continue
        names.append(name.strip())
        if has_color:
            colors.setdefault(int(np.array([int(part) for part in parts]) @ _CODE), name.strip())
    return ClassMap(tuple(names), colors)


def read_numbers(label_image: Path) -> NDArray[np.integer[Any]]:
    """Return the (H, W) object numbers of a mask image, which may be stored as the colors of VOC."""
    with open_image(label_image, f"mask {label_image}") as image:
        numbers = np.asarray(image)
    if numbers.ndim == 3 and numbers.shape[2] >= 3:
        numbers = _of_colors(numbers[..., :3], label_image)
    if numbers.ndim != 2 or numbers.dtype.kind not in "iub":
        raise InputError(f"mask {label_image} has no object numbers: it has shape {numbers.shape} and {numbers.dtype} samples")
    return numbers.astype(np.uint8) if numbers.dtype == bool else numbers


def _of_colors(colors: NDArray[Any], label_image: Path) -> NDArray[np.uint8]:
    """Return the object numbers of the colors of VOC."""
    codes = colors.astype(np.int64) @ _CODE
    palette = voc_colors().astype(np.int64) @ _CODE
    order = np.argsort(palette)
    places = np.searchsorted(palette[order], codes).clip(max=len(order) - 1)
    numbers: NDArray[np.uint8] = order[places].astype(np.uint8)
    if (palette[numbers] != codes).any():
        wrong = colors[palette[numbers] != codes][0].tolist()
        raise InputError(f"mask {label_image} is in color, and {tuple(wrong)} is not a color of VOC: expected object numbers")
    return numbers


_CODE = np.array([1 << 16, 1 << 8, 1])
"""Factors that make one number of red, green and blue."""
_MOST = 1024
"""Numbers of classes and of objects beyond which they are not compared: the table of both would be large."""
