"""Reading of class lists: text files, lists in JSON, the YAML file of a YOLO dataset, and the categories of a COCO file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..errors import InputError
from ..runtime.structured import read_json, read_text
from .core import Category

MAX_BYTES = 16 << 20
"""Maximum size in bytes of a text or YAML file with a class list."""

SUFFIXES = (".txt", ".names", ".yaml", ".yml", ".json")
"""Suffixes of files with a class list."""


def read_classes(path: str | os.PathLike[str], *, may_be_empty: bool = False) -> tuple[Category, ...]:
    """Read a class list.

    A text file has one name a line, in the order of the numbers. Blank lines and a byte order mark are left out. Of a YAML file
    ``names`` is read, a list or a mapping of numbers to names. Of a COCO file ``categories`` is read; another JSON file is a list of names.

    Args:
        path: The file, with a suffix of `SUFFIXES`.
        may_be_empty: Whether a list without classes is one, too.

    Returns:
        The classes. Those of YAML and COCO files have the numbers of the file.

    Raises:
        InputError: When the file cannot be read, or has no class list.
    """
    file = Path(path)
    if file.suffix.lower() == ".json":
        content = read_json(file)
        found = _of_names(content, file) if isinstance(content, list) else _of_coco(content)
        expected = 'a list of names, or a COCO file with "categories": [{"id": 1, "name": "person"}, …]'
    elif file.suffix.lower() in (".yaml", ".yml"):
        found = _of_yaml(read_text(file, MAX_BYTES), file)
        expected = "names: [person, car, …]"
    else:
        found = _of_lines(read_text(file, MAX_BYTES), file)
        expected = "one name a line"
    if not found and not may_be_empty:
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


def _of_lines(text: str, path: Path) -> tuple[Category, ...]:
    return _of_names([line.strip() for line in text.split("\n") if line.strip()], path)


def _of_names(names: list[Any], path: Path) -> tuple[Category, ...]:
    if not all(isinstance(name, str) for name in names):
        return ()
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
        numbers, names = (list(listed), list(listed.values())) if isinstance(listed, dict) else (range(len(listed)), listed)
        classes = _categories(zip(map(int, numbers), names, strict=True))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path} has no class names: expected names: [person, car, …] ({type(error).__name__})") from error
    if isinstance(listed, str) or len(classes) < len(names):
        raise InputError(f"{path} has no class list: expected names: [person, car, …], and each name as text")
    return classes


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
