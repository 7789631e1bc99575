"""Tiles of a raster as images: reading of their pixels, and the state by which a later run notices that they changed."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..masks import Mask, Masks
from ..rasters.opening import check_unchanged, reopen_raster
from ..rasters.raster import Raster
from ..rasters.window import Window
from ..results import Result
from ..tiling.grid import Tile
from .content import FileState
from .sources import SourceImage, SourceTile

NO_DATA = "nodata"
"""Reason under which a record counts masks that lie where a raster has no data."""

MIN_DATA = 0.5
"""Share of a mask that must lie where the raster has data. A mask of less is the border of the data, and no object."""


class OpenRasters:
    """Rasters that are open in this process, each once. Several threads may use it.

    Args:
        opened: Rasters that are open already. They are closed with the others.
    """

    def __init__(self, *opened: Raster) -> None:
        self._lock = threading.Lock()
        self._rasters = {_key(raster.description): raster for raster in opened}

    def of(self, tile: SourceTile) -> Raster:
        """Return the raster of a tile, which is opened when it is first needed.

        Raises:
            InputError: The raster cannot be read, or changed since the run began.
        """
        key = _key(tile.raster)
        with self._lock:
            if key not in self._rasters:
                self._rasters[key] = reopen_raster(tile.raster)
            return self._rasters[key]

    def close(self) -> None:
        """Close all rasters."""
        with self._lock:
            while self._rasters:
                self._rasters.popitem()[1].close()

    def __enter__(self) -> OpenRasters:  # noqa: PYI034 - Python 3.10 has no Self.
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def read_tile(raster: Raster, tile: SourceTile) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None, FileState]:
    """Read the pixels of a tile.

    Returns:
        pixels: (height, width, 3) uint8 RGB, of the size that the model sees.
        valid: Which pixels have data, (height, width) bool; None where all have.
        state: Size and time of the raster, and the SHA-256 of what the tile shows.

    Raises:
        InputError: The raster cannot be read there, or was changed since the run began.
    """
    place = tile.place
    pixels = raster.read(place.window, place.input_size)
    valid = raster.valid(place.window, place.input_size)
    check_unchanged(tile.raster)  # An open file may go on to give what was there before, or give both.
    digest = hashlib.sha256(json.dumps([place.window.box, place.input_size]).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    digest.update(np.packbits(valid).data)
    return pixels, None if valid.all() else valid, FileState(*_stat(tile), digest.hexdigest())


def seen_together(states: Sequence[FileState]) -> FileState:
    """Return the state of what several tiles of one raster show, in their order. Of one tile, it is the state of the tile."""
    first, *others = states
    if not others:
        return first
    return replace(first, sha256=hashlib.sha256("".join(each.sha256 for each in states).encode()).hexdigest())


def is_tile_changed(rasters: OpenRasters, tile: SourceTile, record: Mapping[str, Any]) -> bool:
    """Return whether what a tile shows, or another one that was asked after it, differs from what its record is about.

    Of a raster of the same size and time nothing is read.

    Raises:
        InputError: The raster cannot be read there.
    """
    if _stat(tile) == (record.get("bytes"), record.get("mtime_ns")) or record.get("sha256") is None:
        return False
    raster, places = rasters.of(tile), [tile, *moved_tiles(record, tile)]
    whole = Window(0, 0, *raster.size)
    if any(each.place.window.shared(whole) != each.place.window for each in places):
        return True
    return bool(seen_together([read_tile(raster, each)[2] for each in places]).sha256 != record["sha256"])


def moved_to_dicts(tiles: Iterable[SourceTile]) -> list[dict[str, Any]]:
    """Return the tiles that were asked after an image as values of its record."""
    return [{"window": list(each.place.window.box), "size": list(each.place.input_size), "scale": each.scale} for each in tiles]


def moved_tiles(record: Mapping[str, Any], image: SourceTile) -> list[SourceTile]:
    """Return the tiles that were asked after an image, from its record.

    Args:
        record: The record, checked.
        image: The tile that is the image.
    """
    found = []
    for each in record.get("moved", ()):
        (x0, y0, x1, y1), (height, width) = each["window"], each["size"]
        window = Window(y0, x0, y1 - y0, x1 - x0)
        found.append(SourceTile(image.raster, Tile(-1, -1, window, window, (height, width)), each["scale"]))
    return found


class TilePixels:
    """The tiles of a source as images, by their names.

    Args:
        source: The tiles.
        rasters: Their rasters.
    """

    def __init__(self, source: Iterable[SourceImage], rasters: OpenRasters) -> None:
        self._source, self._rasters = source, rasters

    @cached_property
    def _tiles(self) -> dict[str, SourceTile]:
        return {image.name: image.tile for image in self._source if image.tile is not None}

    def __call__(self, name: str) -> NDArray[np.uint8]:
        """Return a tile as the model sees it, (height, width, 3) uint8 RGB.

        Raises:
            InputError: The raster cannot be read there, or has no tile of this name.
        """
        tile = self._tiles.get(name)
        if tile is None:
            raise InputError(f"the raster has no tile {name}")
        return read_tile(self._rasters.of(tile), tile)[0]


def with_data(result: Result, valid: NDArray[np.bool_] | None) -> Result:
    """Return a result whose masks cover pixels with data alone.

    Args:
        result: The result of a tile.
        valid: Which pixels have data, as `read_tile` returns it.
    """
    if valid is None:
        return result
    kept = []
    for mask in result.masks:
        pixels = mask.array
        inside = pixels & valid
        area = int(np.count_nonzero(inside))
        if area == mask.area:
            kept.append(mask)
        elif area and area >= MIN_DATA * mask.area:
            kept.append(replace(mask, counts=Mask.from_array(inside).counts, logits=None))
    dropped = len(result.masks) - len(kept)
    counts = {**result.dropped, **({NO_DATA: dropped} if dropped else {})}
    return replace(result, masks=Masks(kept, result.size), dropped=counts)


def _stat(tile: SourceTile) -> tuple[int, int]:
    """Return the size in bytes and the time of modification of a tile's raster, in nanoseconds."""
    return int(tile.raster["bytes"]), int(tile.raster["modified"])


def _key(description: Mapping[str, Any]) -> str:
    return json.dumps(description, sort_keys=True)
