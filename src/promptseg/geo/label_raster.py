"""`write_label_raster`: the objects of a scene as a GeoTIFF of numbers, with a table that says what the numbers are."""

from __future__ import annotations

import csv
import os
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.output_file import check_file, new_path
from ..datasets.writer_base import WriteStats, score_of
from ..datasets.writing import WriteReport, report_of
from ..errors import OutputError
from ..masks import Size
from ..rasters.georeference import Georeference
from ..rasters.packages import geo_package
from ..rasters.pixel_sizes import PixelSize
from ..rasters.window import Window
from ..runtime.files import output_errors
from ..runtime.progress import track
from ..scene_masks import SceneMask, SceneMasks
from .begun_output import begun_output
from .crs import AreaUnit, area_unit, check_place, system_of

LABEL_SUFFIXES = (".tif", ".tiff")
"""Suffixes of a label raster."""

WINDOW = 512
"""Width and height of the windows that are written at once, in pixels: those of a block of the file. Larger ones would write blocks without
an object."""

_OVERLAP = "where objects overlap, a pixel has the number of the smaller one; vectors hold both as a whole"
"""Why objects differ from what they are in the raster."""

_BLOCK = 512
_CACHE = 128 << 20
"""Bytes of blocks that GDAL keeps."""


def write_label_raster(
    masks: SceneMasks, path: str | os.PathLike[str], *, georeference: Georeference | None, pixel_size: PixelSize | None = None
) -> WriteReport:
    """Write the objects of a scene as a label raster, window by window, and a table beside it, ``NAME.csv``.

    The raster is a GeoTIFF of 32-bit numbers with the size, CRS and transform of the scene's raster: 0 is the background, which is also
    "no data", and the others are the numbers of the objects, from 1 in their order, as in the files of `promptseg.geo.vectors`. It is
    compressed, in blocks of 512 pixels, and has overviews. Blocks without an object take no space.

    Where objects overlap, the smaller one is seen. The report says how much of the others is left, as IoU with the whole object, and how
    many are hidden entirely. The table has ``id``, ``label``, ``score``, ``area_pixels`` (of the whole object), ``visible_pixels``, where
    the CRS measures lengths ``area`` in its square units or, of a slide, ``area_um2``, and the box in pixels.

    Files that were changed by hand since promptseg wrote them are kept, and named in the report. The same objects give the same bytes.

    Args:
        masks: The objects.
        path: The file: ``.tif`` or ``.tiff``.
        georeference: Where the raster lies, as `Raster.georeference` says; None if it does not say.
        pixel_size: Width and height of a pixel in micrometers, for the table of a slide without a georeference.

    Raises:
        InputError: PROJ does not know the CRS, or the map of the georeference cannot be inverted.
        OutputError: The suffix is another, a file cannot be written, or promptseg did not write what is there.
        MissingDependencyError: rasterio is not installed.
    """
    place = Path(path)
    check_label_raster(place, georeference)
    with begun_output(place) as stats, new_path(table_of(place), stats.kept) as listed, new_path(place, stats.kept) as raster:
        visible = _write_raster(masks, raster, georeference)
        _write_table(masks, visible, listed, area_unit(georeference, pixel_size), stats)
    stats.files = 2 - len(stats.kept)
    for each, count in zip(masks, visible.tolist(), strict=True):
        _count(stats, each.area, count)
    report = report_of("label-tif", place, stats)
    return replace(report, notes=(*report.notes, _OVERLAP)) if report.changed else report


def table_of(path: Path) -> Path:
    """Return the path of the table beside a label raster."""
    return path.with_suffix(".csv")


def check_label_raster(path: Path, georeference: Georeference | None) -> None:
    """Check what can be known of a label raster before there are objects: its suffix, its package, the CRS and its place.

    Args:
        path: The file.
        georeference: Where the raster lies.

    Raises:
        InputError: PROJ does not know the CRS, or the map of the georeference cannot be inverted.
        OutputError: The suffix is another, or promptseg did not write what is there.
        MissingDependencyError: rasterio is not installed.
    """
    if path.suffix.lower() not in LABEL_SUFFIXES:
        raise OutputError(f"cannot write {path}: a label raster is a GeoTIFF, and has the suffix {' or '.join(LABEL_SUFFIXES)}")
    geo_package("rasterio", "a label raster")
    check_place(georeference)
    for file in (path, table_of(path)):
        with output_errors(file):
            check_file(file)


def _write_raster(masks: SceneMasks, path: Path, georeference: Georeference | None) -> NDArray[np.int64]:
    """Write the raster, and return how many pixels of each object are seen in it."""
    visible = np.zeros(len(masks), np.int64)
    windows = _by_window(masks)
    with _rasterio() as rasterio:
        try:
            with rasterio.open(path, "w", **_profile(rasterio, masks.size, georeference)) as raster:
                for window, indices in track(windows.items(), stage="write label-tif", total=len(windows), unit="window"):
                    numbers, seen = painted(masks, indices, window)
                    visible[indices] += seen
                    raster.write(numbers, 1, window=rasterio.windows.Window(window.x, window.y, window.width, window.height))
            _check_complete(path, 1)
            levels = _overviews(masks.size)
            with rasterio.open(path, "r+") as raster:
                raster.build_overviews(levels, rasterio.enums.Resampling.nearest)
            _check_complete(path, 1 + len(levels))
        except rasterio.errors.RasterioError as error:
            raise OSError(f"GDAL cannot write it ({error})") from error
    return visible


