"""Which tiles a spatial prompt goes to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..errors import PromptError
from ..masks import Mask
from ..prompts import SpatialPrompt
from ..scene_masks import SceneMask
from .grid import MAX_SIDE, Tile, TileGrid
from .moving import Box, extent, holds, into
from .pieces import BORDER, clear_part, is_cut
from .rescaling import rescaled

_ROOM = 1.5
"""A tile that is made for a prompt is larger than what the prompt shows by this factor."""

_MOVES = 3
"""How often a tile of one scale is moved to the middle of a mask that it cuts, at most. Each tile shows more of the object."""


def places(box: Box, grids: Sequence[TileGrid]) -> Iterator[tuple[TileGrid, Tile]]:
    """Yield the tiles that hold a box of the raster, one for each grid that has one, the finest first.

    It is the tile in whose core the middle of the box lies, or else one beside the grid with the box in its middle. A box that is too large
    for the tiles of all grids has a tile at a scale of its own.

    Args:
        box: The box.
        grids: At least one grid, the finest first.

    Raises:
        PromptError: The box is larger than any tile can be.
    """
    x, y = _middle(box)
    found = False
    for grid in grids:
        for tile in (grid.holding(x, y), grid.around(x, y)):
            if holds(tile.window, box, BORDER / grid.scale, grid.size):
                found = True
                yield grid, tile
                break
    if not found:
        coarsest, longest = grids[-1], max(box[2] - box[0], box[3] - box[1])
        if longest > MAX_SIDE:
            raise PromptError(f"a prompt shows at most {MAX_SIDE} pixels of a raster along each side, got one of {longest:.0f}")
        grid = replace(coarsest, scale=min(coarsest.scale, coarsest.tile / min(MAX_SIDE, _ROOM * longest)))
        yield grid, grid.around(x, y)


def with_coarser(grids: Sequence[TileGrid]) -> tuple[float, ...]:
    """Return the scales of grids and a coarser one, for objects that the border of their tile cuts; empty if no tile can show more.

    Args:
        grids: At least one grid, the finest first.
    """
    coarsest = grids[-1]
    least = math.ceil(1000 * coarsest.tile / min(MAX_SIDE, max(coarsest.size))) / 1000
    scale = max(coarsest.scale / 4, least)
    return (*(grid.scale for grid in grids), scale) if scale < coarsest.scale else ()


@dataclass(frozen=True)
class Answer:
    """What a tile shows of the object of a prompt.

    Attributes:
        grid: The grid of the tile, or one of its scale.
        tile: The tile.
        masks: The masks as the tile has them, none of them empty.
        placed: The same in pixels of the raster.
        cut: Whether the border of the tile cuts one of them.
    """

    grid: TileGrid
    tile: Tile
    masks: tuple[Mask, ...]
    placed: tuple[SceneMask, ...]
    cut: bool


class PlacedPrompt:
    """A spatial prompt on its way through tiles, from the finest scale to the coarsest, until no border cuts its mask.

    A tile that cuts the mask is moved to the middle of the mask, several times if need be, before the next scale is asked.

    Args:
        index: Index of the prompt.
        prompt: The prompt, in pixels of the raster.
        grids: The tiles, one grid for each scale, the finest first.

    Attributes:
        grid: The grid, or the scale, of the tile to ask.
        tile: The tile to ask, or the last one that was asked.
        answer: What the last tile showed that had any masks; None before there is one.

    Raises:
        PromptError: The prompt is an empty mask, has the logits of one, or is larger than any tile can be.
    """

    def __init__(self, index: int, prompt: SpatialPrompt, grids: Sequence[TileGrid]) -> None:
        self._index, self._prompt, self._grids = index, prompt, grids
        self._extent = extent(prompt)
        self._steps = self._tiles()
        self.grid, self.tile = next(self._steps)
        self.answer: Answer | None = None
        self._asks_on = False

    @property
    def prompt(self) -> SpatialPrompt:
        """The prompt in pixels of the tile."""
        return into(self._prompt, self.tile)

    def take(self, masks: Sequence[Mask]) -> None:
        """Take the masks of the tile, without its empty ones. Where it has none, those of an earlier tile stay."""
        placed = [rescaled(replace(mask, prompt_index=self._index), self.tile.window) for mask in masks]
        clear = clear_part(self.tile, self.grid.size)
        self._asks_on = any(is_cut(mask, clear) for mask in placed)
        if placed:
            self.answer = Answer(self.grid, self.tile, tuple(masks), tuple(placed), self._asks_on)

    @property
    def masks(self) -> tuple[SceneMask, ...]:
        """The masks of the answer, in pixels of the raster."""
        return () if self.answer is None else self.answer.placed

    @property
    def cut(self) -> bool:
        """Whether the border of its tile cuts a mask of the answer."""
        return self.answer is not None and self.answer.cut

    def goes_on(self) -> bool:
        """Return whether another tile is to be asked after the last one. It is `tile` then."""
        following = next(self._steps, None) if self._asks_on else None
        self.grid, self.tile = following or (self.grid, self.tile)
        return following is not None

    def _tiles(self) -> Iterator[tuple[TileGrid, Tile]]:
        for grid, tile in places(self._extent, self._grids):
            yield grid, tile
            seen = {tile.window}
            for _ in range(_MOVES):
                moved = grid.around(*_middle(_around(self._extent, *(mask.box for mask in self.masks))))
                if moved.window in seen or not holds(moved.window, self._extent, BORDER / grid.scale, grid.size):
                    break
                seen.add(moved.window)
                yield grid, moved


def _around(*boxes: Box) -> Box:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
