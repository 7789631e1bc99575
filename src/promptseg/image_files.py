"""Files of images: their sizes, and the listing of folders.

A folder is listed with its subfolders. Links to files and folders are followed, but not in a circle. What is not used is counted by reason.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ._checks import absent_hint
from ._counting import number_of
from .errors import InputError
from .image_formats import check_single, name_of, open_image
from .image_patterns import Pattern
from .images import IMAGE_SUFFIXES
from .masks import Size

MARKER = ".promptseg"
"""Name of the file that marks a folder as written by promptseg (`promptseg.datasets`)."""

MAX_LINKED_FOLDERS = 10_000
"""Maximum number of folders that are entered through links. A few links to folders of links can stand for millions."""


@dataclass(frozen=True)
class Unused:
    """Files and folders within a folder that are not used, counted by reason.

    Attributes:
        counts: Their numbers. A reason is a suffix, such as ``".txt"``, or one of the texts in this module.
        examples: Name of one of them by reason, the first by the alphabet.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.counts)

    def without(self, *reasons: str) -> Unused:
        """Return the counts of all other reasons."""
        return Unused({reason: count for reason, count in self.counts.items() if reason not in reasons}, self.examples)

    def __str__(self) -> str:
        """Return the counts as text, such as ``"12 files: 10 .txt (notes.txt, …), 2 broken links (a.jpg, …)"``."""
        if not self.counts:
            return "no files"
        ordered = sorted(self.counts, key=lambda reason: (-self.counts[reason], reason))
        parts = []
        for reason in ordered[:_MOST_REASONS]:
            count = self.counts[reason]
            kind = reason if reason in _PLURALS and count == 1 else _PLURALS.get(reason, reason)
            parts.append(f"{count} {_one_line(kind)} ({_one_line(self.examples[reason])}{', …' if count > 1 else ''})")
        if len(ordered) > _MOST_REASONS:
            rest = sum(self.counts[reason] for reason in ordered[_MOST_REASONS:])
            parts.append(f"{rest} of {len(ordered) - _MOST_REASONS} other kinds")
        total = sum(self.counts.values())
        return f"{number_of(total, 'file')}: {', '.join(parts)}"


class FolderListing(dict[str, Path]):
    """Paths of the files of a folder by their names within it, with ``/`` as separator, in the order of the names.

    Attributes:
        unused: What is not used.
    """

    unused = Unused()


def list_names(
    folder: Path,
    suffixes: frozenset[str] = IMAGE_SUFFIXES,
    *,
    recursive: bool = True,
    without: Path | None = None,
    pattern: Sequence[str] | None = None,
) -> tuple[tuple[str, ...], Unused]:
    """List the files of a folder that have one of some suffixes.

    Hidden files and folders are left out. So are, when images are listed, subfolders that promptseg wrote.

    Args:
        folder: The folder.
        suffixes: Lower-case suffixes of the files to list.
        recursive: Whether to list subfolders.
        without: Folder that is passed over, without being counted.
        pattern: Parts of a pattern for the names, such as ``("**", "*.jpg")``. Files of other names are passed over, without being
            counted.

    Returns:
        The names within the folder, with ``/`` as separator and sorted, and what is not used.

    Raises:
        InputError: When the folder does not exist or cannot be read.
    """
    listing = _Listing(suffixes, recursive, without, None if pattern is None else Pattern(pattern))
    try:
        listing.enter(os.fspath(folder), "", ())
    except (OSError, ValueError) as error:
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        what = (
            f"{folder} is not a folder but a file: give the folder that it is in"
            if os.path.isfile(folder)  # noqa: PTH113 - It takes any text.
            else f"{folder} is not a folder{absent_hint(folder)}"
            if missing
            else f"cannot list {folder}: {getattr(error, 'strerror', None) or error}"
        )
        raise InputError(what) from error
    listing.walk()
    return tuple(sorted(listing.names)), Unused(listing.counts, listing.examples)


def matching_names(pattern: Path, *, without: Path | None = None) -> tuple[Path, tuple[str, ...], Unused]:
    """List the images that a pattern such as ``images/**/*.jpg`` matches, as `list_names` lists those of a folder.

    Args:
        pattern: The pattern. A part of it that is the name of a folder, such as ``site [2]``, stands for that folder.
        without: Folder that is passed over, without being counted.

    Returns:
        The folder before the first part that is a pattern, the names of the images within it, and what matches and is not used.

    Raises:
        InputError: When that folder does not exist or cannot be read.
    """
    fixed = Path(*_until_magic(pattern))
    return (fixed, *list_names(fixed, without=without, pattern=pattern.relative_to(fixed).parts))


def _until_magic(pattern: Path) -> Iterator[str]:
    """Yield the parts of a pattern before the first that is one. A folder may have a name such as ``site [2]``."""
    for number, part in enumerate(pattern.parts, 1):
        if glob.has_magic(part) and not os.path.exists(Path(*pattern.parts[:number])):  # noqa: PTH110 - It takes any text.
            return
        yield part


def files_under(folder: Path, suffixes: frozenset[str] = IMAGE_SUFFIXES, *, recursive: bool = True) -> FolderListing:
    """Return the files of a folder that have one of some suffixes, by their names within the folder, as `list_names` finds them.

    Raises:
        InputError: When the folder does not exist or cannot be read.
    """
    names, unused = list_names(folder, suffixes, recursive=recursive)
    listing = FolderListing((name, folder / name) for name in names)
    listing.unused = unused
    return listing