def _check_complete(path: Path, images: int) -> None:
    """Raise `OSError` for a file that GDAL could not write to its end. It tells no error that occurs while it closes a file.

    Args:
        path: The file.
        images: Number of images in it: the raster and its overviews.
    """
    tifffile = geo_package("tifffile", "a label raster")
    size, found, end = path.stat().st_size, 0, 0
    try:
        with tifffile.TiffFile(path) as file:
            for page in file.pages:
                found += 1
                end = max([end, *(offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True))])
    except Exception as error:  # tifffile raises errors of many kinds for a damaged file.
        raise OSError(f"the disk may be full ({error})") from error
    if found != images or end > size:
        raise OSError("the end of it is missing: the disk may be full")


def painted(masks: SceneMasks, indices: list[int], window: Window) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Paint objects into a window, the smallest last, so that a small object on a larger one stays whole.

    Args:
        masks: The objects of the scene.
        indices: Those that reach into the window.
        window: The window.

    Returns:
        (height, width) uint32 numbers of objects, from 1, with 0 for the background; and of each of `indices` how many pixels are seen.
    """
    places = np.zeros(window.size, np.int32)
    for place in sorted(range(len(indices)), key=lambda place: (-masks[indices[place]].area, place)):
        _paint(places, place + 1, masks[indices[place]], window)
    numbers = np.concatenate([[0], np.asarray(indices) + 1]).astype(np.uint32)
    return numbers[places], np.bincount(places.ravel(), minlength=len(numbers))[1:]


def _paint(places: NDArray[np.int32], place: int, mask: SceneMask, window: Window) -> None:
    shared = mask.window.shared(window)
    if shared is None:
        return
    rows, columns = slice(shared.y - window.y, shared.bottom - window.y), slice(shared.x - window.x, shared.right - window.x)
    places[rows, columns][mask.pixels(shared)] = place


def _by_window(masks: SceneMasks) -> dict[Window, list[int]]:
    """Return the windows that have objects, row by row, each with the indices of the objects whose boxes reach into it."""
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, (x0, y0, x1, y1) in enumerate(masks.boxes.tolist()):
        for row in range(y0 // WINDOW, (y1 - 1) // WINDOW + 1):
            for column in range(x0 // WINDOW, (x1 - 1) // WINDOW + 1):
                found[row, column].append(index)
    height, width = masks.size
    windows = {}
    for row, column in sorted(found):
        y, x = row * WINDOW, column * WINDOW
        windows[Window(y, x, min(WINDOW, height - y), min(WINDOW, width - x))] = found[row, column]
    return windows


def _profile(rasterio: Any, size: Size, georeference: Georeference | None) -> dict[str, Any]:
    profile = {
        "driver": "GTiff",
        "height": size[0],
        "width": size[1],
        "count": 1,
        "dtype": "uint32",
        "nodata": 0,
        "tiled": True,
        "blockxsize": _BLOCK,
        "blockysize": _BLOCK,
        "compress": "deflate",
        "sparse_ok": True,
        "bigtiff": "if_safer",
    }
    if georeference is not None:
        profile |= {"crs": system_of(georeference), "transform": rasterio.Affine(*georeference.matrix)}
    return profile


def _overviews(size: Size) -> list[int]:
    """Return the reductions of the overviews, down to about one block."""
    levels = [2]
    while max(size) > _BLOCK * levels[-1]:
        levels.append(2 * levels[-1])
    return levels


@contextmanager
def _rasterio() -> Iterator[Any]:
    """Give rasterio with the settings for a large file of few numbers, and without its warning about a file without a georeference."""
    rasterio = geo_package("rasterio", "a label raster")
    for module in ("rasterio.enums", "rasterio.errors", "rasterio.windows"):
        geo_package(module, "a label raster")
    settings = {"GDAL_CACHEMAX": _CACHE, "GDAL_TIFF_OVR_BLOCKSIZE": _BLOCK, "COMPRESS_OVERVIEW": "DEFLATE", "SPARSE_OK_OVERVIEW": True}
    with rasterio.Env(**settings), warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield rasterio


def _write_table(masks: SceneMasks, visible: NDArray[np.int64], path: Path, unit: AreaUnit | None, stats: WriteStats) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        area = [] if unit is None else [unit.name]
        table.writerow(["id", "label", "score", "area_pixels", "visible_pixels", *area, "x0", "y0", "x1", "y1"])
        for number, (each, seen) in enumerate(zip(masks, visible.tolist(), strict=True), 1):
            area = [] if unit is None else [repr(each.area * unit.pixel)]
            table.writerow([number, stats.label_text(each.label), score_of(each.mask), each.area, seen, *area, *each.box])


def _count(stats: WriteStats, area: int, seen: int) -> None:
    """Count an object of which so many pixels are seen."""
    if not seen:
        stats.lost["other objects cover them"] += 1
        return
    stats.masks += 1
    stats.changed += seen < area
    stats.iou_sum += seen / area
    stats.iou_min = min(stats.iou_min, seen / area)
