"""Formats that hold the objects of a whole raster, whatever its size: vectors in its own coordinates, and a raster of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..datasets.catalog import WRITABLE
from ..datasets.descriptor import Option, check_options
from ..datasets.writing import WriteReport
from ..errors import ConfigError, nearest
from ..geo.label_raster import check_label_raster, write_label_raster
from ..geo.vectors import check_vectors, write_vectors
from ..rasters.georeference import Georeference
from ..rasters.raster import Raster
from ..scene_masks import SceneMasks


@dataclass(frozen=True)
class SceneFormat:
    """A format of the objects of a raster.

    Attributes:
        file: Name of its file.
        check: Function that checks what can be known before there are objects.
        write: Function that writes the objects to a path.
        options: The options of the format, by name.
    """

    file: str
    check: Callable[[Path, Georeference | None], None]
    write: Callable[..., WriteReport]
    options: Mapping[str, Option] = field(default_factory=dict)


_TOLERANCE = Option("Distance in units of the raster's coordinates by which outlines may be simplified; 0 keeps every pixel.", 0.0)

SCENE_FORMATS: Mapping[str, SceneFormat] = {
    "geojson": SceneFormat("objects.geojson", check_vectors, write_vectors, {"tolerance": _TOLERANCE}),
    "gpkg": SceneFormat("objects.gpkg", check_vectors, write_vectors, {"tolerance": _TOLERANCE}),
    "geoparquet": SceneFormat("objects.parquet", check_vectors, write_vectors, {"tolerance": _TOLERANCE}),
    "label-tif": SceneFormat("labels.tif", check_label_raster, write_label_raster),
}
"""The formats, by name."""

OF_TILES: tuple[str, ...] = tuple(name for name in WRITABLE if name not in SCENE_FORMATS)
"""Formats of datasets, in which the tiles of a raster are images."""


def check_scene_formats(formats: Iterable[str], out: Path, georeference: Georeference | None) -> None:
    """Check the outputs of a raster before its first tile: their places, their packages and the coordinate system.

    Args:
        formats: Names of the formats.
        out: The output folder.
        georeference: Where the raster lies in the world, or None.

    Raises:
        InputError: The coordinate system of the raster is not known.
        MissingDependencyError: A format needs a package that is not installed.
        OutputError: Something that promptseg did not write is in the place of an output.
    """
    for name in formats:
        SCENE_FORMATS[name].check(out / SCENE_FORMATS[name].file, georeference)


def check_scene_options(formats: Mapping[str, Mapping[str, Any]]) -> None:
    """Check the names of formats of a raster, and their options.

    Raises:
        ConfigError: There is no such format, or it does not have an option or does not allow its value.
    """
    for name, options in formats.items():
        if name not in SCENE_FORMATS:
            known = (*SCENE_FORMATS, *OF_TILES)
            raise ConfigError(f"there is no format {name!r}: expected one of {', '.join(known)}.{nearest(name, known)}")
        check_options(name, options, SCENE_FORMATS[name].options, {other: each.options for other, each in SCENE_FORMATS.items()})


def write_scene(name: str, scene: SceneMasks, out: Path, raster: Raster, options: Mapping[str, Any]) -> WriteReport:
    """Write the objects of a raster in a format.

    Args:
        name: Name of the format.
        scene: The objects.
        out: The output folder.
        raster: The raster, which says where it lies in the world and, if it is a slide, how large a pixel is.
        options: Options of the format.

    Raises:
        MissingDependencyError: The format needs a package that is not installed.
        OutputError: The file cannot be written, or promptseg did not write what is there.
    """
    chosen = SCENE_FORMATS[name]
    values = {option: chosen.options[option].value(given) for option, given in options.items()}
    size = getattr(raster, "pixel_size", None)  # Rasters of users need not have one.
    return chosen.write(scene, out / chosen.file, georeference=raster.georeference, pixel_size=size, **values)
