"""Atomic writing of files and folders: a file gets its final name only when complete."""

from __future__ import annotations

import contextlib
import errno
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
def write_atomically(path: Path, *, text: bool = False, private: bool = False) -> Iterator[IO[Any]]:
    """Open a new file that takes its final name only when the block ends without an exception.

    The file is written under a temporary name in the same folder, flushed to the disk and renamed. If anything fails, the temporary file is
    removed, and an existing file of that name is unchanged.

    Args:
        path: The final name.
        text: Whether to open the file as UTF-8 text instead of binary.
        private: Whether no other user may read it.
    """
    if path.exists() and not path.is_file():  # A device, such as /dev/null, would be replaced by a file.
        kind = errno.EISDIR if path.is_dir() else errno.EINVAL
        raise OSError(kind, os.strerror(kind), str(path))
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path), suffix=".tmp")
    try:
        _lock(handle)
        with os.fdopen(handle, "w" if text else "wb", encoding="utf-8" if text else None) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if not private:  # mkstemp makes private files.
            Path(temporary).chmod(0o666 & ~_UMASK)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


@contextlib.contextmanager
def write_folder(path: Path, *, last: str) -> Iterator[Path]:
    """Make a temporary folder whose files move to `path` only when the block ends without an exception.

    The files may be in folders of it. If `path` is absent, all files appear at once. If it is a folder, files of the same names are
    replaced one by one. If the block fails, the temporary folder is removed and `path` is unchanged.

    Args:
        path: The final folder.
        last: Name of the file that describes the others. An old one is removed before the others are replaced, and the new one moves last.
            So it never stands beside files that it does not describe.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    present = path.is_dir()
    temporary = Path(tempfile.mkdtemp(dir=path if present else path.parent, prefix=_prefix(path), suffix=".tmp"))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_UMASK)  # mkdtemp makes private folders.
        files = [file for file in temporary.rglob("*") if file.is_file()]
        for file in files:
            with file.open("r+b") as written:
                os.fsync(written.fileno())
        if not present:
            temporary.rename(path)
            return
        (path / last).unlink(missing_ok=True)
        for file in sorted(files, key=lambda file: file == temporary / last):
            final = path / file.relative_to(temporary)
            final.parent.mkdir(exist_ok=True)
            file.replace(final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """Make a folder in `parent` that is removed after the block. If the process is killed, `remove_leftovers` removes it."""
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=_prefix(Path(name.lstrip("."))), suffix=".tmp"))
    handle = os.open(folder, os.O_RDONLY) if _fcntl else None  # Windows opens no folders.
    try:
        if handle is not None:
            _lock(handle)
        yield folder
    finally:
        if handle is not None:
            os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(folder: Path, name: str | None = None) -> int:
    """Remove the temporary files and folders that killed writers left in a folder.

    What another process is writing now with this module is left alone.

    Args:
        folder: The folder, which may be missing.
        name: Name of the file or folder whose temporary files are removed; None for those of all.

    Returns:
        The number of files and folders that were removed.
    """
    removed = 0
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            found = _TEMPORARY.fullmatch(path.name)
            if found is None or (name is not None and found[1] != short_name(name, _LONGEST)) or _in_use(path):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()
            removed += not os.path.lexists(path)
    return removed


def short_name(name: str, limit: int) -> str:
    """Return the beginning of a name that takes at most `limit` bytes in the file system."""
    while len(os.fsencode(name)) > limit:
        name = name[:-1]
    return name


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
    _check_name(path)
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; nothing half-written is left there") from error


def _check_name(path: Path) -> None:
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError as error:
        raise OutputError(f"cannot write {str(path)!a}: the file system cannot encode this name") from error
    if b"\0" in encoded:
        raise OutputError(f"cannot write {str(path)!a}: a name cannot contain a null character")


def _prefix(path: Path) -> str:
    """Return the beginning of temporary names for a path. A long name is cut, so that the temporary one is not too long."""
    return f".{short_name(path.name, _LONGEST)}."


def _read_umask() -> int:
    mask = os.umask(0o022)  # The umask can only be read by setting it. It belongs to the process, so do this once, on import.
    os.umask(mask)
    return mask


_UMASK = _read_umask()
_fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None
_LONGEST = 200
"""Number of bytes of a name that its temporary names have. File systems allow 255 in all."""
_TEMPORARY = re.compile(r"\.(.+)\.(?:[a-z0-9_]{8}\.tmp|part\.[a-z0-9]{2,4})")
"""Pattern of the temporary names that `tempfile` makes here and in the dataset formats, and of those of `promptseg.video.writer`."""
