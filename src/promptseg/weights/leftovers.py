"""Removal of what killed processes and older versions left in the cache folder."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from ..runtime.files import remove_leftovers
from ..runtime.home import cache_dir
from ..runtime.prepared import outdated_folders


def remove_cache_leftovers() -> int:
    """Remove what killed processes left in the cache folder, and return how many files and folders there were.

    These are temporary files, and beginnings of downloads whose file is here. Beginnings that a download can continue are kept, and
    what another process is writing now is left alone.
    """
    removed = 0
    for folder in _cache_folders():
        removed += remove_leftovers(folder)
        for part in folder.glob(".*.part"):
            name = part.name.removeprefix(".").removesuffix(".part")
            if (folder / name).is_file() and _remove_unless_locked(part, folder / f".{name}.lock"):
                removed += 1
    return removed


def remove_outdated_graphs(codes: Collection[str]) -> tuple[int, int]:
    """Remove the graphs that code of another version prepared, and return the numbers of folders and of bytes.

    A version that needs such graphs again prepares them anew.

    Args:
        codes: `promptseg.runtime.prepared.code_digest` of all code of this version that prepares graphs.
    """
    removed, size = 0, 0
    for folder in outdated_folders(codes):
        taken = 0
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                taken += path.lstat().st_size if path.is_file() else 0
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            removed, size = removed + 1, size + taken
    return removed, size


def _cache_folders() -> Iterator[Path]:
    """Yield the folders in which this version keeps weights, prepared graphs and embeddings."""
    yield from (path for path in sorted((cache_dir() / "hub").rglob("*")) if path.is_dir())
    for kind in ("weights", "prepared"):
        yield from (folder for folder in sorted((cache_dir() / kind).glob("*")) if folder.is_dir())
    yield cache_dir() / "embeddings"


def _remove_unless_locked(path: Path, lock: Path) -> bool:
    from filelock import FileLock, Timeout

    with contextlib.suppress(OSError, Timeout), FileLock(lock, timeout=0):
        path.unlink()
        return True
    return False
