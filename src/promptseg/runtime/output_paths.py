"""Checks of output paths before the work begins, so that no result is computed that cannot be written.

A check creates what the writing would create (missing parents, a temporary file) and removes it again. So it fails where the writing would
fail, and leaves no trace.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Union

from ..errors import OutputError
from .files import output_errors

Inputs = Iterable[Union[str, "os.PathLike[str]", None]]
"""Paths of input files and folders. None, and paths that do not exist, are left out."""

_HEAD = 256
"""Number of bytes at the beginning of a JSON file within which its format is named."""


def check_output_file(path: Path, *, suffixes: Collection[str] = (), inputs: Inputs = ()) -> None:
    """Check that a file can be written to a path, and that it would not replace an input.

    Args:
        path: Path of the file. Missing parent folders are allowed: the writing creates them.
        suffixes: The suffixes that say the format, in lower case with the dot; empty if any is allowed.
        inputs: Files and folders that the command reads. An input file is never replaced, also if it is reached through a link or another
            spelling of its name. In an input folder, no file is replaced but a JSON file that promptseg wrote.

    Raises:
        OutputError: The file cannot be written there. The message says why and what was expected.
    """
    if suffixes and path.suffix.lower() not in suffixes:
        given = f"has the suffix {path.suffix!r}" if path.suffix else "has no suffix"
        raise OutputError(f"cannot write {_shown(path)}: it {given}, and the format is chosen by a suffix: {', '.join(sorted(suffixes))}")
    _check_kind(path, folder=False)
    _try(path)
    for known in _existing(inputs):
        if known.is_dir():
            if path.is_file() and _is_within(path, known) and not _is_ours(path):
                raise OutputError(f"cannot write {path}: this file is in {known}, which is an input: give a path outside of that folder")
        elif path.exists() and path.samefile(known):
            raise OutputError(f"cannot write {path}: it is the input {known}, which is never overwritten: give another path")


def check_output_folder(path: Path, *, names: Iterable[str] = (), inputs: Inputs = ()) -> None:
    """Check that files can be written to a folder, and that they would not replace an input.

    Args:
        path: The folder. If it is missing, the writing creates it with its parents.
        names: Names of files that are written to it.
        inputs: Files and folders that the command reads. No input folder is an output folder, also if it is reached through a link or
            another spelling of its name.

    Raises:
        OutputError: The folder cannot be used. The message says why and what was expected.
    """
    _check_kind(path, folder=True)
    _try(path / "file")
    known = list(_existing(inputs))
    for one in known:
        if one.is_dir() and path.is_dir() and path.samefile(one):
            raise OutputError(f"cannot write to {path}: this folder is an input, whose files are kept as they are: give another folder")
    files = {_identity(one): one for one in known if one.is_file()}  # Thousands of names are looked up among thousands of inputs.
    for name in names:
        same = files.get(_identity(path / name))
        check_output_file(path / name, inputs=[] if same is None else [same])


def check_outputs_differ(paths: Iterable[Path | None]) -> None:
    """Check that no two outputs are the same file.

    Raises:
        OutputError: Two paths are the same.
    """
    seen: set[str] = set()
    for path in paths:
        if path is None:
            continue
        key = os.path.normcase(os.path.realpath(path))
        if key in seen:
            raise OutputError(f"cannot write {path} twice: two outputs have this path: give each its own")
        seen.add(key)


def _check_kind(path: Path, *, folder: bool) -> None:
    """Raise `OutputError` if a file of the wrong kind is at the path, a file is in place of a parent, or the path cannot be one."""
    with output_errors(path):
        present = path.exists()  # A name that is too long fails here.
        if not folder and ((present and path.is_dir()) or path.name in ("", "..")):
            raise OutputError(f"cannot write {path}: this is a folder, and a file is expected: give the name of a file")
        if folder and present and not path.is_dir():
            raise OutputError(f"cannot write {path}: this is a file, and a folder is expected: give the name of a folder")
        if present and not folder and not path.is_file():
            raise OutputError(f"cannot write {path}: this is a device or a pipe, and a file is expected: give the name of a file")
        if present and not os.access(path, os.W_OK):
            raise OutputError(f"cannot write {path}: it is read-only")
        above = next((parent for parent in path.parents if os.path.lexists(parent)), None)
        if above is not None and not above.is_dir():
            raise OutputError(f"cannot write {path}: {above} is a file, and a folder is expected there: give another path")


def _try(path: Path) -> None:
    """Create a file beside the path, with missing parents, and remove all of it again."""
    with output_errors(path):
        missing = [parent for parent in path.parents if not os.path.lexists(parent)]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".promptseg.", suffix=".tmp")
            os.close(handle)
            Path(temporary).unlink()
        finally:
            for parent in missing:
                with contextlib.suppress(OSError):
                    parent.rmdir()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what identifies a file whatever links lead to it, or None if there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _existing(inputs: Inputs) -> Iterable[Path]:
    for one in inputs:
        with contextlib.suppress(OSError, ValueError):  # A name that cannot be a path is not an input.
            if one is not None and Path(one).exists():
                yield Path(one)


def _is_within(path: Path, folder: Path) -> bool:
    return any(parent.samefile(folder) for parent in path.resolve().parents)


def _is_ours(path: Path) -> bool:
    """Return whether a file is JSON that names a format of promptseg at its beginning."""
    if path.suffix.lower() != ".json":
        return False
    with path.open("rb") as file:
        return b'"format": "promptseg-' in file.read(_HEAD)


def _shown(path: Path) -> str:
    return str(path) or "a file without a name"
