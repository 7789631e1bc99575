"""The choice of the bands that are shown as red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from .._checks import is_whole_number
from .._counting import number_of
from ..errors import ConfigError, InputError, shown
from .reader import Band

_LISTED = 40
"""Maximum number of bands that a message lists. Those without a name that follow each other count as one."""


def chosen_bands(bands: Sequence[int] | int | None, there: Sequence[Band], name: str) -> tuple[int, ...]:
    """Return the indices, from 0, of one band (gray) or of three (red, green, blue).

    Without a choice these are the bands that the raster calls red, green and blue, or its only band or three bands beside alpha.

    Args:
        bands: Numbers of the bands, from 1, as GDAL counts them; None to go by the raster.
        there: The bands of the raster.
        name: Name of the raster in messages.

    Raises:
        ConfigError: `bands` is not one number or three.
        InputError: The raster has no such band, or has several bands and does not say which are red, green and blue.
    """
    if bands is not None:
        return _given((bands,) if is_whole_number(bands) else bands, there, name)
    colors = [band.color for band in there]
    if all(colors.count(color) == 1 for color in ("red", "green", "blue")):
        return colors.index("red"), colors.index("green"), colors.index("blue")
    without_alpha = tuple(index for index, color in enumerate(colors) if color != "alpha")
    if len(without_alpha) in (1, 3):
        return without_alpha
    choice = (
        "one or three by their numbers, such as bands=(3, 2, 1) (--bands 3,2,1)"
        if len(there) > 2
        else "one by its number, such as bands=1 (--bands 1)"
    )
    has = f"{name} has {number_of(len(there), 'band')}"
    raise InputError(f"{has}, and does not say which are red, green and blue: {_list(there)}. Choose {choice}")


def checked_bands(bands: object) -> tuple[int, ...]:
    """Return the numbers of one band (gray) or of three (red, green, blue), from 1.

    Raises:
        ConfigError: They are not such numbers.
    """
    if not isinstance(bands, (tuple, list)) or len(bands) not in (1, 3) or not all(is_whole_number(band, 1) for band in bands):
        raise ConfigError(f"bands are one number (gray) or three (red, green, blue), counted from 1, got {shown(bands)}")
    return tuple(map(int, bands))


def _given(bands: object, there: Sequence[Band], name: str) -> tuple[int, ...]:
    numbers = checked_bands(bands)
    for band in numbers:
        if band > len(there):
            raise InputError(f"{name} has no band {band}: it has {number_of(len(there), 'band')}: {_list(there)}")
    return tuple(band - 1 for band in numbers)


def _list(there: Sequence[Band]) -> str:
    texts: list[tuple[int, str]] = []  # Each with the number of the last band that it tells.
    for unnamed, group in groupby(enumerate(there, 1), lambda each: not each[1].name and not each[1].color):
        bands = list(group)
        first, last = bands[0][0], bands[-1][0]
        if unnamed and last > first:
            texts.append((last, f"{first} to {last} without a name"))
        else:
            texts += [(number, f"{number} {shown(band.name) if band.name else band.color or 'without a name'}") for number, band in bands]
    listed = texts[:_LISTED]
    more = len(there) - (listed[-1][0] if listed else 0)
    return ", ".join([*(text for _, text in listed), *([f"and {more} more"] if more else [])])
