"""Names of images: paths within the source, each of one file."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ...datasets.image_lookup import ImageLookup
from ...datasets.safe_names import text_name
from ...errors import InputError
from .core import SourceImage


def place(named: str, root: Path) -> tuple[str, Path]:
    """Return the name and the absolute path of an image. The name is relative to `root`; outside of `root` it is the whole path.

    Raises:
        InputError: When the text cannot be a path.
    """
    try:
        is_path = b"\0" not in os.fsencode(named) and named.strip() not in ("", ".")
    except UnicodeEncodeError:
        is_path = False
    if not is_path:
        raise InputError(f"{text_name(named[:_SHOWN])!r} is not the path of an image")
    base = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow links, and names are those that the user sees.
    path = Path(os.path.abspath(base / named))  # noqa: PTH100
    try:
        return path.relative_to(base).as_posix(), path
    except ValueError:
        return path.relative_to(path.anchor).as_posix(), path


def look_up(images: Iterable[SourceImage], root: Path) -> tuple[SourceImage, ...]:
    """Return images whose paths do not exist under the names of the files in a folder that they mean, where these are clear.

    A path may differ in case, or have no suffix. If no path exists at all, they may repeat the folder, or be those of another computer. No
    image is looked for in other folders than its path names, where another image may have the same name.

    Args:
        images: The images.
        root: The folder.
    """
    found = list(images)
    missing = [index for index, image in enumerate(found) if not _exists(image.path)]
    names = {image.name for image in found}
    lookup = ImageLookup(root)
    for index in missing:
        stated, name = found[index].name, lookup.find(found[index].name)
        ends = {0} if len(missing) < len(found) else range(stated.count("/") + 1)
        if name is None or name in names or not any(_is_alike(name, "/".join(stated.split("/")[start:])) for start in ends):
            continue
        names.add(name)
        found[index] = replace(found[index], name=name, path=place(name, root)[1])
    return tuple(found)


def _is_alike(name: str, stated: str) -> bool:
    """Return whether two paths are the same but for case, Unicode form, and the suffix if the stated one has none."""
    one, other = (unicodedata.normalize("NFC", each).casefold() for each in (name, stated))
    return other in (one, PurePosixPath(one).with_suffix("").as_posix())


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - It takes any text.


_SHOWN = 200
"""Maximum number of characters of a path in a message."""


def distinct(images: Iterable[SourceImage], origin: object) -> tuple[SourceImage, ...]:
    """Return the images without repetitions.

    Raises:
        InputError: When two files have the same name.
    """
    by_name: dict[str, SourceImage] = {}
    for image in images:
        other = by_name.setdefault(image.name, image)
        if other.path != image.path:
            raise InputError(f"{origin} has two images that would have the name {image.name!r}: {other.path} and {image.path}")
    return tuple(by_name.values())
