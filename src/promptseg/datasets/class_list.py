"""Reading of class lists: text files, the YAML file of a YOLO dataset, and the categories of a COCO file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..errors import InputError
from ..runtime.structured import read_json
from .core import Category

MAX_BYTES = 16 << 20
"""Maximum size in bytes of a text or YAML file with a class list."""

SUFFIXES = (".txt", ".names", ".yaml", ".yml", ".json")
"""Suffixes of files with a class list."""


def read_classes(path: str | os.PathLike[str]) -> tuple[Category, ...]:
    """Read a class list.

    A text file has one name a line, in the order of the numbers. Blank lines and a byte order mark are left out. Of a YAML file
    ``names`` is read, a list or a mapping of numbers to names. Of a COCO file ``categories`` is read.

    Args:
        path: The file, with a suffix of `SUFFIXES`.

    Returns:
        The classes. Those of YAML and COCO files have the numbers of the file.

    Raises:
        InputError: When the file cannot be read, or has no class list.
    """
    file = Path(path)
    if file.suffix.lower() == ".json":
        found = _of_coco(read_json(file))
        expected = 'a COCO file with "categories": [{"id": 1, "name": "person"}, …]'
    elif file.suffix.lower() in (".yaml", ".yml"):
        found = _of_yaml(_text(file), file)
        expected = "names: [person, car, …]"
    else:
        found = _of_lines(_text(file), file)
        expected = "one name a line"
    if not found:
        raise InputError(f"{file} has no class list: expected {expected}")
    return found


def classes_of(text: str) -> tuple[Category, ...]:
    """Return the classes that a word of the command line names: those of a file, or names separated by commas.

    Raises:
        InputError: When the file does not exist, cannot be read, or has no class list.
    """
    if text.lower().endswith(SUFFIXES):
        return read_classes(text)
    return tuple(Category(name.strip()) for name in text.split(",") if name.strip())


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path} is no class list: it has more than {MAX_BYTES >> 20} MiB")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path} is not UTF-8 text: {error}") from error


def _of_lines(text: str, path: Path) -> tuple[Category, ...]:
    names = [line.strip() for line in text.split("\n") if line.strip()]
    if twice := _first_repeated(names):
        raise InputError(f"{path} lists the class {twice!r} twice: a class has one number")
    return tuple(map(Category, names))


def _first_repeated(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]


def _of_yaml(text: str, path: Path) -> tuple[Category, ...]:
    try:
        # The base loader makes only text, lists and mappings, so that the class `no` is not the value false.
        content = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (it makes no objects)
        listed = content["names"]
        pairs = listed.items() if isinstance(listed, dict) else enumerate(listed if isinstance(listed, list) else [])
        return _categories((int(number), name) for number, name in pairs)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path} has no class names: expected names: [person, car, …] ({type(error).__name__})") from error


def _of_coco(content: object) -> tuple[Category, ...]:
    listed = content.get("categories") if isinstance(content, dict) else None
    entries = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return _categories((each.get("id"), each.get("name")) for each in entries)


def _categories(pairs: Iterable[tuple[Any, Any]]) -> tuple[Category, ...]:
    return tuple(
        Category(name, number if isinstance(number, int) and not isinstance(number, bool) else None)
        for number, name in pairs
        if isinstance(name, str)
    )
