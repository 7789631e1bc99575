"""`open_raster`: an image of any size from a file or an array, to be read by windows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from .._checks import absent_hint
from ..errors import InputError, shown
from ..image_formats import address_hint
from .array import ArrayReader
from .bands import chosen_bands
from .identity import identity_of
from .kinds import KINDS, opened, opened_as
from .raster import Raster
from .reader import Reader, type_of
from .stretched import StretchedRaster
from .stretching import limits_for, usable_limits

_HOW_SHOWN = ("bands", "type", "bits", "limits")

RasterLike = Union[str, "os.PathLike[str]", NDArray[Any]]
"""Raster in any form that `open_raster` takes."""


def open_raster(
    source: RasterLike,
    *,
    bands: Sequence[int] | int | None = None,
    stretch: tuple[float, float] | None = (2, 98),
    limits: tuple[float, float] | Sequence[tuple[float, float]] | None = None,
) -> Raster:
    """Open an image of any size, to be read by windows.

    No more is in memory than the windows at work. Samples of 8 bits are shown as they are. All others, such as 16 bits or an elevation in
    floats, are stretched: `limits` become black and white. They are found once, when the raster is opened, and are numbers in its
    `description` from then on, so that all windows and all processes show a value alike.

    Args:
        source: The path of a GeoTIFF or another raster that rasterio reads, of a TIFF of a microscope or scanner (OME-TIFF, SVS), of an
            OME-Zarr folder, or of a JPEG, PNG or other image; or an array (H, W) or (H, W, bands).
        bands: Numbers of the bands to show, from 1: one (gray) or three (red, green, blue). By default those that the file calls so, or
            its only band or three bands.
        stretch: Percentiles of the samples of each band that become black and white. They are taken from a reduced copy in the file, or
            from windows that are spread evenly. None for the whole range of integers.
        limits: Sample values that become black and white: a pair for all bands, or one for each. They go before `stretch`, and stretch
            8 bits, too.

    Returns:
        The raster. Close it when it is not needed any more, or use it in a ``with`` block.

    Raises:
        ConfigError: `bands`, `stretch` or `limits` are no such values.
        InputError: The file is absent, damaged or no raster; has complex numbers, or several bands and does not say which are red, green
            and blue; or has no pixel with data to find the percentiles of.
        MissingDependencyError: The file needs a package of the extra ``geo`` that is not installed.

    Warns:
        InputWarning: The raster has control points instead of a map from pixels to world coordinates.
    """
    if isinstance(source, np.ndarray):
        return _shown(ArrayReader(source), {"array": list(source.shape)}, bands, stretch, limits)
    path = _existing(source)
    identity = identity_of(path)
    kind, reader = opened(path)
    return _shown(reader, {"path": str(path), **identity, "kind": kind}, bands, stretch, limits)


def open_as_before(path: Path, before: object, *, bands: Sequence[int] | None, stretch: tuple[float, float]) -> Raster:
    """Open a raster, stretched by the limits of an earlier time as long as it has samples of the same type in the same bands.

    Args:
        path: The file, which may have been changed since.
        before: What `how_shown` returned then. Anything else counts for nothing.
        bands: As in `open_raster`.
        stretch: As in `open_raster`, for limits that are found anew.

    Raises:
        ConfigError: As in `open_raster`.
        InputError: As in `open_raster`.
        MissingDependencyError: As in `open_raster`.
    """
    existing = _existing(path)
    identity = identity_of(existing)
    kind, reader = opened(existing)
    return _shown(reader, {"path": str(existing), **identity, "kind": kind}, bands, stretch, None, before)


def how_shown(raster: Raster) -> dict[str, Any]:
    """Return the limits by which a raster is stretched, and the bands and samples that they are of, as JSON values."""
    return {name: raster.description.get(name) for name in _HOW_SHOWN}


def reopen_raster(description: Mapping[str, Any]) -> Raster:
    """Open a raster again, with the same bands and limits.

    Args:
        description: What `Raster.description` returned, here or in another process.

    Raises:
        InputError: The description is none of a file, or the file is absent or was changed since.
        MissingDependencyError: A package that reads the file is not installed.
    """
    path, kind, bands, limits = _described(description)
    identity = check_unchanged(description)
    return _shown(opened_as(kind, Path(path)), {"path": path, **identity, "kind": kind}, bands, None, limits)


def check_unchanged(description: Mapping[str, Any]) -> Mapping[str, int]:
    """Check that the file of a raster is as it was when the raster was opened first. Return its identity.

    Args:
        description: What `Raster.description` returned, here or in another process.

    Raises:
        InputError: The description is none of a file, or the file is absent or was changed since.
    """
    path = _described(description)[0]
    identity = identity_of(_existing(path))
    if any(description.get(key) != value for key, value in identity.items()):
        raise InputError(f"{path} was changed since it was opened first: expected {_facts(description)}, found {_facts(identity)}")
    return identity


def _shown(reader: Reader, source: Mapping[str, Any], bands: Any, stretch: Any, limits: Any, before: object = None) -> StretchedRaster:
    """Return the raster of a reader, which is closed if that fails."""
    try:
        chosen = chosen_bands(bands, reader.bands, reader.name)
        choice = {"bands": [band + 1 for band in chosen], "type": type_of(reader, chosen).name, "bits": reader.bits}
        if isinstance(before, Mapping) and all(before.get(name) == value for name, value in choice.items()):
            limits = usable_limits(before.get("limits"), len(chosen))
        found = limits_for(reader, chosen, stretch, limits)
    except BaseException:
        reader.close()
        raise
    shown_by = None if found is None else [list(pair) for pair in found]
    return StretchedRaster(reader, chosen, found, {**source, **choice, "limits": shown_by})


def _existing(source: object) -> Path:
    """Return the absolute path of a file or folder that is there. No other text reaches a library that might take it for an address."""
    if not isinstance(source, (str, os.PathLike)):
        raise InputError(f"a raster is a path or an array, got {type(source).__name__} {shown(source)}")
    try:
        path = Path(os.fspath(source)).absolute()
        there = path.exists()
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"cannot read raster {shown(source)}: {error}") from error
    if not there:
        why = f"cannot read raster {source}: there is no such file{absent_hint(path)}"
        raise InputError(address_hint(source, "a raster") or why)
    return path


def _described(description: Mapping[str, Any]) -> tuple[str, str, Any, Any]:
    given: Any = description if isinstance(description, Mapping) else {}
    if "array" in given:
        raise InputError("a raster from an array in memory cannot be opened again: save the array as a file, such as by tifffile.imwrite")
    path, kind, bands, limits = (given.get(key) for key in ("path", "kind", "bands", "limits"))
    if not isinstance(path, str) or not isinstance(kind, str) or kind not in KINDS or not isinstance(bands, (list, tuple)):
        raise InputError(
            f"the description of a raster is what Raster.description returns, with path, kind and bands, got {shown(description)}"
        )
    return path, kind, bands, limits


def _facts(description: Mapping[str, Any]) -> str:
    return f"{shown(description.get('bytes'))} bytes of time {shown(description.get('modified'))}"
