"""Examples in a raster, shown to a model in tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..masks import Size
from ..prompts import Concept, Example, Prompt
from .grid import Tile, TileGrid
from .moving import extent, holds, into
from .placing import places
from .searching import tile_of, window_around

Read = Callable[[Tile], NDArray[np.uint8]]
"""Function that returns the pixels of a tile as the model sees it."""


def with_tiles(prompt: Prompt, size: Size, grids: Sequence[TileGrid], read: Read) -> Prompt:
    """Return a prompt whose examples in the raster have a tile as their image, of the first of grids that holds them.

    Args:
        prompt: A prompt of any kind. Others than concepts stay as they are.
        size: ``(height, width)`` of the raster.
        grids: The grids of tiles, the finest first.
        read: Function that reads a tile.

    Raises:
        PromptError: An example lies outside of the raster.
        InputError: The raster cannot be read there.
    """

    def shown(example: Example) -> Example:
        place = example.prompt.in_raster(size)
        _, tile = next(places(extent(place), grids))
        return Example(read(tile), into(place, tile), example.positive)

    return _with_examples(prompt, shown)


def for_tile(prompt: Prompt, tile: Tile, size: Size, side: int, read: Read) -> Prompt:
    """Return a prompt for a tile. Its examples in the raster that do not lie in the tile have a tile around them as their image.

    Args:
        prompt: A prompt of any kind. Others than concepts stay as they are.
        tile: The tile that is asked.
        size: ``(height, width)`` of the raster.
        side: Width and height of the other tiles as the model sees them.
        read: Function that reads a tile.

    Raises:
        PromptError: An example lies outside of the raster.
        InputError: The raster cannot be read there.
    """

    def shown(example: Example) -> Example:
        place = example.prompt.in_raster(size)
        box = extent(place)
        if holds(tile.window, box, 0, size):
            return replace(example, prompt=into(place, tile))
        beside = tile_of(window_around(box, tile.window, size), side)
        return Example(read(beside), into(place, beside), example.positive)

    return _with_examples(prompt, shown)


def _with_examples(prompt: Prompt, shown: Callable[[Example], Example]) -> Prompt:
    """Return a prompt with other examples in place of those in the raster, which have no image of their own."""
    if not isinstance(prompt, Concept):
        return prompt
    return replace(prompt, examples=tuple(each if each.digest is not None else shown(each) for each in prompt.examples))
