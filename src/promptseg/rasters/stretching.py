"""Samples as 8 bits: which values become black and white, and the map between them.

The limits are found once, when a raster is opened, and are numbers from then on. So every window, and every process, shows a value alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import is_number
from ..errors import ConfigError, InputError, shown
from ..masks import Size
from .reader import Reader, type_of
from .window import Window

Limits = tuple[tuple[float, float], ...]
"""For each band, the values that become 0 and 255."""

_MOST_SAMPLED = 1 << 21
"""Number of pixels up to which a raster, or an overview of it, is read as a whole to find its percentiles."""

_WINDOWS, _SIDE = 8, 128
"""Number of windows on each side of a raster, and their size in pixels, where it has no overview."""

_FINER = 4
"""How many times finer the windows are spread where the first ones have no data."""


def limits_for(reader: Reader, bands: tuple[int, ...], percentiles: object, limits: object) -> Limits | None:
    """Return the values that become black and white, or None for samples that are 8 bits already.

    Args:
        reader: The raster.
        bands: Indices of its bands.
        percentiles: The two percentiles of each band that become its limits, from 0 to 100; None for the whole range of the type.
        limits: The limits themselves: a pair for all bands or one for each band. None to find them.

    Raises:
        ConfigError: `percentiles` or `limits` are no such values, or the type of the samples has no range.
        InputError: The raster has no pixel with data.
    """
    if limits is not None:
        return _checked_limits(limits, len(bands))
    wanted = None if percentiles is None else checked_percentiles(percentiles)
    kind = type_of(reader, bands)
    if kind.kind == "b":
        return ((0.0, 1.0),) * len(bands)
    if kind.itemsize == 1 and kind.kind == "u":
        return None if kind != reader.dtype or reader.bits >= 8 else ((0.0, float(2**reader.bits - 1)),) * len(bands)
    if wanted is not None:
        return _found(reader, bands, wanted)
    if kind.kind not in "iu":
        raise ConfigError(f"{reader.name} has samples of {kind}, which have no range of their own: give stretch or limits")
    info = np.iinfo(kind)
    return ((float(info.min), float(info.max)),) * len(bands)


def stretched(values: NDArray[Any], limits: Limits | None) -> NDArray[np.uint8]:
    """Return samples (H, W, bands) as 8 bits. Values beyond the limits become 0 or 255, and NaN 0."""
    if limits is None:
        return np.asarray(values, np.uint8)
    exact = np.float64 if values.dtype.itemsize > 4 or (values.dtype.kind in "iu" and values.dtype.itemsize == 4) else np.float32
    low, high = np.asarray(limits, np.float64).T
    with np.errstate(invalid="ignore", over="ignore"):  # Of what is not a number, and of floats far beyond the limits.
        scaled: NDArray[Any] = values - low.astype(exact)
        scaled *= (255 / (high - low)).astype(exact)
    np.fmax(scaled, 0, out=scaled)  # It takes 0 where the other is NaN.
    np.minimum(scaled, 255, out=scaled)
    return np.rint(scaled, out=scaled).astype(np.uint8)  # type: ignore[no-any-return]  # `out` is of any type.


def checked_percentiles(given: object) -> tuple[float, float]:
    """Return two percentiles from 0 to 100, the lower one first.

    Raises:
        ConfigError: They are not such numbers.
    """
    if (
        not isinstance(given, (tuple, list))
        or len(given) != 2
        or not all(is_number(value) for value in given)
        or not 0 <= given[0] < given[1] <= 100
    ):
        raise ConfigError(f"stretch is two percentiles from 0 to 100, the lower one first, such as (2, 98), got {shown(given)}")
    return float(given[0]), float(given[1])


def usable_limits(given: object, count: int) -> Limits | None:
    """Return limits of a number of bands that were stored, or None where they are none."""
    try:
        return _checked_limits(given, count)
    except ConfigError:
        return None


def _checked_limits(given: object, count: int) -> Limits:
    pairs = [given] if isinstance(given, (tuple, list)) and given and is_number(given[0]) else given
    if not isinstance(pairs, (tuple, list)) or len(pairs) not in (1, count) or not all(_is_pair(pair) for pair in pairs):
        raise ConfigError(f"limits are the values of black and white, such as (0, 4000), or a pair for each band, got {shown(given)}")
    found = tuple((float(low), float(high)) for low, high in pairs)
    return found if len(found) == count else found * count


def _is_pair(pair: object) -> bool:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(is_number(value) and math.isfinite(value) for value in pair):
        return False
    return bool(pair[0] < pair[1]) and math.isfinite(float(pair[1]) - float(pair[0]))


def _found(reader: Reader, bands: tuple[int, ...], percentiles: tuple[float, float]) -> Limits:
    """Return percentiles of the pixels that have data, from an overview or from windows spread over the raster."""
    whole = Window(0, 0, *reader.size)
    small = [size for size in (reader.size, *reader.overviews) if size[0] * size[1] <= _MOST_SAMPLED]
    values = _of_windows(reader, bands, [whole], max(small)) if small else None
    windows = [whole]
    if values is None and not (small and max(small) == reader.size):
        for count in (_WINDOWS, _WINDOWS * _FINER):
            windows = _spread(reader.size, count)
            values = _of_windows(reader, bands, windows)
            if values is not None:
                break
    if values is None:
        where = "no pixel with data" if windows == [whole] else f"no pixel with data in {len(windows)} windows spread over it"
        raise InputError(
            f"{reader.name} has {where}, so there is nothing to stretch its values by: look at its nodata value. "
            "In Python, open_raster takes the limits themselves, such as limits=(0, 4000)"
        )
    return tuple(_limits(column, percentiles) for column in values.T)


def _of_windows(reader: Reader, bands: tuple[int, ...], windows: Sequence[Window], size: Size | None = None) -> NDArray[Any] | None:
    """Return the samples of the pixels with data, (N, bands) float64, or None if there are none."""
    parts = []
    for window in windows:
        values, valid = reader.read(window, size or window.size, bands)
        parts.append(np.asarray(values[valid], np.float64))
    found = np.concatenate(parts)
    found = found[np.isfinite(found).all(axis=1)]
    return found if len(found) else None


def _spread(size: Size, count: int) -> list[Window]:
    """Return windows that lie evenly spread over a raster, on a grid of `count` to each side."""
    spans = []
    for length in size:
        side = min(_SIDE, length)
        starts = sorted({round((length - side) * at / (count - 1)) for at in range(count)})
        spans.append([(start, side) for start in starts])
    return [Window(y, x, height, width) for y, height in spans[0] for x, width in spans[1]]


def _limits(column: NDArray[Any], percentiles: tuple[float, float]) -> tuple[float, float]:
    """Return two percentiles of a band. Where both are one value, these are its extremes; of a constant band, a range around it."""
    low, high = (float(value) for value in np.percentile(column, percentiles))
    if low < high:
        return low, high
    low, high = float(column.min()), float(column.max())
    margin = max(0.5, abs(low) * 2.0**-20)  # Of a large number, half of one is nothing.
    return (low, high) if low < high else (low - margin, high + margin)
