"""What shows that a file was replaced since it was opened: its size and its time of modification."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import InputError
from .mosaic import parts_of

_MOST_FILES = 1000
_METADATA = ("zarr.json", ".zgroup", ".zattrs", ".zarray", ".zmetadata")


def identity_of(path: Path) -> dict[str, int]:
    """Return ``bytes`` and ``modified`` (nanoseconds) of a file, with those of a mosaic's parts; of a folder, of the descriptions in it.

    Raises:
        InputError: The file cannot be looked at.
    """
    try:
        found = [file.stat() for file in (_descriptions(path) if path.is_dir() else (path, *_parts(path)))]
    except OSError as error:
        raise InputError(f"cannot read raster {path}: {error.strerror or error}") from error
    return {"bytes": sum(each.st_size for each in found), "modified": max((each.st_mtime_ns for each in found), default=0)}


def _parts(path: Path) -> tuple[Path, ...]:
    return parts_of(path) if path.is_file() else ()  # To open a pipe would wait for who writes into it.


def _descriptions(folder: Path) -> list[Path]:
    """Return the descriptions of a Zarr group and of the arrays directly in it. The chunks of arrays may be millions of files."""
    with os.scandir(folder) as entries:
        folders = [folder, *(Path(entry.path) for entry, _ in zip(entries, range(_MOST_FILES), strict=False) if entry.is_dir())]
    return sorted(file for each in folders for name in _METADATA if (file := each / name).is_file())
