"""Tables as sources: CSV and Parquet files with an image and a prompt in each row."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..._install import install_extra
from ...errors import InputError, MissingDependencyError
from .core import ListedImages, SourceImage
from .names import distinct, place
from .objects import ObjectValues, asked_objects, finite


def read_table(file: Path, root: Path) -> ListedImages:
    """Read the images of a table, with the prompts of their rows.

    Columns:

    - ``image``: path of the image.
    - ``x0``, ``y0``, ``x1``, ``y1``: a box, in pixels.
    - ``x``, ``y``, ``foreground``: a point, in pixels; it is on the object unless ``foreground`` is 0.
    - ``text``: phrases, as `promptseg.vocabulary.split_phrases` splits them: "cat, dog".
    - ``label``: label of the object that the box or point is for.
    - ``object``: rows of an image that share this value are prompts of one object. Without it, each row is an object of its own.

    An image whose rows have no prompt gets the prompts of the run. An object of which a row cannot be used is dropped and named.

    Args:
        file: The table, ``.csv`` or ``.parquet``.
        root: Folder to which the paths are relative.

    Raises:
        InputError: When the table cannot be read or has no column ``image``.
        MissingDependencyError: When the file is Parquet and pyarrow is not installed.
    """
    by_image: dict[str, dict[object, ObjectValues]] = defaultdict(dict)
    dropped: list[str] = []
    for number, row in enumerate(_rows(file), 1):
        if "image" not in row:
            raise InputError(f"{file} has no column image: its columns are {', '.join(map(str, row)) or 'none'}")
        given = {name: value for name, value in row.items() if value is not None and str(value).strip() not in ("", "nan")}
        if "image" not in given:
            dropped.append(f"row {number}: it has no image")
            continue
        _add_row(by_image[str(given["image"]).replace("\\", "/")], number, given)
    images = []
    for name, objects in by_image.items():
        try:
            placed = place(name, root)
        except InputError as error:
            dropped.append(f"{next(iter(objects.values())).place}: {error}")
            continue
        asked, unusable = asked_objects(objects.values())
        prompted = any(not values.is_empty for values in objects.values())
        images.append(SourceImage(*placed, asked if prompted else None, unusable))
    if not images:
        raise InputError(f"{file} has no row with an image")
    description = {"table": str(file.resolve()), "images": str(root.resolve())}
    has_prompts = any(image.asked is not None for image in images)
    return ListedImages(description, distinct(images, file), has_prompts=has_prompts, dropped=tuple(dropped))


def _add_row(objects: dict[object, ObjectValues], number: int, given: Mapping[str, Any]) -> None:
    """Add the prompts of a row to its object. A value that cannot be used becomes the `problem` of the object."""
    values = objects.setdefault(("object", str(given["object"])) if "object" in given else number, ObjectValues(f"row {number}"))
    try:
        _add_box(values, given)
        _add_point(values, given)
    except ValueError as error:
        values.place, values.problem = f"row {number}", str(error)
    if "text" in given:
        values.text = [str(given["text"])]
    if "label" in given:
        values.label = str(given["label"])


def _add_box(values: ObjectValues, given: Mapping[str, Any]) -> None:
    corners = [name for name in ("x0", "y0", "x1", "y1") if name in given]
    if not corners:
        return
    if len(corners) < 4:
        raise ValueError(f"a box needs x0, y0, x1 and y1, got only {', '.join(corners)}")
    if values.box is not None:
        raise ValueError(f"object {given.get('object')} has two boxes")
    values.box = [_number(given, name) for name in corners]


def _add_point(values: ObjectValues, given: Mapping[str, Any]) -> None:
    if ("x" in given) != ("y" in given):
        raise ValueError("a point needs x and y")
    if "x" in given:
        on = "foreground" not in given or bool(_number(given, "foreground"))
        values.points = [*values.points, (_number(given, "x"), _number(given, "y"), on)]


def _number(given: Mapping[str, Any], column: str) -> float:
    value = given[column]
    try:
        return finite(value if isinstance(value, (int, float)) and not isinstance(value, bool) else float(str(value)))
    except ValueError as error:
        raise ValueError(f"{column} is a number, got {str(value)[:40]!r}") from error


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        if file.suffix.lower() == ".csv":
            with file.open(encoding="utf-8-sig", newline="") as opened:
                yield from csv.DictReader(opened, skipinitialspace=True)
            return
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise MissingDependencyError(f"reading {file} needs pyarrow: {install_extra('parquet')}") from error
        for batch in parquet.ParquetFile(file).iter_batches():
            yield from batch.to_pylist()
    except (OSError, ValueError, csv.Error) as error:
        raise error if isinstance(error, InputError) else InputError(f"cannot read the table {file}: {error}") from error
