"""Files that a client names by their path: only below the allowed folders. `promptseg.server.fetching` is for addresses."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .errors import ForbiddenError, NotFoundError, TooLargeError


def allowed_path(given: str, folders: Iterable[Path]) -> Path:
    """Return the real path of a file below one of the folders, with symbolic links resolved.

    Args:
        given: A path, absolute or relative to one of the folders.
        folders: The allowed folders, resolved.

    Raises:
        ForbiddenError: No folder is allowed, or the path lies outside of all, or is a folder with a link that leads out of them.
        NotFoundError: There is no such file.
    """
    folders = tuple(folders)
    if not folders:
        raise ForbiddenError("this server reads no files by their path: send the content, or start it with --allow FOLDER")
    if not given or "\0" in given or len(given) > MAX_PATH:
        raise NotFoundError("there is no such file")
    inside = False
    for folder in folders:
        try:
            path = (folder / given).resolve()
            if not path.is_relative_to(folder):
                continue
            inside = True
            if path.exists():
                _check_links(path, folders)
                return path
        except (OSError, RuntimeError, ValueError):  # Such as a link that leads to itself, or a name that is too long.
            continue
    if inside:
        raise NotFoundError(f"there is no file {given[-80:]!r} in the allowed folders")
    raise ForbiddenError(f"{given[-80:]!r} is not in an allowed folder of this server")


def allowed_out(given: str, folders: Iterable[Path]) -> Path:
    """Return the real path of a folder to write to, below one of the allowed folders. It need not exist yet.

    Raises:
        ForbiddenError: No folder is allowed, or the path lies outside of all, or is one of them.
    """
    folders = tuple(folders)
    if not folders:
        raise ForbiddenError("this server writes no datasets: start it with --allow-out FOLDER")
    for folder in folders:
        try:
            path = (folder / given).resolve()
        except (OSError, RuntimeError, ValueError):
            continue
        if path.is_relative_to(folder) and path != folder:
            return path
    raise ForbiddenError(f"{given[-80:]!r} is not below a folder that this server may write to")


def read_bounded(path: Path, most: int) -> bytes:
    """Return the content of a file.

    Raises:
        TooLargeError: It is larger than `most`.
        NotFoundError: It is not a readable file.
    """
    try:
        if not path.is_file():
            raise NotFoundError(f"{path.name!r} is not a file")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise NotFoundError(f"{path.name!r} cannot be read: {error.strerror}") from error
    if len(content) > most:
        raise TooLargeError(f"{path.name!r} is larger than the {most} bytes that this server takes")
    return content


def _check_links(path: Path, folders: tuple[Path, ...]) -> None:
    """Check that no link below a folder leads out of the allowed folders. Its files are read later, without a look at each."""
    waiting, seen = [path] if path.is_dir() else [], {path}
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                found = Path(entry.path)
                if entry.is_symlink():
                    found = found.resolve()
                    if not any(found.is_relative_to(folder) for folder in folders):
                        raise ForbiddenError(f"{entry.name!r} is a link that leads out of the allowed folders")
                if found not in seen and found.is_dir():
                    seen.add(found)
                    waiting.append(found)


MAX_PATH = 4096
