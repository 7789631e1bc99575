"""Names of images: paths within the source, each of one file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ...errors import InputError
from .core import SourceImage


def place(named: str, root: Path) -> tuple[str, Path]:
    """Return the name and the absolute path of an image. The name is relative to `root`; outside of `root` it is the whole path."""
    base = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow links, and names are those that the user sees.
    path = Path(os.path.abspath(base / named))  # noqa: PTH100
    try:
        return path.relative_to(base).as_posix(), path
    except ValueError:
        return path.relative_to(path.anchor).as_posix(), path


def distinct(images: Iterable[SourceImage], origin: object) -> tuple[SourceImage, ...]:
    """Return the images without repetitions.

    Raises:
        InputError: When two files have the same name.
    """
    by_name: dict[str, SourceImage] = {}
    for image in images:
        other = by_name.setdefault(image.name, image)
        if other.path != image.path:
            raise InputError(f"{origin} has two images that would have the name {image.name!r}: {other.path} and {image.path}")
    return tuple(by_name.values())
