"""`TileGrid`: overlapping tiles that cover a raster at one scale."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from .._checks import positive, whole_number
from ..errors import ConfigError
from ..masks import Size
from ..rasters.window import Window


@dataclass(frozen=True)
class Tile:
    """A tile: what a model sees at once.

    Attributes:
        row: Row of the tile in its grid, from 0; -1 for a tile beside the grid (`TileGrid.around`).
        column: Column of the tile in its grid, from 0; -1 for a tile beside the grid.
        window: What the tile shows, in pixels of the raster.
        core: The part of the window that is nearer to the middle of this tile than to that of another. The cores of a grid cover the
            raster, each pixel once.
        input_size: ``(height, width)`` of the tile as the model sees it: the size of the window times the scale of the grid.
    """

    row: int
    column: int
    window: Window
    core: Window
    input_size: Size


MAX_SIDE = 13_377
"""Maximum height and width of what a tile shows, in pixels of the raster. Its square is `promptseg.images.MAX_PIXELS`."""


_LARGEST_TILE = 1 << 30
_LEAST_SCALE = 1e-6


@dataclass(frozen=True)
class TileGrid:
    """Overlapping tiles that cover a raster, all of one size. A raster that is smaller than a tile has one tile of its own size.

    Attributes:
        size: ``(height, width)`` of the raster.
        tile: Width and height of a tile as the model sees it, in pixels.
        overlap: Minimum overlap of neighboring tiles as the model sees them, in pixels. They overlap more where that spreads them evenly.
        scale: Pixels of a tile for each pixel of the raster: 1 for full resolution, 0.25 to see objects four times as large.

    Raises:
        ConfigError: A number is out of its range.
    """

    size: Size
    tile: int = 1024
    overlap: int = 128
    scale: float = 1.0

    def __post_init__(self) -> None:
        whole_number("tile", self.tile, 64, most=_LARGEST_TILE)
        whole_number("overlap", self.overlap, 0)
        if self.overlap > self.tile // 2:
            raise ConfigError(f"overlap is at most half of tile ({self.tile // 2}), got {self.overlap}")
        if positive("scale", self.scale) > 1:
            raise ConfigError(f"scale is at most 1, the full resolution, got {self.scale}")
        if self.scale < _LEAST_SCALE:
            raise ConfigError(f"scale is at least {_LEAST_SCALE:g}, got {self.scale}")
        shown = min(self.tile / self.scale, max(self.size))
        if shown > MAX_SIDE:
            raise ConfigError(
                f"a tile shows at most {MAX_SIDE} pixels of the raster along a side, got {shown:.0f}: {self.tile} at scale {self.scale:g}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns of tiles."""
        return len(self._rows), len(self._columns)

    def __len__(self) -> int:
        return len(self._rows) * len(self._columns)

    def __iter__(self) -> Iterator[Tile]:
        """Iterate over the tiles, row by row."""
        return (self.at(row, column) for row in range(len(self._rows)) for column in range(len(self._columns)))

    def at(self, row: int, column: int) -> Tile:
        """Return the tile of a row and a column."""
        (y0, y1, top, bottom), (x0, x1, left, right) = self._rows[row], self._columns[column]
        window = Window(y0, x0, y1 - y0, x1 - x0)
        return Tile(row, column, window, Window(top, left, bottom - top, right - left), self._input_size(window))

    def around(self, x: float, y: float) -> Tile:
        """Return a tile beside the grid, with a point of the raster near its middle as far as the raster's border allows.

        Points that are near each other have the same tile: it lies at multiples of an eighth of its side.
        """
        spans = []
        for at, length in ((y, self.size[0]), (x, self.size[1])):
            side = min(length, round(self.tile / self.scale))
            step = max(1, side // 8)
            spans.append((min(length - side, max(0, round((at - side / 2) / step) * step)), side))
        (top, height), (left, width) = spans
        window = Window(top, left, height, width)
        return Tile(-1, -1, window, window, self._input_size(window))

    def _input_size(self, window: Window) -> Size:
        height, width = (max(1, round(side * self.scale)) for side in window.size)
        return height, width

    def holding(self, x: float, y: float) -> Tile:
        """Return the tile in whose core a point of the raster lies; of a point outside of the raster, the nearest one."""
        return self.at(_place(self._rows, y), _place(self._columns, x))

    def touching(self, window: Window) -> Iterator[Tile]:
        """Iterate over the tiles whose windows reach into a window, row by row."""
        rows = [row for row, (y0, y1, _, _) in enumerate(self._rows) if y0 < window.bottom and y1 > window.y]
        columns = [column for column, (x0, x1, _, _) in enumerate(self._columns) if x0 < window.right and x1 > window.x]
        return (self.at(row, column) for row in rows for column in columns)

    @cached_property
    def _rows(self) -> tuple[_Span, ...]:
        return self._spans(self.size[0])

    @cached_property
    def _columns(self) -> tuple[_Span, ...]:
        return self._spans(self.size[1])

    def _spans(self, length: int) -> tuple[_Span, ...]:
        """Return, along one side of the raster, where each tile begins and ends, and where its core does."""
        tile = min(length, round(self.tile / self.scale))
        overlap = min(tile // 2, round(self.overlap / self.scale))
        count = 1 if tile == length else -(-(length - overlap) // (tile - overlap))
        starts = [round(at * (length - tile) / max(1, count - 1)) for at in range(count)]
        borders = [0, *((here + tile + following) // 2 for here, following in itertools.pairwise(starts)), length]
        return tuple((start, start + tile, borders[at], borders[at + 1]) for at, start in enumerate(starts))


_Span = tuple[int, int, int, int]


def _place(spans: Sequence[_Span], at: float) -> int:
    return max(0, bisect.bisect_right([core for _, _, core, _ in spans], at) - 1)
