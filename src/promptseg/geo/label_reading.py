"""Label rasters as the objects of a scene: each number is an object, or each connected part of a number. They are read by windows."""

from __future__ import annotations

import contextlib
import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import absent_hint
from ..datasets.core import read_score
from ..errors import InputError
from ..image_formats import MAX_PIXELS
from ..masks import Mask, Size
from ..rasters.numbers import open_numbers
from ..rasters.raster import Raster
from ..rasters.reader import Reader
from ..rasters.window import Window, between
from ..runtime.progress import track
from ..scene_masks import SceneMask, SceneMasks
from .crs import check_same_grid
from .label_pieces import ConnectedParts, pieces_of
from .label_raster import table_of

HEIGHT, WIDTH = 512, 4096
"""Size of the windows that are read at once, in pixels. Rows of a file without tiles are decoded once, since GDAL keeps so many."""

MAX_PIECES = 10_000_000
"""Maximum number of parts of objects, as windows show them."""

_About = tuple["str | None", "float | None"]
"""Label and score of an object."""


def read_labels(path: Path, raster: Raster, *, classes: bool = False) -> SceneMasks:
    """Read a label raster as the objects of a raster.

    Pixels of one number are one object, wherever they are. 0 and pixels without data are the background. A table beside the file,
    ``NAME.csv`` with the columns ``id`` and ``label`` or ``score``, as `promptseg.geo.label_raster` writes it, says what numbers are.

    Args:
        path: The file, of the size of the raster and at its place. One without a georeference lies where the raster lies.
        raster: The raster.
        classes: Whether numbers are classes. Then each connected part of a number is an object, whose label is the one of the number, or
            else the number. Pixels that touch at a corner are connected.

    Returns:
        The objects in the order of their numbers; those of one class row by row.

    Raises:
        InputError: The file cannot be read, has several bands, numbers that are not whole or are negative, another size or another place
            than the raster, or an object with a box of more than `promptseg.images.MAX_PIXELS`; or the table is damaged.
        MissingDependencyError: A package of the extra ``geo`` is not installed.
    """
    if not path.exists():
        raise InputError(f"there is no file {path}{absent_hint(path)}")
    about = _table(table_of(path))
    with contextlib.closing(open_numbers(path)) as reader:
        _check_size(reader.size, raster, path)
        check_same_grid(reader.georeference, raster, path)
        found = _objects_of_classes(reader, path) if classes else _objects(_pieces(reader, path), path)
    listed = []
    for number, mask in found:
        label, score = about.get(number, (str(number) if classes else None, None))
        listed.append(replace(mask, mask=replace(mask.mask, label=label, score=None if classes else score)))
    return SceneMasks(listed, raster.size)


def _objects(pieces: Iterable[tuple[int, SceneMask]], path: Path) -> list[tuple[int, SceneMask]]:
    """Return the objects that pieces of equal numbers are, in the order of the numbers."""
    parts: dict[int, list[SceneMask]] = defaultdict(list)
    for number, mask in pieces:
        parts[number].append(mask)
    return [(number, _whole(number, parts.pop(number), path)) for number in sorted(parts)]


def _objects_of_classes(reader: Reader, path: Path) -> list[tuple[int, SceneMask]]:
    """Return the connected parts of each number, in the order of the numbers, and of their places row by row."""
    connected = ConnectedParts(reader.size[1])
    parts = [*_pieces(reader, path, connected.found)]
    found = _objects(((connected.part_of(part)[0], mask) for part, mask in parts), path)
    of_classes = [(connected.part_of(part)[1], mask) for part, mask in found]
    return sorted(of_classes, key=lambda each: (each[0], each[1].box[1], each[1].box[0]))


def _pieces(
    reader: Reader, path: Path, numbered: Callable[[NDArray[Any], Window], NDArray[Any]] | None = None
) -> Iterator[tuple[int, SceneMask]]:
    """Yield what each window shows of each object, with the number of the object.

    Args:
        reader: The label raster.
        path: Its file.
        numbered: Function that returns other numbers for those of a window.
    """
    windows = list(_windows(reader.size))
    count = 0
    for window in track(windows, stage="read labels", total=len(windows), unit="window"):
        values, valid = reader.read(window, window.size, (0,))
        numbers = np.where(valid, values[..., 0], 0)
        if numbers.dtype.kind == "i" and numbers.min() < 0:
            raise InputError(
                f"{path} has the number {numbers.min()}, and objects have numbers of at least 1: if it is no data, "
                f"say so in the file, such as by gdal_edit.py -a_nodata {numbers.min()}"
            )
        if numbered is not None:
            numbers = numbered(numbers, window)
        for piece in pieces_of(numbers, window):
            count += 1
            if count > MAX_PIECES:
                raise InputError(f"{path} has more than {MAX_PIECES} parts of objects, the limit: is it a label raster?")
            yield piece


def _windows(size: Size) -> Iterator[Window]:
    height, width = size
    for y in range(0, height, HEIGHT):
        for x in range(0, width, WIDTH):
            yield Window(y, x, min(HEIGHT, height - y), min(WIDTH, width - x))


def _whole(number: int, pieces: list[SceneMask], path: Path) -> SceneMask:
    """Return the object of which windows show these pieces."""
    if len(pieces) == 1:
        return pieces[0]
    boxes = np.array([each.box for each in pieces])
    window = between(*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
    assert window is not None  # noqa: S101 - Pieces have pixels.
    if window.width * window.height > MAX_PIXELS:
        raise InputError(
            f"object {number} of {path} is {window.width} pixels wide and {window.height} high, and an object has at most {MAX_PIXELS} "
            "pixels in its box: if it is the background, let it be 0 or no data, and if numbers are classes, read it as "
            f"{path}:classes"
        )
    pixels = np.zeros(window.size, bool)
    for each in pieces:
        x, y = each.origin[0] - window.x, each.origin[1] - window.y
        pixels[y : y + each.window.height, x : x + each.window.width] |= each.mask.array
    return SceneMask(Mask.from_crop(pixels, (0, 0), window.size), (window.x, window.y))


def _check_size(size: Size, raster: Raster, path: Path) -> None:
    if size != raster.size:
        own, theirs = (f"{width} wide and {height} high" for height, width in (size, raster.size))
        raise InputError(f"{path} is {own}, and {raster.name} {theirs}: a label raster has the size of the raster, pixel by pixel")


def _table(path: Path) -> Mapping[int, _About]:
    """Return label and score of each number that the table beside a label raster has. One without ``id`` is about something else."""
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if "id" not in (rows.fieldnames or ()):
                return {}
            return {int(row["id"]): (row.get("label") or None, read_score(row.get("score"))) for row in rows}
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{path} is not a table of the objects of a label raster: {error}") from error
