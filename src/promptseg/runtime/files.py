"""Atomic writing of files and folders: a file gets its final name only when complete."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..errors import OutputError


@contextlib.contextmanager
def write_atomically(path: Path, *, text: bool = False) -> Iterator[IO[Any]]:
    """Open a new file that takes its final name only when the block ends without an exception.

    The file is written under a temporary name in the same folder, flushed to the disk and renamed. If anything fails, the temporary file is
    removed, and an existing file of that name is unchanged.

    Args:
        path: The final name.
        text: Whether to open the file as UTF-8 text instead of binary.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        _lock(handle)
        with os.fdopen(handle, "w" if text else "wb", encoding="utf-8" if text else None) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_UMASK)  # mkstemp makes private files.
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


@contextlib.contextmanager
def write_folder(path: Path, *, last: str) -> Iterator[Path]:
    """Make a temporary folder whose files move to `path` only when the block ends without an exception.

    If `path` is absent, all files appear at once. If it is a folder, files of the same names are replaced one by one. If the block fails,
    the temporary folder is removed and `path` is unchanged.

    Args:
        path: The final folder.
        last: Name of the file that describes the others. An old one is removed before the others are replaced, and the new one moves last.
            So it never stands beside files that it does not describe.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    present = path.is_dir()
    temporary = Path(tempfile.mkdtemp(dir=path if present else path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_UMASK)  # mkdtemp makes private folders.
        for file in temporary.iterdir():
            with file.open("r+b") as written:
                os.fsync(written.fileno())
        if not present:
            temporary.rename(path)
            return
        (path / last).unlink(missing_ok=True)
        for file in sorted(temporary.iterdir(), key=lambda file: file.name == last):
            file.replace(path / file.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """Make a folder in `parent` that is removed after the block. If the process is killed, `remove_leftovers` removes it."""
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=f".{name.lstrip('.')}.", suffix=".tmp"))
    handle = os.open(folder, os.O_RDONLY) if _fcntl else None  # Windows opens no folders.
    try:
        if handle is not None:
            _lock(handle)
        yield folder
    finally:
        if handle is not None:
            os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(folder: Path) -> int:
    """Remove the temporary files and folders that killed writes left in a folder, and return how many there were.

    What another process is writing now with this module is left alone.
    """
    removed = 0
    for path in folder.glob(".*.tmp"):
        if not _TEMPORARY.fullmatch(path.name) or _in_use(path):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
        removed += not path.exists()
    return removed


def _lock(handle: int) -> None:
    """Lock an open temporary file until it is closed, also by the death of the process."""
    if _fcntl:
        with contextlib.suppress(OSError):  # Some network file systems have no locks.
            _fcntl.flock(handle, _fcntl.LOCK_EX | _fcntl.LOCK_NB)


def _in_use(path: Path) -> bool:
    """Return whether a process is writing a temporary file. On Windows this is always False, and an open file cannot be removed there."""
    if not _fcntl or path.is_symlink():
        return False
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        _fcntl.flock(handle, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn an operating-system error while writing `path` into an `OutputError` that names the path."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; nothing half-written is left there") from error


def _read_umask() -> int:
    mask = os.umask(0o022)  # The umask can only be read by setting it. It belongs to the process, so do this once, on import.
    os.umask(mask)
    return mask


_UMASK = _read_umask()
_fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None
_TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}\.tmp")
"""Pattern of the temporary names that `tempfile` makes here and in the dataset formats."""
