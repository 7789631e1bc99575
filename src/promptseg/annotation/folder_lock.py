"""Lock of an output folder: only one process at a time writes to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import OutputError
from ..runtime.files import output_errors

LOCK = ".lock"
"""Name of the file that is locked."""


class FolderInUseError(OutputError):
    """Another process writes to the folder."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Create a folder, and hold its lock during the block. A folder that was created and got nothing is removed again.

    Raises:
        FolderInUseError: When another process holds the lock.
        OutputError: When the folder is a file, or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file: expected a folder for the outputs")
    is_new = not folder.exists()
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise FolderInUseError(f"another run is writing to {folder}: wait until it ends, or use another folder") from error
    try:
        yield
    finally:
        if is_new:
            _remove_unused(folder)
        lock.release()


def _remove_unused(folder: Path) -> None:
    """Remove a folder that has nothing but its lock: what failed before it began leaves no trace."""
    with contextlib.suppress(OSError):
        if [each.name for each in folder.iterdir()] == [LOCK]:
            (folder / LOCK).unlink()  # Windows refuses while it is locked: then the folder stays.
            folder.rmdir()
