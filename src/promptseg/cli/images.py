"""Images that the words of a command line name: files, folders, patterns, addresses, and ``-`` for standard input."""

from __future__ import annotations

import glob
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from ..errors import InputError
from ..image_files import Unused, list_names, matching_names
from ..image_formats import MAX_BYTES
from ..images import ImageLike
from ..results import Result
from ..runtime.output_files import png_text
from ..runtime.structured import shown_path
from ..web_images import fetch_image, is_address, name_at
from ..weights.credentials import shown_source
from .output import say, usage_error

STDIN = "-"
"""Word that stands for an image through standard input."""


@dataclass(frozen=True)
class GivenImage:
    """Image that a command line names. It is read, and fetched, only by `open`.

    Attributes:
        word: Path or address of the image, or ``"-"``.
    """

    word: str

    @property
    def source(self) -> str:
        """Name of the image in messages and results: its path, its address without credentials, or ``"-"``."""
        return shown_source(self.word) if is_address(self.word) else self.word

    @property
    def file_name(self) -> str:
        """File name of the image, from which the names of its output files are made."""
        if self.word == STDIN:
            return "stdin"
        return name_at(self.word) if is_address(self.word) else PurePath(self.word).name

    @property
    def path(self) -> Path | None:
        """Path of the image, or None if it is not a file."""
        return None if self.word == STDIN or is_address(self.word) else Path(self.word)

    def open(self) -> ImageLike:
        """Return the image. An address is fetched, which is told on standard error.

        Raises:
            InputError: It cannot be fetched, or standard input cannot be read.
        """
        if self.word == STDIN:
            return standard_input()
        if is_address(self.word):
            say(f"Fetching {self.source}…", err=True)
            return fetch_image(self.word)
        return self.word

    def named(self, result: Result) -> Result:
        """Return the result of this image with the name of the image as its source."""
        return replace(result, source=self.source)


@dataclass(frozen=True)
class GivenImages:
    """Images that a command line names.

    Attributes:
        images: The images in the order of the words. No file is there twice.
        folders: Folders among the words.
        is_single: Whether the command line names one image, and not a list, which may happen to have one.
    """

    images: tuple[GivenImage, ...]
    folders: tuple[Path, ...]
    is_single: bool

    @property
    def inputs(self) -> Iterator[Path]:
        """Files and folders that are read."""
        yield from self.folders
        yield from (image.path for image in self.images if image.path is not None)


def given_images(words: Sequence[str], without: Path | None = None) -> GivenImages:
    """Return the images that words name. What a folder or pattern has beside images is told on standard error.

    Files that `promptseg segment` and `promptseg cutout` wrote are left out of folders and patterns, so that no overlay is segmented.

    Args:
        words: Paths of images and folders, patterns such as ``"photos/**/*.jpg"``, addresses, and ``"-"`` at most once.
        without: Output folder of the command, which is passed over in folders.

    Raises:
        InputError: A folder or pattern has no image.
        typer.Exit: A word is empty, or ``"-"`` is there twice.
    """
    if any(not word.strip() for word in words):
        raise usage_error("an IMAGE is empty: give a file, a folder, a pattern, an address, or - for standard input")
    if words.count(STDIN) > 1:
        raise usage_error("- is given twice, and standard input can be read once only")
    found: dict[str, GivenImage] = {}
    for word in words:
        for each in _named_by(word, without):
            found.setdefault(each if each == STDIN or is_address(each) else os.path.abspath(each), GivenImage(each))  # noqa: PTH100
    folders = tuple(Path(word) for word in words if _is_folder(word))
    return GivenImages(tuple(found.values()), folders, len(words) == 1 and list(words) == [image.word for image in found.values()])


def standard_input(what: str = "an image") -> NamedContent:
    """Return what comes through standard input, as an open file.

    Args:
        what: What is expected, for messages.

    Raises:
        InputError: It comes from the keyboard, is empty, or is larger than `promptseg.image_formats.MAX_BYTES`.
    """
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None or sys.stdin.isatty():
        raise InputError(f"- reads {what} from standard input, and nothing is sent to it: send a file, as in promptseg … - < FILE")
    content = stream.read(MAX_BYTES + 1)
    if not content:
        raise InputError(f"standard input is empty: expected the content of {what}")
    if len(content) > MAX_BYTES:
        raise InputError(f"standard input has more than {MAX_BYTES} bytes, the limit for {what}")
    return NamedContent(content)


class NamedContent(io.BytesIO):
    """Content of standard input."""

    name = "standard input"


def _named_by(word: str, without: Path | None) -> Iterable[str]:
    """Return the images that one word names. A path that does not exist stands for itself, and fails when it is read."""
    if word == STDIN or is_address(word):
        return [word]
    if _is_folder(word):
        root, (names, unused) = Path(word), list_names(Path(word), without=without)
    elif glob.has_magic(word) and not os.path.exists(word):  # noqa: PTH110 - It takes any text.
        root, names, unused = matching_names(Path(word).expanduser(), without=without)
    else:
        return [word]
    images = [path for path in (str(root / name) for name in names) if not _is_output(path)]
    _tell(word, unused, len(names) - len(images))
    if not images:
        raise InputError(f"there is no image in {shown_path(word)}" if _is_folder(word) else f"no image matches {shown_path(word)}")
    return images


def _tell(word: str, unused: Unused, outputs: int) -> None:
    """Print what is left out of a folder or pattern."""
    parts = ([str(unused)] if unused else []) + ([f"{outputs} that promptseg wrote"] if outputs else [])
    if parts:
        say(f"promptseg: {shown_path(word)}: left out {', and '.join(parts)}", err=True)


def _is_folder(word: str) -> bool:
    return os.path.isdir(word)  # noqa: PTH112 - It takes any text.


def _is_output(path: str) -> bool:
    """Return whether promptseg wrote an image: the JSON file of its masks is beside it, or it is a cutout and says so."""
    written = _OUTPUT.fullmatch(path)
    if written is not None and os.path.isfile(f"{written[1]}-masks.json"):  # noqa: PTH113 - It takes any text.
        return True
    return path.endswith(CUTOUT) and png_text(Path(path), CUTOUT_TEXT) is not None


CUTOUT = "-cutout.png"
"""End of the names of the files that `promptseg cutout` writes."""

CUTOUT_TEXT = "promptseg cutout"
"""Name of the text in such a file that tells what it was made of."""

_OUTPUT = re.compile(r"(.+)-(?:overlay|(?:mask|crop|cutout)-\d{3,})\.(?:png|jpg)", re.DOTALL)