def image_size(path: Path, content: bytes | None = None) -> Size:
    """Read ``(height, width)`` of an image from its header, after the EXIF orientation is applied as in `promptseg.load_image`.

    Args:
        path: The image file.
        content: Bytes of the image file, when it is embedded elsewhere.

    Raises:
        InputError: When the file is not a readable image, or has several pages or frames.
    """
    with open_image(path) if content is None else open_image(content, f"image {path}") as image:
        check_single(image, name_of(path))
        width, height = image.size
        turned = image.getexif().get(_ORIENTATION) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)


class _Listing:
    """Walk through a folder and its subfolders. Deep folders need no deep stack."""

    def __init__(self, suffixes: frozenset[str], recursive: bool, without: Path | None, pattern: Pattern | None) -> None:
        self._suffixes, self._recursive, self._pattern = suffixes, recursive, pattern
        self._without = None if without is None else _identity(os.fspath(without))
        self._waiting: list[tuple[str, str, tuple[tuple[int, int], ...]]] = []
        self._linked = 0
        self.names: list[str] = []
        self.counts: dict[str, int] = {}
        self.examples: dict[str, str] = {}

    def walk(self) -> None:
        while self._waiting:
            path, name, ancestors = self._waiting.pop()
            try:
                self.enter(path, name + "/", ancestors)
            except OSError:
                self._leave(_UNREADABLE, name)

    def enter(self, path: str, prefix: str, ancestors: tuple[tuple[int, int], ...]) -> None:
        """List one folder. Its subfolders wait for their turn.

        Args:
            path: The folder.
            prefix: What precedes the names of its files.
            ancestors: Identities of the folders above.
        """
        status = os.stat(path)  # noqa: PTH116 - As in `_identity`.
        ancestors = (*ancestors, (status.st_dev, status.st_ino))
        with os.scandir(path) as found:
            entries = list(found)
        if prefix and self._suffixes is IMAGE_SUFFIXES and any(entry.name == MARKER for entry in entries):
            self._leave(_WRITTEN, prefix[:-1])
            return
        for entry in entries:
            name = prefix + entry.name
            if entry.name.startswith("."):
                if entry.name != MARKER and self._matches(name):
                    self._leave(_HIDDEN, name)
            elif entry.is_dir(follow_symlinks=False):
                self._wait(entry.path, name, ancestors, linked=False)
            elif entry.is_symlink():
                self._follow(entry, name, ancestors)
            else:
                self._add(entry, name)

    def _follow(self, entry: os.DirEntry[str], name: str, ancestors: tuple[tuple[int, int], ...]) -> None:
        try:
            if entry.is_dir():
                self._wait(entry.path, name, ancestors, linked=True)
                return
            os.stat(entry.path)  # noqa: PTH116 - A path object for each of many files takes long.
        except OSError:  # The target is absent, or the link leads to itself.
            if self._matches(name):
                self._leave(_BROKEN, name)
            return
        self._add(entry, name)

    def _wait(self, path: str, name: str, ancestors: tuple[tuple[int, int], ...], *, linked: bool) -> None:
        if not self._recursive or (self._pattern is not None and not self._pattern.may_hold(name)):
            return
        if linked or self._without is not None:
            identity = _identity(path)
            if identity is not None and identity == self._without:
                return
            if linked and identity in ancestors:
                self._leave(_CIRCLE, name)
                return
        self._linked += linked
        if linked and self._linked > MAX_LINKED_FOLDERS:
            self._leave(_TOO_MANY, name)
            return
        self._waiting.append((path, name, ancestors))

    def _add(self, entry: os.DirEntry[str], name: str) -> None:
        if not self._matches(name):
            return
        suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - A path object for each of many files takes long.
        if suffix not in self._suffixes:
            self._leave(suffix or _NO_SUFFIX, name)
        elif not entry.is_file():
            self._leave(_NO_FILE, name)
        else:
            self.names.append(name)

    def _matches(self, name: str) -> bool:
        return self._pattern is None or self._pattern.matches(name)

    def _leave(self, reason: str, name: str) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + 1
        self.examples[reason] = min(self.examples.get(reason, name), name)


def _one_line(text: str) -> str:
    """Return a name from a file system, which may hold anything, as text for a message."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable if len(printable) <= 80 else printable[:79] + "…"


def _identity(path: str) -> tuple[int, int] | None:
    """Return what identifies a folder whatever links lead to it, or None if there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - A path object for each of many folders takes long.
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


_HIDDEN = "hidden"
_NO_SUFFIX = "without suffix"
_BROKEN = "broken link"
_CIRCLE = "circular link"
_TOO_MANY = f"link after the first {MAX_LINKED_FOLDERS}"
_UNREADABLE = "unreadable folder"
_WRITTEN = "folder that promptseg wrote"
_NO_FILE = "that is no regular file"
_PLURALS = {
    _BROKEN: "broken links",
    _CIRCLE: "circular links",
    _TOO_MANY: f"links after the first {MAX_LINKED_FOLDERS}",
    _UNREADABLE: "unreadable folders",
    _WRITTEN: "folders that promptseg wrote",
    _NO_FILE: "that are no regular files",
}
_MOST_REASONS = 8
_ORIENTATION = 0x0112
