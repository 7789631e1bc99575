"""Folders and patterns as sources: listing of their images."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...datasets.manifest import FOLDER_MANIFEST
from ...errors import InputError
from ...images import IMAGE_SUFFIXES
from .core import NamedImages


def files_of(folder: Path, prefix: str, without: Path | None) -> Iterator[str]:
    """Yield the names of the images under a folder, sorted by their whole names."""
    try:
        with os.scandir(folder) as found:
            entries = sorted((entry.name + ("/" if entry.is_dir(follow_symlinks=False) else ""), entry.path) for entry in found)
    except OSError as error:
        raise InputError(f"cannot list {folder}: {error.strerror or error}") from error
    if prefix and any(name == FOLDER_MANIFEST for name, _ in entries):
        return
    for name, path in entries:
        if name.startswith("."):
            continue
        if name.endswith("/"):
            if without is None or Path(path).resolve() != without:
                yield from files_of(Path(path), prefix + name, without)
        elif Path(name).suffix.lower() in IMAGE_SUFFIXES and Path(path).is_file():
            yield prefix + name


def of_pattern(pattern: Path, without: Path | None) -> NamedImages:
    """Return the images that a pattern matches, outside of the folder `without`."""
    fixed = Path(*_until_magic(pattern.parts))
    left_out = None if without is None else without.resolve()
    if left_out is not None and fixed.resolve().is_relative_to(left_out):
        left_out = None  # The images are within the output folder.
    names = [
        path.relative_to(fixed).as_posix()
        for path in fixed.glob(str(pattern.relative_to(fixed)))
        if path.suffix.lower() in IMAGE_SUFFIXES
        and path.is_file()
        and not (left_out and path.resolve().is_relative_to(left_out))
        and not _is_written(path, fixed)
    ]
    shown = (name for name in names if not any(part.startswith(".") for part in name.split("/")))
    return NamedImages({"pattern": str(pattern)}, fixed, tuple(sorted(shown)))


def _is_written(path: Path, root: Path) -> bool:
    """Return whether promptseg wrote a folder between `root` and a file."""
    folders = path.relative_to(root).parents
    return any((root / folder / FOLDER_MANIFEST).is_file() for folder in folders if folder.parts)


def _until_magic(parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        if glob.has_magic(part):
            return
        yield part
