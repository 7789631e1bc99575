"""Folders and patterns as sources: listing of their images."""

from __future__ import annotations

from pathlib import Path

from ...image_files import list_names, matching_names
from .core import NamedImages


def of_folder(folder: Path, without: Path | None) -> NamedImages:
    """Return the images of a folder and its subfolders, outside of the folder `without`."""
    names, unused = list_names(folder, without=without)
    return NamedImages({"folder": str(folder.resolve())}, folder, names, unused)


def of_pattern(pattern: Path, without: Path | None) -> NamedImages:
    """Return the images that a pattern matches, outside of the folder `without`."""
    fixed, names, unused = matching_names(pattern, without=without)
    return NamedImages({"pattern": str(pattern)}, fixed, names, unused)
