r"""Lookup of the images that annotation files name, in the folder that holds them.

Annotation files name images as their tool saw them: by Windows paths, by absolute paths of another computer, with a folder that is gone, in
another case, or without a suffix. A stated name means, in this order:

1. the file of that path in the folder;
2. the longest end of the path that is a file in the folder, such as ``a.jpg`` of ``C:\data\a.jpg``;
3. the only file whose path ends so, when case, Unicode form and characters that are not UTF-8 are not compared;
4. the only file whose path without its suffix ends so, when the stated name has no image suffix.

Two stated names never mean the same file, and no name leads out of the folder.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from .._counting import number_of
from ..image_files import files_under
from ..images import IMAGE_SUFFIXES
from .core import Finding
from .safe_names import text_name

_HOWS = {
    "end": "the end of the path",
    "alike": "the end of a file's path, without case and encoding",
    "stem": "its name without a suffix",
}


class ImageLookup:
    """Images of a folder, by the names that annotation files state for them.

    Args:
        folder: The folder of the images.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._stated: dict[str, str] = {}
        self._found_by: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._ambiguous: dict[str, str] = {}

    def find(self, stated: str) -> str | None:
        """Return the path of the named image within the folder, with ``/`` as separator, or None when no single file fits.

        Args:
            stated: The name or path in the annotation file.
        """
        how, name = self._find(stated)
        if name is None:
            return None
        if (other := self._stated.setdefault(name, stated)) != stated:
            self._ambiguous[stated] = f"{other} and {stated} both mean {name}"
            return None
        if how:
            self._found_by[how].append((stated, name))
        return name

    def has(self, name: str) -> bool:
        """Return whether the folder has a file of this path, which may come from a file and be too long for any file system."""
        return os.path.isfile(self.folder / name)  # noqa: PTH113 - Unlike Path, it takes any text for a path.

    def missing(self, stated: str, told_by: str) -> Finding:
        """Return the finding about a name for which `find` returned None.

        Args:
            stated: The name or path in the annotation file.
            told_by: The annotation file, for the message.
        """
        if stated in self._ambiguous:
            return Finding(stated, "ambiguous", f"it is not clear which image {told_by} means: {self._ambiguous[stated]}")
        return Finding(stated, "unpaired", f"{told_by} lists the image, but it is not in {self.folder}")

    def findings(self) -> list[Finding]:
        """Return one finding for each way in which names were found that are not exact paths, with their number and an example."""
        return [
            Finding(
                str(self.folder),
                "converted",
                f"{number_of(len(pairs), 'image is', 'images are')} found by {_HOWS[how]}, such as {pairs[0][1]} for {pairs[0][0]}",
            )
            for how, pairs in self._found_by.items()
        ]

    def _find(self, stated: str) -> tuple[str, str | None]:
        """Return how an image was found, ``""`` for its exact path, and its name."""
        if len(stated) > _LONGEST:
            return "", None
        exact = PurePosixPath(stated)
        if stated and ".." not in exact.parts and not exact.is_absolute() and self.has(exact.as_posix()):
            return "", exact.as_posix()
        steps = [step for step in stated.replace("\\", "/").split("/") if step not in ("", ".", "..")]
        ends = ["/".join(steps[start:]) for start in range(len(steps))]
        for end in ends:
            if self.has(end):
                # A path with backslashes, or with "./" in it, is exact all the same.
                return ("end" if end != ends[0] else ""), end
        suffix = PurePosixPath(ends[-1]).suffix.lower() if ends else ""
        for how in ("alike",) if suffix in IMAGE_SUFFIXES else ("alike", "stem"):
            for end in ends:
                if fitting := self._index[how].get(_key(end)):
                    if end == ends[0] and len(fitting) > 1:
                        whole = [name for name in fitting if how == "alike" and _key(end) in (_key(name), _key(_as_written(name)))]
                        fitting = whole if len(whole) == 1 else fitting
                    if len(fitting) == 1:
                        # A name without a suffix is exact all the same: some formats have no other.
                        return ("" if how == "stem" and end == ends[0] else how), fitting[0]
                    self._ambiguous[stated] = f"it may be {' or '.join(sorted(fitting)[:_NAMED])}"
                    return how, None
        return "", None

    @cached_property
    def _index(self) -> dict[str, dict[str, list[str]]]:
        """The images by every end of their path, as `_key` writes it. It is made only when a name is not an exact path."""
        index: dict[str, dict[str, list[str]]] = {"alike": defaultdict(list), "stem": defaultdict(list)}
        if self.folder.is_dir():
            for name in files_under(self.folder):
                stem = PurePosixPath(name).with_suffix("").as_posix()
                for how, path in (("alike", name), ("stem", stem)):
                    # As other tools may write it, and as promptseg does.
                    for key in {_key(end): None for text in (path, _as_written(path)) for end in _ends(text)}:
                        index[how][key].append(name)
        return index


def path_in_url(url: str) -> str:
    """Return the decoded path in a URL, by which LVIS names an image, without the host; empty if the text is not a URL or has no path."""
    # urlsplit raises an error for hosts that it cannot read.
    return unquote(re.split(r"[?#]", url, maxsplit=1)[0].partition("://")[2].partition("/")[2])


def _ends(name: str) -> Iterator[str]:
    steps = name.split("/")
    return ("/".join(steps[start:]) for start in range(len(steps)))


def _as_written(name: str) -> str:
    """Return a name as promptseg writes it into files, with backslashes as this lookup reads them."""
    return text_name(name).replace("\\", "/")


def _key(name: str) -> str:
    """Return a name for comparison, without case, Unicode form and characters that are not UTF-8."""
    text = "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in name)
    return unicodedata.normalize("NFC", text).casefold()


_NAMED = 5
"""Maximum number of files that a message names."""

_LONGEST = 4096
"""Characters of the longest path. Longer texts are not looked for: their ends could be many."""
