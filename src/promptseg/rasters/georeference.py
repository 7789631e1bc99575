"""`Georeference`: where an image lies in the world. Without further packages it is read from the tags of a GeoTIFF or from a world file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..image_formats import open_image

_SCALE, _TIEPOINT, _TRANSFORMATION, _KEYS = 33550, 33922, 34264, 34735
_RASTER_TYPE, _GEOGRAPHIC, _PROJECTED = 1025, 2048, 3072
_IS_POINT, _USER_DEFINED = 2, 32767


@dataclass(frozen=True)
class Georeference:
    """Affine map from pixels to world coordinates.

    Attributes:
        matrix: ``(a, b, c, d, e, f)``, with ``x = a · column + b · row + c`` and ``y = d · column + e · row + f``.
            Integer columns and rows are pixel edges.
        epsg: EPSG code of the coordinate system, or None when the image does not name it.
        wkt: The coordinate system as WKT, or None when it is not known beyond `epsg`.
    """

    matrix: tuple[float, float, float, float, float, float]
    epsg: int | None = None
    wkt: str | None = None

    @property
    def is_invertible(self) -> bool:
        """Whether each place in the world is that of one place in the image."""
        a, b, _, d, e, _ = self.matrix
        return bool(np.isfinite(self.matrix).all()) and a * e != b * d

    @property
    def mirrors(self) -> bool:
        """Whether the map reverses the orientation of rings, as it does when north is up."""
        a, b, _, d, e, _ = self.matrix
        return a * e < b * d

    def to_world(self, pixels: NDArray[Any]) -> NDArray[np.float64]:
        """Return the (N, 2) world coordinates of (N, 2) ``(column, row)``."""
        a, b, c, d, e, f = self.matrix
        # Unlike a product of matrices, this rounds a place in the same way in every array, so that corners which meet still do.
        column, row = np.asarray(pixels, np.float64).T
        return np.stack([a * column + b * row + c, d * column + e * row + f], axis=1)

    def to_pixels(self, world: NDArray[Any]) -> NDArray[np.float64]:
        """Return the (N, 2) ``(column, row)`` of (N, 2) world coordinates."""
        a, b, c, d, e, f = self.matrix
        (x, y), area = (np.asarray(world, np.float64) - [c, f]).T, a * e - b * d
        return np.stack([(e * x - b * y) / area, (a * y - d * x) / area], axis=1)


def read_georeference(path: Path) -> Georeference | None:
    """Read the georeference of an image, or return None when neither the image nor a world file has one.

    The world file has the image's name with a suffix such as ``.tfw``, ``.jgw`` or ``.pgw``, or with the image's suffix and a ``w``.

    Raises:
        InputError: When the image or its world file cannot be read, or the map is not invertible.
    """
    tags: Mapping[int, Any] = {}
    if path.suffix.lower() in (".tif", ".tiff"):
        with open_image(path) as image:
            tags = dict(getattr(image, "tag_v2", {}))
    return stated_georeference(path, tags)


def stated_georeference(path: Path, tags: Mapping[int, Any]) -> Georeference | None:
    """Return the georeference that the tags of a TIFF file state, or else the world file beside the image, or None.

    Args:
        path: The image.
        tags: Values of its tags by their numbers; empty for an image that is not TIFF.

    Raises:
        InputError: When the world file cannot be read, or the map is not invertible.
    """
    found = _from_tags(tags) or _from_world_file(path)
    return None if found is None else checked(found, path)


def checked(found: Georeference, path: Path) -> Georeference:
    """Return a georeference whose map can be inverted, or raise `InputError`, with the path of the image."""
    if not found.is_invertible:
        raise InputError(f"the georeference of {path} is not valid: its matrix {found.matrix} cannot be inverted")
    return found


def _from_tags(tags: Mapping[int, Any]) -> Georeference | None:
    keys = _keys(tags.get(_KEYS, ()))
    if len(tags.get(_TRANSFORMATION, ())) == 16:
        a, b, _, c, d, e, _, f = (float(value) for value in tags[_TRANSFORMATION][:8])
    elif len(tags.get(_SCALE, ())) >= 2 and len(tags.get(_TIEPOINT, ())) >= 6:
        a, e = float(tags[_SCALE][0]), -float(tags[_SCALE][1])
        column, row, _, x, y, _ = (float(value) for value in tags[_TIEPOINT][:6])
        b, d, c, f = 0.0, 0.0, x - a * column, y - e * row
    else:
        return None
    if keys.get(_RASTER_TYPE) == _IS_POINT:  # The map is from pixel centers.
        c, f = c - (a + b) / 2, f - (d + e) / 2
    code = keys.get(_PROJECTED) or keys.get(_GEOGRAPHIC)
    return Georeference((a, b, c, d, e, f), None if code in (None, 0, _USER_DEFINED) else code)


def _keys(directory: Any) -> dict[int, int]:
    """Return the GeoTIFF keys with integer values.

    The directory has four numbers of header, then four for each key. The second of these is 0 for an integer value.
    """
    values = [int(value) for value in directory]
    return {values[at]: values[at + 3] for at in range(4, len(values) - 3, 4) if values[at + 1] == 0}


def _from_world_file(path: Path) -> Georeference | None:
    suffix = path.suffix
    candidates = [path.with_suffix(f"{suffix[:2]}{suffix[-1]}w"), path.with_suffix(f"{suffix}w")] if len(suffix) > 2 else []
    for file in candidates:
        if os.path.isfile(file):  # noqa: PTH113 - It takes a name of any length.
            try:
                a, d, b, e, x, y = (float(line) for line in file.read_text("ascii").split())
            except (OSError, ValueError) as error:
                raise InputError(f"{file} is not a world file: expected six numbers ({error})") from error
            # The origin in a world file is the center of the first pixel.
            return Georeference((a, b, x - (a + b) / 2, d, e, y - (d + e) / 2))
    return None
