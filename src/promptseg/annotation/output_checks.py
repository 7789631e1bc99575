"""Checks of the outputs of a run before its first image: whatever would fail at the end fails at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datasets.writing import check_output, write
from ..errors import InputError
from ..image_files import image_size
from ..rasters.georeference import read_georeference
from ..runtime.files import output_errors, temporary_folder
from .own_folders import check_own_folder, mark_folder
from .sources import SourceImage


def check_outputs(
    folder: Path,
    formats: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    images: Iterable[SourceImage],
    *,
    gallery: Path | None,
    overlays: Path | None,
) -> None:
    """Check the place of every output, and write every format without images to a temporary folder.

    Args:
        folder: The output folder of the run. It exists.
        formats: Names of the formats.
        options: Options of the formats.
        images: The images of the run.
        gallery: The folder of the gallery, or None for no gallery. It is created.
        overlays: The folder of the full-size overlays, or None for none.

    Raises:
        ConfigError: When an option has a value that the format does not allow.
        InputError: When GeoJSON needs a georeference that an image does not have.
        MissingDependencyError: When a format needs a package that is not installed.
        OutputError: When the folder cannot be written, or something that promptseg did not write is in the place of an output.
    """
    for name in dict.fromkeys(formats):
        check_output(name, folder, options.get(name, {}))
    with output_errors(folder), temporary_folder(folder, "try") as temporary:
        for name in dict.fromkeys(formats):
            write(name, (), temporary, **options.get(name, {}))
    if "geojson" in formats:
        _check_georeferences(images, options.get("geojson", {}).get("coordinates", "auto"))
    if overlays is not None:
        check_own_folder(overlays)
    if gallery is not None:
        mark_folder(gallery)


def _check_georeferences(images: Iterable[SourceImage], coordinates: str) -> None:
    for image in images:
        if coordinates == "pixels" or not image.path.is_file():
            continue
        try:
            georeference = read_georeference(image.path)
        except InputError:
            if _is_readable(image.path):
                raise
            continue  # The image fails alone, later.
        if georeference is None and coordinates == "world":
            raise InputError(
                f"{image.path} has no georeference: geojson.coordinates=world needs a GeoTIFF, or a world file beside the image"
            )


def _is_readable(path: Path) -> bool:
    try:
        image_size(path)
    except InputError:
        return False
    return True
