"""`GdalReader`: GeoTIFF, and all else that rasterio reads by GDAL: overviews, nodata, masks, alpha, palettes and world coordinates."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, InputWarning, PromptSegError
from ..image_formats import MAX_PIXELS
from ..masks import Size
from .averaging import averaged
from .companions import damage_of
from .georeference import Georeference, checked
from .handles import ClosedError, Handles
from .mosaic import check_parts
from .packages import geo_package
from .pixel_sizes import PixelSize
from .reader import LARGEST_PIECE, MOST_BANDS, Band, Color, Samples, several_pages
from .stale import shows_another
from .upright import stated_orientation
from .window import Window

_opening = threading.Lock()

_CACHE = 256 << 20
"""Bytes of decoded blocks that GDAL keeps, for all files together. By itself it would take a twentieth of the machine's memory."""

_NO_PROXY = "nothing://nowhere"
"""A proxy that curl cannot use: nothing is fetched, in whatever way a file names an address."""

_OF_OPENCV = ("uint8", "int8", "uint16", "int16", "int32", "float32", "float64")
_OURS = (PromptSegError, InputWarning, MemoryError)
"""Errors that are not of rasterio. A warning is raised where the user makes errors of them."""

_NO_MAP = (1, 0, 0, 0, 1, 0)
"""The map of a file with control points instead of one."""

_ROUNDED = 1.5
"""Pixels by which the size of an overview may be off from the one that its factor says."""

_COLORS: dict[str, Color] = {name: name for name in ("gray", "red", "green", "blue", "alpha")}
_MOSAIC = "VRT"
"""The driver of rasters that are made of other files."""

_NETWORK = {"DAAS", "EEDA", "EEDAI", "GTI", "HTTP", "NGW", "OGCAPI", "PLMOSAIC", "PLSCENES", "STACIT", "STACTA", "WCS", "WMS", "WMTS"}
"""Drivers that take a file as a description of what to fetch."""


