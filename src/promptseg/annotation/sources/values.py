"""Lists of images as sources: Python values and text files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Union

from ...errors import InputError
from ...prompts import Prompt
from .core import AskedObject, ListedImages, SourceImage
from .names import distinct, place

SourceItem = Union[str, "os.PathLike[str]", "tuple[str | os.PathLike[str], Prompt | Sequence[Prompt]]"]
"""Image in a Python source: a path, or a pair ``(path, prompts)`` with prompts for this image alone."""


def of_values(values: Iterable[SourceItem]) -> ListedImages:
    """Return the images of Python values: paths, and pairs of a path and prompts."""
    images, prompted = [], False
    here = Path.cwd()
    for value in values:
        if isinstance(value, tuple):
            path, own = value
            prompts = (own,) if isinstance(own, Prompt) else tuple(own)
            asked = tuple(AskedObject(prompt, place=f"prompt {number}") for number, prompt in enumerate(prompts))
            images.append(SourceImage(*place(os.fspath(path), here), asked))
            prompted = True
        elif isinstance(value, (str, os.PathLike)):
            images.append(SourceImage(*place(os.fspath(value), here)))
        else:
            raise InputError(f"expected an image to annotate as a path or a pair (path, prompts), got {type(value).__name__}")
    return ListedImages({"values": str(here)}, distinct(images, "the images given"), prompted)


def of_list(file: Path, root: Path) -> ListedImages:
    """Return the images of a text file with one path a line."""
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the list {file}: {error}") from error
    images, dropped = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            images.append(SourceImage(*place(line.strip().replace("\\", "/"), root)))
        except InputError as error:
            dropped.append(f"line {number}: {error}")
    description = {"list": str(file.resolve()), "images": str(root.resolve())}
    return ListedImages(description, distinct(images, file), dropped=tuple(dropped))
