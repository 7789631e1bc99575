"""Replacement of a single written file, unless the user changed it."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

from ..errors import OutputError
from ..runtime.files import temporary_folder, write_atomically
from .manifest import FILE_MANIFEST, digest_of, read_manifest


@contextlib.contextmanager
def new_file(path: Path, kept: list[str], *, text: bool = False, taken_in: bool = False) -> Iterator[IO[Any]]:
    """Open a new file that gets the name `path` when the block ends without an exception.

    A file that promptseg wrote there before is replaced. If the user changed it, it stays, and the new content is not written.

    Args:
        path: The file.
        kept: List to which the name of a kept file is appended.
        text: Whether to open the file as UTF-8 text instead of binary.
        taken_in: Whether the user's changes were taken in elsewhere. The user's file is then saved beside, as ``NAME.by-hand-1.SUFFIX``,
            and the new one is written.

    Raises:
        OutputError: When `path` is a file that promptseg did not write.
    """
    with new_path(path, kept, taken_in=taken_in) as written, write_atomically(written, text=text) as file:
        yield file


@contextlib.contextmanager
def new_path(path: Path, kept: list[str], *, taken_in: bool = False) -> Iterator[Path]:
    """Give a path for a new file to a library that opens its files itself. The file gets the name `path`, by the rules of `new_file`.

    Args:
        path: The file.
        kept: List to which the name of a kept file is appended.
        taken_in: Whether the user's changes were taken in elsewhere.

    Raises:
        OutputError: When `path` is a file that promptseg did not write.
    """
    check_file(path)
    with temporary_folder(path.parent, path.name) as holder:
        written = holder / path.name
        yield written
        with written.open("r+b") as file:
            os.fsync(file.fileno())
        digest = digest_of(written)
        check_file(path)
        if file_state(path) == "changed" and digest_of(path) != digest:
            if not taken_in:
                kept.append(path.name)
                return
            _save_beside(path, holder)
        _record(path, digest, pending=True)
        written.replace(path)
        _record(path, digest, pending=False)


def check_file(path: Path) -> None:
    """Check that a file may be written.

    Raises:
        OutputError: When `path` is a folder, or a file that promptseg did not write.
    """
    if path.is_dir() and not path.is_symlink():
        raise OutputError(f"{path} is a folder, and a file is to be written there: move it away, or write to another folder")
    if file_state(path) == "foreign":
        why = f"promptseg did not write it, or its record in {FILE_MANIFEST} is gone or damaged"
        raise OutputError(f"{path} exists, and {why}: move it away, or write to another folder")


def file_state(path: Path) -> Literal["absent", "ours", "changed", "foreign"]:
    """Return whether a file is as promptseg wrote it, was changed since, or was never written by promptseg."""
    if not path.exists() and not path.is_symlink():
        return "absent"
    manifest = read_manifest(path.parent / FILE_MANIFEST)
    if path.name not in manifest.files and path.name not in manifest.pending:
        return "foreign"
    return "ours" if manifest.is_ours(path.name, digest_of(path)) else "changed"


def _record(path: Path, digest: str, *, pending: bool) -> None:
    """Write the hash of a file into the manifest: as pending before the file is replaced, and as its own after that."""
    place = path.parent / FILE_MANIFEST
    manifest = read_manifest(place)
    manifest.pending.pop(path.name, None)
    (manifest.pending if pending else manifest.files)[path.name] = digest
    manifest.save(place)


def _save_beside(path: Path, holder: Path) -> None:
    names = (path.with_name(f"{path.stem}.by-hand-{number}{path.suffix}") for number in itertools.count(1))
    copy = holder / "by-hand"
    shutil.copy2(path, copy, follow_symlinks=False)
    copy.rename(next(name for name in names if not name.exists() and not name.is_symlink()))
