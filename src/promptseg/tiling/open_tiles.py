"""`OpenTiles`: the tiles of a raster that a model has open, within bounds, and the time that was spent on them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from ..masks import Size
from ..rasters.raster import Raster
from ..rasters.window import Window
from ..runtime.forking import Lock, StaysInProcess
from ..runtime.single_flight import SingleFlight
from .asking import Ask, TiledModel, opened
from .grid import Tile

KEPT_BYTES = 512 << 20
"""Maximum number of bytes of the tiles that are kept open, with their embeddings. One stays open whatever it takes."""

_Place = tuple[Window, Size]
"""What a tile shows, and the size at which the model sees it. Tiles of two scales may show the same."""


class OpenTiles(StaysInProcess):
    """Tiles of a raster that a model has open. Threads may share it. The tiles that were used least recently are closed first.

    Args:
        model: A segmenter or built pipeline.
        raster: The raster.
    """

    def __init__(self, model: TiledModel, raster: Raster) -> None:
        self._model, self._raster = model, raster
        self._lock = Lock()
        self._opening: SingleFlight[_Place, tuple[Ask, int]] = SingleFlight()
        self._kept: OrderedDict[_Place, tuple[Ask, int]] = OrderedDict()
        self._seconds: dict[str, float] = {}

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds spent so far, by stage."""
        with self._lock:
            return dict(self._seconds)

    def open(self, tiles: Sequence[Tile], *, keep: bool = True) -> list[Ask]:
        """Return open tiles: those that are kept, and others that are opened now, together.

        Args:
            tiles: The tiles.
            keep: Whether to keep those that are opened now.
        """
        by_place = {_place(tile): tile for tile in tiles}
        with self._lock:
            found = {place: self._kept[place] for place in by_place if place in self._kept}
            for place in found:
                self._kept.move_to_end(place)
        missing = [place for place in by_place if place not in found]
        found |= self._opening.get(missing, lambda places: self._opened([by_place[place] for place in places]))
        if keep:
            with self._lock:
                self._kept |= {place: found[place] for place in missing}
                while len(self._kept) > 1 and sum(size for _, size in self._kept.values()) > KEPT_BYTES:
                    self._kept.popitem(last=False)
        return [found[_place(tile)][0] for tile in tiles]

    def read(self, tile: Tile) -> NDArray[np.uint8]:
        """Return the pixels of a tile as the model sees it, (H, W, 3) uint8 RGB."""
        with self.timed("read"):
            return self._raster.read(tile.window, tile.input_size)

    def valid(self, tile: Tile) -> NDArray[np.bool_]:
        """Return which pixels of a tile have data, (H, W)."""
        with self.timed("read"):
            return self._raster.valid(tile.window, tile.input_size)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[stage] = self._seconds.get(stage, 0.0) + time.perf_counter() - started

    def close(self) -> None:
        """Close the tiles that are kept."""
        with self._lock:
            self._kept.clear()

    def _opened(self, tiles: Sequence[Tile]) -> dict[_Place, tuple[Ask, int]]:
        images = [self.read(tile) for tile in tiles]
        with self.timed("encode"):
            found = opened(self._model, images)
        return {_place(tile): each for tile, each in zip(tiles, found, strict=True)}


def _place(tile: Tile) -> _Place:
    return tile.window, tile.input_size
