"""Tables as sources: CSV and Parquet files with an image and a prompt in each row."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import InputError, MissingDependencyError
from .core import ListedImages, SourceImage
from .names import distinct, place
from .objects import with_prompts


def read_table(file: Path, root: Path) -> ListedImages:
    """Read the images of a table, with the prompts of their rows.

    Columns:

    - ``image``: path of the image.
    - ``x0``, ``y0``, ``x1``, ``y1``: a box, in pixels.
    - ``x``, ``y``, ``foreground``: a point, in pixels; it is on the object unless ``foreground`` is 0.
    - ``text``: phrases, separated by commas.
    - ``label``: label of the object that the box or point is for.
    - ``object``: rows of an image that share this value are prompts of one object. Without it, each row is an object of its own.

    An image whose rows have no prompt gets the prompts of the run.

    Args:
        file: The table, ``.csv`` or ``.parquet``.
        root: Folder to which the paths are relative.

    Raises:
        InputError: When the table cannot be read or has no column ``image``.
        MissingDependencyError: When the file is Parquet and pyarrow is not installed.
    """
    by_image: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    prompted = False
    for number, row in enumerate(_rows(file), 1):
        if not row.get("image"):
            raise InputError(f"row {number} of {file} has no image: expected a column image, got {', '.join(map(str, row)) or 'nothing'}")
        by_image[str(row["image"])].append(row)
        prompted = prompted or any(row.get(column) not in (None, "") for column in ("x0", "x", "text"))
    images = []
    for name, rows in by_image.items():
        objects: dict[Any, dict[str, Any]] = {}
        try:
            for number, row in enumerate(rows):
                _add_row(objects, number, row)
        except (KeyError, ValueError) as error:
            images.append(SourceImage(*place(name, root), problem=f"its rows cannot be used: {error}"))
            continue
        asked = [(parts, parts.pop("label", None)) for parts in objects.values()]
        asked = [(parts, label) for parts, label in asked if parts]
        images.append(with_prompts(*place(name, root), asked) if asked else SourceImage(*place(name, root)))
    description = {"table": str(file.resolve()), "images": str(root.resolve())}
    return ListedImages(description, distinct(images, file), has_prompts=prompted)


def _add_row(objects: dict[Any, dict[str, Any]], number: int, row: Mapping[str, Any]) -> None:
    """Add the prompts of a row to its object."""
    given = {name: value for name, value in row.items() if value is not None and str(value) not in ("", "nan")}
    parts = objects.setdefault(("object", given["object"]) if "object" in given else number, {})
    if corners := [name for name in ("x0", "y0", "x1", "y1") if name in given]:
        if len(corners) < 4:
            raise ValueError(f"a box needs x0, y0, x1 and y1, got only {', '.join(corners)}")
        if "box" in parts:
            raise ValueError(f"object {given['object']} has two boxes")
        parts["box"] = tuple(float(given[name]) for name in corners)
    if ("x" in given) != ("y" in given):
        raise ValueError("a point needs x and y")
    if "x" in given:
        parts.setdefault("points", []).append((float(given["x"]), float(given["y"]), bool(float(given.get("foreground", 1)))))
    if "text" in given:
        parts["text"] = str(given["text"])
    if "label" in given:
        parts["label"] = str(given["label"])


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        if file.suffix.lower() == ".csv":
            with file.open(encoding="utf-8-sig", newline="") as opened:
                yield from csv.DictReader(opened, skipinitialspace=True)
            return
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise MissingDependencyError(f"reading {file} needs pyarrow: pip install 'promptseg[parquet]'") from error
        for batch in parquet.ParquetFile(file).iter_batches():
            yield from batch.to_pylist()
    except (OSError, ValueError, csv.Error) as error:
        raise error if isinstance(error, InputError) else InputError(f"cannot read the table {file}: {error}") from error
