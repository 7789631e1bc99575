"""`ZarrReader`: OME-Zarr folders (0.4 and 0.5), read by zarr: multiscale images, of which channels are chosen."""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, PromptSegError, shown
from ..masks import Size
from .georeference import Georeference
from .packages import geo_package
from .pixel_sizes import PixelSize, stated_in_scale
from .pyramid import read_pyramid
from .reader import LARGEST_PIECE, MOST_BANDS, Band, Samples
from .window import Window

_MOST_LEVELS = 64
_MOST_METADATA = 64 << 20
_MOST_LOOKED_AT = 1000
"""Maximum number of folders in which an image is searched, and of entries of each that are looked at."""


class ZarrReader:
    """The first image of an OME-Zarr folder, in all of its sizes. Of a time series or a stack, it must be one plane.

    Args:
        path: The folder.

    Raises:
        MissingDependencyError: zarr is not installed.
        InputError: The folder is not an OME-Zarr or is damaged, has several planes beside channels, or chunks that are not supported.
    """

    georeference: Georeference | None = None
    orientation = 1

    def __init__(self, path: Path) -> None:
        self._path, self.name = path, path.name
        try:
            attributes = _attributes(path)  # A folder that is none needs no package to be told.
            zarr = geo_package("zarr", f"reading {path}")
            axes, names = _first_image(attributes, path)
            self.pixel_size = _pixel_size(attributes["multiscales"][0])
            self._levels = [_array(zarr, path, name) for name in names]
            self._read_header(axes, attributes)
        except PromptSegError:
            raise
        except Exception as error:  # zarr's errors have no common base, and metadata may be anything.
            raise self._damaged("is not an OME-Zarr that zarr reads, or is damaged", error) from error

    def _read_header(self, axes: Sequence[str], attributes: Mapping[str, Any]) -> None:
        shape = self._levels[0].shape
        if len(set(axes)) < len(axes) or len(axes) != len(shape):
            raise InputError(f"{self._path} has the axes {shown(axes)}, and arrays of {shape}: expected one name for each dimension")
        counts = dict(zip(axes, shape, strict=True))
        planes = {axis: count for axis, count in counts.items() if axis not in ("y", "x", "c") and count > 1}
        if planes or not {"y", "x"} <= set(counts) or not all(counts.values()):
            raise InputError(f"{self._path} is not one plane: its axes are {counts}. Save the plane that you mean as a folder of its own")
        self._axes = tuple(axes)
        channels = counts.get("c", 1)
        if channels > MOST_BANDS:
            raise InputError(f"{self._path} has {channels} channels, more than {MOST_BANDS}")
        for level in self._levels:
            there = dict(zip(axes, level.shape, strict=True))
            if level.dtype != self._levels[0].dtype or any(there[axis] != counts[axis] for axis in axes if axis not in ("y", "x")):
                raise InputError(f"{self._path} is not an image in several sizes: they have {level.shape} of {level.dtype} beside {counts}")
        sizes = [(level.shape[axes.index("y")], level.shape[axes.index("x")]) for level in self._levels]
        self.size: Size = sizes[0]
        if any(height > self.size[0] or width > self.size[1] for height, width in sizes):
            raise InputError(f"{self._path} lists its sizes as {sizes}, where the largest is expected first: list its arrays in that order")
        self.overviews: tuple[Size, ...] = tuple(sizes[1:])
        self._rows = [int(level.chunks[axes.index("y")]) for level in self._levels]
        self.dtype: np.dtype[Any] = np.dtype(self._levels[0].dtype)
        self.bits = 1 if self.dtype.kind == "b" else self.dtype.itemsize * 8
        self.complete = self.dtype.kind != "f"
        names = _channel_names(attributes, channels)
        self.bands = (Band(names[0], "gray"),) if channels == 1 else tuple(Band(name) for name in names)

    def read(self, window: Window, size: Size, bands: tuple[int, ...]) -> Samples:
        """Return the samples of a window that lies in the raster, see `Reader.read`."""
        sizes = (self.size, *self.overviews)
        return read_pyramid(sizes, self._rows, lambda level, part: self._part(level, part, bands), window, size)

    def _part(self, level: int, window: Window, bands: tuple[int, ...]) -> Samples:
        if not self._levels:
            raise InputError(f"{self._path} is closed, and cannot be read any more")
        places = {"y": slice(window.y, window.bottom), "x": slice(window.x, window.right)}
        try:
            planes: dict[int, NDArray[Any]] = {
                band: np.asarray(self._levels[level][tuple({**places, "c": band}.get(axis, 0) for axis in self._axes)])
                for band in set(bands)
            }
        except (MemoryError, PromptSegError):
            raise
        except Exception as error:  # A codec may raise anything.
            raise self._damaged(f"cannot be read at {window.box}: it is damaged", error) from error
        turned = self._axes.index("x") < self._axes.index("y")
        values = np.stack([planes[band].T if turned else planes[band] for band in bands], 2)
        valid = np.isfinite(values).any(axis=2) if self.dtype.kind == "f" else np.ones(window.size, bool)
        return Samples(values, valid)

    def close(self) -> None:
        """Forget the arrays. zarr keeps no file open."""
        self._levels = []

    def _damaged(self, what: str, error: Exception) -> InputError:
        return InputError(f"{self._path} {what} ({type(error).__name__}: {' '.join(str(error).split())[:300]})")


