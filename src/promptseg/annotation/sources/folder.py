"""Folders and patterns as sources: listing of their images."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

from ...image_files import list_names
from .core import NamedImages


def of_folder(folder: Path, without: Path | None) -> NamedImages:
    """Return the images of a folder and its subfolders, outside of the folder `without`."""
    names, unused = list_names(folder, without=without)
    return NamedImages({"folder": str(folder.resolve())}, folder, names, unused)


def of_pattern(pattern: Path, without: Path | None) -> NamedImages:
    """Return the images that a pattern matches, outside of the folder `without`."""
    fixed = Path(*_until_magic(pattern))
    names, unused = list_names(fixed, without=without, pattern=pattern.relative_to(fixed).parts)
    return NamedImages({"pattern": str(pattern)}, fixed, names, unused)


def _until_magic(pattern: Path) -> Iterator[str]:
    """Yield the parts of a pattern before the first that is one. A folder may have a name such as ``site [2]``."""
    for number, part in enumerate(pattern.parts, 1):
        if glob.has_magic(part) and not Path(*pattern.parts[:number]).exists():
            return
        yield part
