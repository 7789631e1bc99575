"""Fonts for labels. The font of Pillow has letters of English alone; others are used where a label has more.

The extra ``fonts`` brings Noto Sans (Latin, Greek, Cyrillic, Devanagari) and Noto Sans CJK (Chinese, Japanese, Korean). Without it, the
fonts of the system are tried.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from PIL import ImageFont

from .errors import InputError

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
"""Font of Pillow."""

_PACKAGES = (
    ("fontpkg_noto_sans", "files/NotoSans[wdth,wght].ttf"),
    ("cvttf_NotoSansCJK_Regular", "NotoSansCJKtc-Regular.otf"),
)
"""Packages of the extra ``fonts``, with the font file in each."""

_SYSTEM = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "arial.ttf", "msyh.ttc", "malgun.ttf")
"""Fonts that systems have. Pillow knows the folders."""

_ABSENT = "\U0010ffff"
"""Character that no font has. It is drawn as missing characters are."""


def label_font(text: str, size: int, chosen: str | os.PathLike[str] | None = None) -> Font:
    """Return the font for a label: the chosen one, or the first that has all characters of the label.

    Args:
        text: The label. When no font has all its characters, the font that has the most is returned.
        size: Size in pixels.
        chosen: Font file, or None to choose one that has the characters.

    Raises:
        InputError: When the chosen file is not a font.
    """
    if chosen is not None:
        return _chosen(os.fspath(chosen), size)
    needed = frozenset(letter for letter in text if letter.isprintable() and not letter.isspace())
    best, fewest = _plain(size), len(needed) + 1
    for font in (_plain(size), *_others(size)) if not text.isascii() else (_plain(size),):
        missing = sum(not _has(font, letter) for letter in needed)
        if missing < fewest:
            best, fewest = font, missing
        if not missing:
            break
    return best


@functools.lru_cache(maxsize=32)
def _chosen(path: str, size: int) -> Font:
    try:
        return ImageFont.truetype(path, size)
    except (OSError, TypeError, ValueError) as error:  # TypeError: Pillow for a null byte on some versions of Python.
        raise InputError(f"{path} is not a font that Pillow reads: expected a TrueType or OpenType file ({error})") from error


@functools.lru_cache(maxsize=32)
def _plain(size: int) -> Font:
    return ImageFont.load_default(size=size)


@functools.lru_cache(maxsize=32)
def _others(size: int) -> tuple[Font, ...]:
    """Return the fonts of the extra and of the system that are there."""
    found = []
    for path in (*_packaged(), *_SYSTEM):
        try:
            found.append(ImageFont.truetype(path, size))
        except OSError:
            continue
    return tuple(found)


def _packaged() -> Iterator[str]:
    for package, file in _PACKAGES:
        spec = importlib.util.find_spec(package)  # The package is not imported.
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            yield str(Path(folder) / file)


@functools.lru_cache(maxsize=4096)
def _has(font: Font, letter: str) -> bool:
    """Return whether a font has a character: it does not draw it as it draws one that no font has."""
    if not isinstance(font, ImageFont.FreeTypeFont):
        return letter.isascii()  # Pillow without FreeType has one bitmap font.
    mask, absent = font.getmask(letter), font.getmask(_ABSENT)
    return mask.size != absent.size or bytes(mask) != bytes(absent)