def _attributes(path: Path) -> Mapping[str, Any]:
    """Return what OME-Zarr says about a folder: ``zarr.json`` has it from 0.5 on, ``.zattrs`` before."""
    newer, older = path / "zarr.json", path / ".zattrs"
    if newer.is_file():
        found = _json(newer).get("attributes", {}).get("ome", {})
    elif older.is_file():
        found = _json(older)
    else:
        raise InputError(
            f"{path} is a folder, and not an OME-Zarr: it has no zarr.json or .zattrs. Give one raster, a file or an OME-Zarr folder: "
            "several are opened and annotated one at a time"
        )
    if _has_image(found):
        attributes: Mapping[str, Any] = found
        return attributes
    if (path / ".zarray").is_file() or (newer.is_file() and _json(newer).get("node_type") == "array"):
        raise InputError(f"{path} is an array of Zarr alone, and the image is the folder around it, whose description names its arrays")
    inner = _folder_with_image(path)
    such = f", such as {inner}" if inner is not None else ""
    raise InputError(f"{path} has no image of its own (no multiscales): give the folder in it that has one{such}")


def _has_image(attributes: object) -> bool:
    return isinstance(attributes, Mapping) and isinstance(attributes.get("multiscales"), list) and bool(attributes["multiscales"])


def _folder_with_image(path: Path) -> Path | None:
    """Return a folder within one of several images, such as a plate, that has an image; None where none is found soon."""
    waiting = [path]
    for folder in itertools.islice(waiting, _MOST_LOOKED_AT):  # It grows on the way.
        for file in (folder / "zarr.json", folder / ".zattrs"):
            if file.is_file() and file.stat().st_size <= _MOST_METADATA and b'"multiscales"' in file.read_bytes():
                return folder
        with os.scandir(folder) as entries:
            waiting += sorted(Path(entry.path) for entry in itertools.islice(entries, _MOST_LOOKED_AT) if entry.is_dir())
    return None


def _first_image(attributes: Mapping[str, Any], path: Path) -> tuple[list[str], list[str]]:
    """Return the names of the axes of the first image, and the paths of its arrays, the largest first."""
    image = attributes["multiscales"][0]
    axes = [axis["name"] if isinstance(axis, Mapping) else axis for axis in image.get("axes", ("t", "c", "z", "y", "x"))]
    names = [dataset["path"] for dataset in image["datasets"]][:_MOST_LEVELS]
    for name in names:
        if not isinstance(name, str) or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise InputError(f"{path} names {shown(name)} as one of its arrays, which does not lie in it")
    if not names:
        raise InputError(f"{path} has an image without arrays")
    return axes, names


def _pixel_size(image: Mapping[str, Any]) -> PixelSize | None:
    """Return the size of a pixel of the largest array of an image, or None where it is not stated in a unit of length."""
    found = [each["scale"] for each in image["datasets"][0].get("coordinateTransformations", ()) if each.get("type") == "scale"]
    return stated_in_scale(found[0], image.get("axes", ())) if found else None


def _array(zarr: Any, path: Path, name: str) -> Any:
    """Return an array of a folder, to be read by windows.

    Its description is looked at first. An array of Python objects, or a filter that makes such, could run code.
    """
    for file in (path / name / ".zarray", path / name / "zarr.json"):
        if file.is_file() and '"pickle"' in json.dumps(_json(file)):
            raise InputError(f"{file} has a filter for Python objects, which are no samples of an image and may run code")
    array = zarr.open_array(str(path / name), mode="r")
    if np.dtype(array.dtype).kind not in "buif":
        raise InputError(f"{path / name} has samples of {array.dtype}, which are not an image: save real numbers")
    if math.prod(array.chunks) * np.dtype(array.dtype).itemsize > LARGEST_PIECE:
        raise InputError(f"{path / name} is stored in chunks of {array.chunks}, which must be read as a whole: store it in smaller ones")
    return array


def _json(file: Path) -> Any:
    size = file.stat().st_size
    if size > _MOST_METADATA:
        raise InputError(f"{file} has {size} bytes, and a description of arrays has at most {_MOST_METADATA}")
    return json.loads(file.read_text("utf-8"))


def _channel_names(attributes: Mapping[str, Any], count: int) -> list[str]:
    """Return the labels of channels, which OME-Zarr keeps among the settings of a viewer; empty where it has none."""
    viewer = attributes.get("omero")
    channels = viewer.get("channels") if isinstance(viewer, Mapping) else None
    known = [each.get("label") if isinstance(each, Mapping) else None for each in channels] if isinstance(channels, list) else []
    return [name if isinstance(name, str) else "" for name in (*known[:count], *[None] * (count - len(known)))]
