"""Folders below which an assistant may read images and write masks. Links and ``..`` are followed before a path is compared with them."""

from __future__ import annotations

import contextlib
import heapq
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from ..errors import ConfigError, InputError, OutputError, PromptSegError, shown
from ..image_formats import MAX_BYTES
from ..images import IMAGE_SUFFIXES
from ..runtime.home import as_path

MAX_SCANNED = 100_000
"""Maximum number of entries of one folder that are looked at for a list."""


class AllowedFolders:
    """Folders below which files may be read and written.

    Args:
        folders: The folders. Paths that are not absolute start at the first of them in which they exist.

    Attributes:
        roots: The folders, absolute and without links.

    Raises:
        ConfigError: There is none, or one is not a folder.
    """

    def __init__(self, folders: Iterable[str | os.PathLike[str]]) -> None:
        self.roots = tuple(dict.fromkeys(map(_root, folders)))
        if not self.roots:
            raise ConfigError("an assistant needs at least one folder that it may use, got none")

    @contextlib.contextmanager
    def open_file(self, given: str) -> Iterator[IO[bytes]]:
        """Open a file for reading.

        Args:
            given: Its path. The name of the open file is the real path.

        Raises:
            InputError: The path is outside of the folders, there is no such file, it cannot be read, or it is a folder, a device, a pipe
                or larger than `promptseg.image_formats.MAX_BYTES`.
        """
        path = self._inside(given, InputError)
        try:
            file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - It is closed below; `Path.open` takes no opener.
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}. Ask for the list of images") from error
        with file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"{path} is not a file, and an image file is expected")
            if status.st_size > MAX_BYTES:
                raise InputError(f"{path} has {status.st_size} bytes, and an image file has at most {MAX_BYTES}")
            yield file

    def output_folder(self, given: str) -> Path:
        """Return a folder to write to, which need not exist, with its links followed.

        Raises:
            OutputError: The path is outside of the folders, or is a file.
        """
        path = self._inside(given, OutputError)
        if path.exists() and not path.is_dir():
            raise OutputError(f"{path} is a file, and masks are written to a folder: give the name of a new folder")
        return path

    def images_in(self, given: str | None, most: int) -> tuple[list[Path], list[Path], int]:
        """List the images and the subfolders that a folder holds itself, in the order of their names. Hidden ones are left out.

        Args:
            given: Path of the folder. None: all of the allowed folders.
            most: Maximum number of images, and of subfolders.

        Returns:
            The images, the subfolders, and how many of both are not listed.

        Raises:
            InputError: The path is outside of the folders, or no folder that can be read.
        """
        images: list[str] = []
        folders: list[str] = []
        for folder in self.roots if given is None else (self._inside(given, InputError),):
            try:
                with os.scandir(folder) as entries:
                    for entry, _ in zip(entries, range(MAX_SCANNED), strict=False):
                        if entry.name.startswith(".") or (entry.is_symlink() and not self._holds(os.path.realpath(entry.path))):
                            continue
                        if entry.is_dir():
                            folders.append(entry.path)
                        elif entry.is_file() and os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES:  # noqa: PTH122
                            images.append(entry.path)
            except OSError as error:
                raise InputError(f"cannot list {folder}: {error.strerror or error}. Give a folder") from error
        listed = [[Path(each) for each in heapq.nsmallest(most, found)] for found in (images, folders)]
        return listed[0], listed[1], len(images) + len(folders) - sum(map(len, listed))

    def name_of(self, path: Path) -> str:
        """Return the name of a file within its allowed folder, with ``/`` as separator."""
        return next((path.relative_to(root).as_posix() for root in self.roots if path.is_relative_to(root)), path.name)

    def without_outside_paths(self, message: str) -> str:
        """Return a message in which every absolute path that is not below the folders is replaced by ``[path]``.

        More than the path may be replaced where it cannot be told where a path with spaces ends.
        """
        if any(root == Path(root.anchor) for root in self.roots):  # Nothing is outside.
            return message
        for number, root in enumerate(self.roots):
            message = re.sub(rf"(?<![\w./-]){re.escape(str(root))}(?![\w.-])", f"\0{number}\0", message)
        message = _PATH.sub("[path]", message)
        return re.sub("\0([0-9]+)\0", lambda found: str(self.roots[int(found[1])]), message)

    def _inside(self, given: str, error: type[PromptSegError]) -> Path:
        """Return the real path that is meant, which is below an allowed folder."""
        if _ADDRESS.match(given):
            raise error(f"{shown(given)} is an address, and none is opened here: give a path below {', '.join(map(str, self.roots))}")
        try:
            path = as_path(given, "the path")
        except ConfigError as wrong:
            raise error(str(wrong)) from wrong
        real = [os.path.realpath(root / path) for root in self.roots]
        allowed = [each for each in real if self._holds(each)]
        if not allowed:
            folders = ", ".join(map(str, self.roots))
            raise error(f"{shown(given)} is not below a folder that is allowed here: expected a path below {folders}")
        return Path(next((each for each in allowed if os.path.lexists(each)), allowed[0]))

    def _holds(self, real: str) -> bool:
        return any(Path(real).is_relative_to(root) for root in self.roots)


def default_folder() -> Path:
    """Return the current folder, for use without ``--allow``.

    Raises:
        ConfigError: It is the root of the disk, from which some programs start their servers. Then a folder must be named.
    """
    folder = Path.cwd()
    if folder == Path(folder.anchor):
        raise ConfigError(f"the current folder is {folder}, the whole disk: name the folder that the assistant may use by --allow FOLDER")
    return folder


def _root(given: str | os.PathLike[str]) -> Path:
    path = as_path(given, "a folder to allow")
    if not path.is_dir():
        raise ConfigError(f"a folder to allow is a folder that exists, got {shown(os.fspath(given))}")
    return Path(os.path.realpath(path))


def _without_waiting(path: str, flags: int) -> int:
    """Open a file that is not a link, without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))


_START = r"(?:~?/|~\\|[A-Za-z]:[\\/]|\\\\)(?=[\w.~$@%+-])"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|data:")
_PATH = re.compile(
    rf"""(?<='){_START}[^'\n\0]*|(?<="){_START}[^"\n\0]*"""
    rf"""|(?<![\w.:/\\~\0\]-]){_START}(?:[^\n:;,'"()\0]*[/\\])?(?:[^\n:;,'"()\0.]*\.\w[\w.]*|[^\s:;,'"()\0]*)"""
)
"""Absolute path in a message: up to the end of its quotes, or else past its last slash to the first suffix or the end of the word."""
