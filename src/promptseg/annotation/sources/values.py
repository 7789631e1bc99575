"""Lists of images as sources: Python values and text files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Union

from ...errors import InputError
from ...prompts import Prompt
from .core import ListedImages, SourceImage
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
            images.append(SourceImage(*place(os.fspath(path), here), prompts, (None,) * len(prompts)))
            prompted = True
        elif isinstance(value, (str, os.PathLike)):
            images.append(SourceImage(*place(os.fspath(value), here)))
        else:
            raise InputError(f"expected an image to annotate as a path or a pair (path, prompts), got {type(value).__name__}")
    return ListedImages({"values": str(here)}, distinct(images, "the images given"), prompted)


def of_list(file: Path, root: Path) -> ListedImages:
    """Return the images of a text file with one path a line."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the list {file}: {error}") from error
    images = [SourceImage(*place(line.strip(), root)) for line in lines if line.strip() and not line.startswith("#")]
    return ListedImages({"list": str(file.resolve()), "images": str(root.resolve())}, distinct(images, file))
