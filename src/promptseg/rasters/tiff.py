"""`TiffReader`: TIFF files of microscopes and scanners, read by tifffile: OME-TIFF, SVS and others, with their pyramids."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, MissingDependencyError, PromptSegError
from ..masks import Size
from .georeference import stated_georeference
from .handles import ClosedError, Handles
from .jpeg2000 import APERIO_YCBCR, in_rgb
from .packages import geo_package
from .pixel_sizes import stated_in_tiff
from .pyramid import read_pyramid
from .reader import LARGEST_PIECE, Band, Color, Samples, several_pages
from .upright import as_orientation
from .window import Window

_KINDS = ("is_ome", "is_svs", "is_ndpi", "is_scn", "is_bif", "is_qpi", "is_philips", "is_vsi", "is_indica", "is_avs")
"""What tifffile calls files of microscopes and scanners, of which GDAL sees no more than the first page."""

_GEOREFERENCE = (33550, 33922, 34264, 34735)
_NODATA = 42113
_ORIENTATION = 274
_WHITE_IS_ZERO = 0


def _tifffile(path: Path) -> Any:
    tifffile = geo_package("tifffile", f"reading {path}")
    logging.getLogger("tifffile").addHandler(logging.NullHandler())  # What is wrong with a file is told by our errors.
    return tifffile


def is_of_a_scanner(path: Path) -> bool:
    """Return whether tifffile knows a TIFF file as one of a microscope or scanner.

    Raises:
        InputError: It begins with a reduced copy of a later page, which GDAL would take for the image.
    """
    try:
        with _tifffile_errors(path), _tifffile(path).TiffFile(path) as file:
            known = _is_of_a_scanner(file)
            reduced = not known and file.pages.first.is_reduced and len(file.pages) > 1
    except InputError:
        return False
    if reduced:
        raise InputError(
            f"{path} begins with a reduced copy of its image: save the image as a file of its own, such as by "
            f"gdal_translate GTIFF_DIR:2:{path} image.tif"
        )
    return known


def _is_of_a_scanner(file: Any) -> bool:
    return any(getattr(file, kind, False) for kind in _KINDS)


class TiffReader:
    """A TIFF file that tifffile reads: its first series of pages, in all of its sizes.

    Args:
        path: The file.

    Raises:
        MissingDependencyError: tifffile is not installed, or imagecodecs, for a compression that needs it.
        InputError: The file is damaged, has several planes beside channels, or samples or pieces that are not supported.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._tifffile = path, _tifffile(path)
        self.name = path.name
        self._handles: Handles[Any] = Handles(self._opened)
        try:
            with _tifffile_errors(path), self._handles.borrowed() as file:
                self._read_header(file)
            self.read(Window(0, 0, 1, 1), (1, 1), (0,))  # A compression that cannot be decoded is told at once.
        except BaseException:
            self.close()
            raise

    def _opened(self) -> Any:
        return self._tifffile.TiffFile(self._path)

    def _read_header(self, file: Any) -> None:
        if len(file.series) > 1 and not _is_of_a_scanner(file):  # Beside the image, scanners store its label and a small copy.
            raise several_pages(self._path, len(file.series))
        series = file.series[0]
        counts = dict(zip(series.axes, series.shape, strict=True))
        planes = {axis: count for axis, count in counts.items() if axis not in "YXSC" and count > 1}
        if planes or not {"Y", "X"} <= set(counts) or series.is_truncated:
            raise InputError(
                f"{self._path} is not one plane: its axes are {series.axes}, of sizes {series.shape}. Save one plane as a file"
            )
        self.size: Size = (counts["Y"], counts["X"])
        self.dtype: np.dtype[Any] = np.dtype(series.dtype)
        if self.dtype.kind not in "buif":
            raise InputError(f"{self._path} has samples of {self.dtype}, which are not an image: save their magnitude")
        self.bits = 1 if self.dtype.kind == "b" else int(series.keyframe.bitspersample)
        self._samples = counts.get("S", 1)
        self.bands = _bands(series, counts.get("C", 1), self._samples)
        self.orientation = as_orientation(getattr(series.keyframe.tags.get(_ORIENTATION), "value", 1))
        self._check(series)
        self.overviews: tuple[Size, ...] = tuple(_size(level) for level in series.levels[1:])
        self._rows = [1 if _is_plain(level.keyframe) else _segment_size(level.keyframe)[0] for level in series.levels]
        self._nodata = _nodata(series.keyframe, self.dtype)
        tags = {code: tag.value for code in _GEOREFERENCE if (tag := series.keyframe.tags.get(code)) is not None}
        self.georeference = stated_georeference(self._path, tags)
        self._alpha = next((at for at, band in enumerate(self.bands) if band.color == "alpha"), None)
        self.complete = self._alpha is None and self._nodata is None and self.dtype.kind != "f"
        self.pixel_size = stated_in_tiff(file) if _is_of_a_scanner(file) else None

    def _check(self, series: Any) -> None:
        """Raise `InputError` where a size has no pixels, a piece is more than memory may hold, or a level is not a copy of the first."""
        for level in series.levels:
            frame = level.keyframe
            if not all(level.shape):
                raise InputError(f"{self._path} is damaged: one of its sizes has the axes {level.axes} {level.shape}. Get the file again")
            if frame.shaped[1] != 1 or len(level) != len(series) or level.axes != series.axes:
                raise InputError(
                    f"{self._path} is not an image of one plane in several sizes: one of them has the axes {level.axes} {level.shape}"
                )
            if _bytes_of_segment(frame) > LARGEST_PIECE and not _is_plain(frame):
                raise InputError(
                    f"{self._path} is stored in pieces of {_bytes_of_segment(frame) >> 20} MB, which must be read as a whole: store it in "
                    "tiles first, such as by gdal_translate -of COG"
                )

    def read(self, window: Window, size: Size, bands: tuple[int, ...]) -> Samples:
        """Return the samples of a window that lies in the raster, see `Reader.read`."""
        sizes = (self.size, *self.overviews)
        return read_pyramid(sizes, self._rows, lambda level, part: self._part(level, part, bands), window, size)

    def _part(self, level: int, window: Window, bands: tuple[int, ...]) -> Samples:
        wanted = bands if self._alpha is None else (*bands, self._alpha)
        with _tifffile_errors(self._path, window), self._handles.borrowed() as file:
            pages = file.series[0].levels[level]
            read = np.zeros((*window.size, len(wanted)), self.dtype)
            for number in {band // self._samples for band in wanted}:
                there = [at for at, band in enumerate(wanted) if band // self._samples == number]
                samples = [wanted[at] % self._samples for at in there]
                read[..., there] = _read_page(pages[number], pages.keyframe, samples, window)
        values = read[..., : len(bands)]
        valid = np.ones(window.size, bool) if self._alpha is None else read[..., -1] > 0
        if self.dtype.kind == "f":
            valid &= np.isfinite(values).any(axis=2)
        if self._nodata is not None:
            valid &= (values != self._nodata).any(axis=2)
        return Samples(values, valid)

    def close(self) -> None:
        """Close all handles of the file."""
        self._handles.close()


@contextlib.contextmanager
def _tifffile_errors(path: Path, window: Window | None = None) -> Iterator[None]:
    """Turn what tifffile raises, whose errors have no common base, into an `InputError`."""
    try:
        yield
    except (PromptSegError, MemoryError):
        raise
    except ClosedError as error:
        raise InputError(f"{path} is closed, and cannot be read any more") from error
    except Exception as error:
        text = " ".join(str(error).split())[:300] or type(error).__name__
        if "imagecodecs" in text:
            raise MissingDependencyError(f"reading {path} needs package imagecodecs ({text}): pip install imagecodecs") from error
        where = "is not a TIFF file that tifffile reads, or is" if window is None else f"cannot be read at {window.box}: it is truncated or"
        raise InputError(f"{path} {where} damaged ({text}). Get the file again") from error


def _read_page(page: Any, frame: Any, samples: Sequence[int], window: Window) -> NDArray[Any]:
    """Return some samples of the pixels of a window of a page, (height, width, samples).

    Args:
        page: The page, or None where a series lacks it.
        frame: The page that tells how the pages of its series are stored.
        samples: Indices of the samples within a pixel.
        window: The window.
    """
    result = np.zeros((*window.size, len(samples)), frame.dtype)
    if page is None:
        return result
    separate, _, height, width, _ = frame.shaped
    rows, columns = _segment_size(frame)
    across, down = -(-width // columns), -(-height // rows)
    touched = range(window.y // rows, -(-window.bottom // rows)), range(window.x // columns, -(-window.right // columns))
    for row, column in itertools.product(*touched):
        segment = Window(row * rows, column * columns, min(rows, height - row * rows), min(columns, width - column * columns))
        shared = window.shared(segment)
        if shared is None:
            continue
        place = np.s_[shared.y - window.y : shared.bottom - window.y, shared.x - window.x : shared.right - window.x]
        inside = np.s_[shared.y - segment.y : shared.bottom - segment.y, shared.x - segment.x : shared.right - segment.x]
        if separate > 1:
            for at, sample in enumerate(samples):
                result[place][..., at] = _segment(page, frame, (sample * down + row) * across + column, segment.size)[inside][..., 0]
        else:
            result[place] = _segment(page, frame, row * across + column, segment.size)[inside][..., list(samples)]
    return result


def _segment(page: Any, frame: Any, index: int, size: Size) -> NDArray[Any]:
    """Return the pixels of a tile or strip, (rows, columns, samples). One that is stored as it is, is mapped and not read."""
    offset, count, file = page.dataoffsets[index], page.databytecounts[index], page.parent.filehandle
    samples = frame.shaped[4]
    if not count:
        return np.broadcast_to(np.array(frame.nodata, frame.dtype), (*size, samples))
    if _is_plain(frame):
        stored = np.dtype(page.parent.byteorder + frame.dtype.char)
        shape = (size[0] if not frame.is_tiled else frame.tilelength, _segment_size(frame)[1], samples)
        return np.memmap(file.path, stored, "r", offset, shape)
    options = {"jpegtables": page.jpegtables, "jpegheader": frame.jpegheader} if frame.compression in _JPEG else {}
    decode = frame.decode
    file.seek(offset)  # Tags are read when they are asked for, and that moves the place in the file.
    content = file.read(count)
    pixels = np.asarray(decode(content, index, **options)[0][0])
    return in_rgb(pixels, content) if frame.compression == APERIO_YCBCR else pixels


def _is_plain(frame: Any) -> bool:
    """Return whether pixels are stored as they are."""
    stored = frame.compression == 1 and frame.predictor == 1 and frame.fillorder == 1
    return bool(stored and not frame.is_subsampled and frame.bitspersample == frame.dtype.itemsize * 8)


def _segment_size(frame: Any) -> Size:
    return (frame.tilelength, frame.tilewidth) if frame.is_tiled else (min(frame.rowsperstrip, frame.shaped[2]), frame.shaped[3])


def _bytes_of_segment(frame: Any) -> int:
    rows, columns = _segment_size(frame)
    return int(rows * columns * frame.shaped[4] * frame.dtype.itemsize)


def _size(level: Any) -> Size:
    counts = dict(zip(level.axes, level.shape, strict=True))
    return counts["Y"], counts["X"]


def _bands(series: Any, channels: int, samples: int) -> tuple[Band, ...]:
    if channels == 1 and samples in (3, 4) and series.keyframe.photometric in _IN_COLOR:
        colors: tuple[Color, ...] = ("red", "green", "blue", "alpha")
        return tuple(Band("", color) for color in colors[:samples])
    white_is_low = series.keyframe.photometric == _WHITE_IS_ZERO
    return (Band("", "gray", white_is_low),) if channels * samples == 1 else (Band("", None, white_is_low),) * (channels * samples)


def _nodata(frame: Any, dtype: np.dtype[Any]) -> Any:
    """Return the value that stands for no data, or None. NaN needs none: it is no data in any case."""
    tag = frame.tags.get(_NODATA)
    try:
        value = float(tag.value) if tag is not None else float("nan")
    except (TypeError, ValueError):
        return None
    return dtype.type(value) if np.isfinite(value) and dtype.type(value) == value else None


_JPEG = (6, 7, 33007, 34892)
_IN_COLOR = (2, 6)  # RGB and YCbCr, which is decoded to RGB.