class GdalReader:
    """A raster that rasterio reads.

    Args:
        path: The file.
        colored: Whether indices of a palette are read as their colors.

    Raises:
        MissingDependencyError: rasterio is not installed.
        InputError: The file is none that it reads, or has samples or blocks that are not supported.
    """

    pixel_size: PixelSize | None = None

    def __init__(self, path: Path, *, colored: bool = True) -> None:
        self._path, self._rasterio, self._colored = path, geo_package("rasterio", f"reading {path}"), colored
        self.name = path.name
        self._handles = Handles(self._opened)
        self._without_overviews = Handles(lambda: self._opened(OVERVIEW_LEVEL="NONE"))
        self._broken = False
        try:
            check_parts(path)
            with self._borrowed(self._handles) as dataset:
                self._read_header(dataset)
        except BaseException as error:
            self.close()
            if isinstance(error, _OURS) or not isinstance(error, Exception):
                raise
            why = f"{path} is not a raster that rasterio reads, or is damaged: {_one_line(error).rstrip('.')}"
            raise InputError(f"{why}. Get it again, or give a raster in a format of GDAL, such as GeoTIFF") from error

    def _read_header(self, dataset: Any) -> None:
        self._check(dataset)
        self._parts = dataset.driver == _MOSAIC
        self.size: Size = (dataset.height, dataset.width)
        self._rows = int(dataset.block_shapes[0][0])
        types = [np.dtype(kind) for kind in dataset.dtypes]
        self.dtype: np.dtype[Any] = types[0]
        self.bits = _bits(dataset, self.dtype)
        self.orientation = stated_orientation(self._path, dataset.tags().get("EXIF_Orientation"))
        self.georeference = _georeference(dataset, self._path, self._has_map)
        self._palette = _palette(dataset) if self._colored else None
        if self._palette is None:
            colors = [_COLORS.get(color.name) for color in dataset.colorinterp]
            own = [None if kind == self.dtype else kind for kind in types]
            named = zip(dataset.descriptions, colors, own, strict=True)
            self.bands = tuple(Band(name or "", color, dtype=kind) for name, color, kind in named)
            if dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES":  # Of further bands, TIFF does not say what low values are.
                self.bands = (self.bands[0]._replace(white_is_low=True), *self.bands[1:])
        else:
            self.bands = Band("", "red"), Band("", "green"), Band("", "blue")
            self.dtype, self.bits = self._palette.dtype, 8
        all_valid = self._rasterio.enums.MaskFlags.all_valid
        opaque = self._palette is None or bool(self._palette[:, 3].all())
        has_floats = any(kind.kind == "f" for kind in types)
        self.complete = opaque and not has_floats and all(all_valid in flags for flags in dataset.mask_flag_enums)
        self.overviews = self._overviews(dataset)
        if dataset.driver == "GTiff" and dataset.subdatasets:
            raise several_pages(self._path, len(dataset.subdatasets))

    def _overviews(self, dataset: Any) -> tuple[Size, ...]:
        """Return the sizes of the overviews, none where they are damaged."""
        try:
            factors = dataset.overviews(1)
            dataset.colorinterp  # noqa: B018 - What is wrong with an overview is raised by the next call.
            damage = self._damage_beside(dataset, factors)
        except Exception as error:  # rasterio's errors have no common base.
            if self._parts and _is_absent(error):
                raise self._incomplete(error) from error
            damage = _one_line(error)
        if damage is not None:
            self._without_broken_overviews(damage)
            return ()
        return tuple((-(-dataset.height // factor), -(-dataset.width // factor)) for factor in factors)

    def _damage_beside(self, dataset: Any, factors: Sequence[int]) -> str | None:
        """Return what is wrong with a file of overviews beside the raster, or None. GDAL passes over any, and takes one of any size."""
        beside = self._path.with_name(f"{self._path.name}.ovr")
        if not factors:
            return damage_of(beside, self._try)
        if str(beside) not in dataset.files:
            return None
        older = beside.stat().st_mtime_ns < self._path.stat().st_mtime_ns
        for level, factor in enumerate(factors):
            with contextlib.closing(self._opened(OVERVIEW_LEVEL=str(level))) as overview:
                height, width = overview.shape
                if any(abs(side - of / factor) > _ROUNDED for side, of in zip(overview.shape, self.size, strict=True)):
                    of = f"{self.size[1]} x {self.size[0]}"
                    return f"{beside.name} holds one of {width} x {height} pixels, which is not a reduced size of {of}"
                if older and level == 0 and shows_another(dataset, overview, factor):
                    return f"{beside.name} is older than the raster, and shows something else"
        return None

    def _try(self, path: Path) -> None:
        """Open another file and close it."""
        self._opened(path).close()

    def _check(self, dataset: Any) -> None:
        if not dataset.count:
            inside = "; ".join(str(each) for each in dataset.subdatasets[:8])
            raise InputError(
                f"{self._path} has no bands of its own{f', and holds {inside}: save one of them as GeoTIFF' if inside else ''}"
            )
        if dataset.count > MOST_BANDS:
            raise InputError(f"{self._path} has {dataset.count} bands, more than {MOST_BANDS}")
        kinds = sorted(set(dataset.dtypes))
        if any(kind.startswith("complex") for kind in kinds):
            raise InputError(f"{self._path} has complex numbers ({kinds[0]}), which are not an image: save their magnitude")
        try:
            sizes = [np.dtype(kind).itemsize for kind in dataset.dtypes]
        except TypeError as error:
            raise InputError(f"{self._path} has samples of type {kinds[0]}, which are no numbers of an image") from error
        block = sum(height * width * size for (height, width), size in zip(dataset.block_shapes, sizes, strict=True))
        if block > LARGEST_PIECE:
            height, width = dataset.block_shapes[0]
            raise InputError(
                f"{self._path} is stored in pieces of {height} x {width} pixels, {block >> 20} MB each, which must be read as a whole: "
                "store it in tiles first, such as by gdal_translate -of COG"
            )

    def read(self, window: Window, size: Size, bands: tuple[int, ...]) -> Samples:
        """Return the samples of a window that lies in the raster, see `Reader.read`."""
        try:
            return self._read(self._without_overviews if self._broken else self._handles, window, size, bands)
        except _OURS:
            raise
        except ClosedError as error:
            raise InputError(f"{self._path} is closed, and cannot be read any more") from error
        except Exception as error:  # rasterio's errors have no common base.
            if self._broken or size == window.size or not self.overviews:
                raise self._damaged(window, error) from error
            try:
                result = self._read(self._without_overviews, window, size, bands)
            except Exception:
                raise self._damaged(window, error) from error
            self._without_broken_overviews(_one_line(error))
            return result

    def _without_broken_overviews(self, why: str) -> None:
        self._broken = True
        message = f"the overviews of {self._path} cannot be read, and reduced windows are made of all pixels, which takes longer"
        warnings.warn(f"{message} ({why}): make them again, such as by gdaladdo", InputWarning, stacklevel=4)

    def _incomplete(self, error: Exception) -> InputError:
        return InputError(f"{self._path} is made of other files, and one cannot be opened: {_one_line(error)}")

    def _damaged(self, window: Window, error: Exception) -> InputError:
        if self._parts and _is_absent(error):
            return self._incomplete(error)
        return InputError(
            f"{self._path} cannot be read at x {window.x} to {window.right}, y {window.y} to {window.bottom}: it is truncated or damaged "
            f"({_one_line(error)}). Get the file again"
        )

    def _read(self, handles: Handles[Any], window: Window, size: Size, bands: tuple[int, ...]) -> Samples:
        area = ((window.y, window.bottom), (window.x, window.right))
        methods = self._rasterio.enums.Resampling
        with self._borrowed(handles) as dataset:
            indexes = [1] if self._palette is not None else [band + 1 for band in bands]
            method = methods.nearest if self._palette is not None or size == window.size else methods.average
            values = _values(dataset, indexes, area, size, method)
            if self.complete:
                valid = np.ones(size, bool)
            else:
                masks = dataset.read_masks(indexes, window=area, out_shape=(len(indexes), *size), resampling=method)
                valid = masks.astype(bool).any(axis=0)
        if self._palette is not None:
            colors = self._palette[np.clip(values[0], 0, len(self._palette) - 1)]
            return Samples(colors[..., list(bands)], valid & (colors[..., 3] > 0))
        if values.dtype.kind == "f":
            known = np.isfinite(values)
            if size != window.size and window.height * window.width <= MAX_PIXELS and not known[:, valid].all():
                # GDAL's average with a pixel that is not a number is none. So few of them would take most of what is far reduced.
                return averaged(lambda part: self._read(handles, part, part.size, bands), window, size, self._rows)
            valid &= known.any(axis=0)
        return Samples(_interleaved(values), valid)

    def _opened(self, path: Path | None = None, **options: str) -> Any:
        # What is warned of is one setting for all threads: two that change it at once would undo each other.
        with _opening, self._rasterio.Env(**_settings()) as env, warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            drivers = sorted(set(env.drivers()) - _NETWORK)
            dataset = self._rasterio.io.DatasetReader(str(path or self._path), driver=drivers, sharing=False, **options)
        without_map = [each for each in told if issubclass(each.category, self._rasterio.errors.NotGeoreferencedWarning)]
        if path is None:
            self._has_map = not without_map
        for each in told:
            if each not in without_map:
                warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        return dataset

    @contextlib.contextmanager
    def _borrowed(self, handles: Handles[Any]) -> Iterator[Any]:
        with self._rasterio.Env(**_settings()), handles.borrowed() as dataset:
            yield dataset

    def close(self) -> None:
        """Close all handles of the file."""
        self._handles.close()
        self._without_overviews.close()


def _values(dataset: Any, indexes: list[int], area: Any, size: Size, method: Any) -> NDArray[Any]:
    """Return samples (bands, H, W) of a window. rasterio reads bands of one type together."""
    if len({dataset.dtypes[index - 1] for index in indexes}) == 1:
        return np.asarray(dataset.read(indexes, window=area, out_shape=(len(indexes), *size), resampling=method))
    return np.stack([dataset.read(index, window=area, out_shape=size, resampling=method) for index in indexes])


def _interleaved(values: NDArray[Any]) -> NDArray[Any]:
    """Return samples (bands, H, W) as (H, W, bands)."""
    if values.dtype in _OF_OPENCV:  # It takes a hundredth of the time.
        return np.asarray(cv2.merge(list(values))).reshape(*values.shape[1:], len(values))
    return np.ascontiguousarray(values.transpose(1, 2, 0))


def _settings() -> dict[str, Any]:
    """Return GDAL's settings while it reads here. It fetches nothing."""
    nowhere = {"GDAL_HTTP_PROXY": _NO_PROXY, "GDAL_HTTPS_PROXY": _NO_PROXY, "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{noext}-of-nothing"}
    return {"GDAL_CACHEMAX": _CACHE, "GDAL_NUM_THREADS": "1", **nowhere}


def _bits(dataset: Any, dtype: np.dtype[Any]) -> int:
    stated = dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", "")
    return int(stated) if stated.isdecimal() and 0 < int(stated) < 64 else dtype.itemsize * 8


def _palette(dataset: Any) -> NDArray[np.uint8] | None:
    """Return the colors of a raster whose only band, beside alpha, is of indices: (N, 4) RGBA."""
    colors = [color.name for color in dataset.colorinterp]
    if colors[0] != "palette" or np.dtype(dataset.dtypes[0]).kind != "u" or set(colors[1:]) - {"alpha"}:
        return None
    table = dataset.colormap(1)
    return np.array([table.get(index, (0, 0, 0, 0)) for index in range(max(table) + 1)], np.uint8)


def _georeference(dataset: Any, path: Path, has_map: bool) -> Georeference | None:
    transform = dataset.transform
    if not has_map or tuple(transform[:6]) == _NO_MAP:
        if dataset.gcps[0] or dataset.rpcs is not None:
            warnings.warn(
                f"{path} is placed in the world by control points or by a camera model, and not by a map from pixels: all results are in "
                "pixels. Warp it first, such as by gdalwarp, for world coordinates",
                InputWarning,
                stacklevel=6,
            )
        return None
    a, b, c, d, e, f = (float(value) for value in transform[:6])
    crs = dataset.crs
    epsg, wkt = (_epsg(crs), crs.to_wkt()) if crs else (None, None)
    return checked(Georeference((a, b, c, d, e, f), epsg, wkt), path)


def _epsg(crs: Any) -> int | None:
    """Return the EPSG code of a coordinate system, or None where it is not exactly that of a code."""
    code = crs.to_epsg()
    return int(code) if code and type(crs).from_epsg(code) == crs else None


def _is_absent(error: Exception) -> bool:
    """Return whether an error of rasterio is that of a file which GDAL cannot open."""
    return type(error.__cause__ or error).__name__ == "CPLE_OpenFailedError"


def _one_line(error: Exception) -> str:
    return " ".join(str(error.__cause__ or error).split())[:300]
