"""Prompts for places in a raster: which tile each goes to, and where it is in it.

A prompt goes to one tile of each scale: the one in whose core its middle lies. When all tiles are done, the mask of the finest scale that
no border cuts is the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import PromptError, shown
from ...prompts import Concept, Example, Prompt, SpatialPrompt
from ...rasters.raster import Raster
from ...tiling.grid import Tile, TileGrid
from ...tiling.moving import extent, into
from .core import AskedObject


def objects_of(prompts: Sequence[SpatialPrompt], file: Path | None, raster: Raster) -> list[AskedObject]:
    """Return the objects that prompts for places in a raster ask for, numbered from 1.

    Args:
        prompts: Prompts in pixels of the raster.
        file: File of further prompts in coordinates of the raster, or None.
        raster: The raster.

    Raises:
        InputError: The file cannot be read, or is in other coordinates than the raster.
    """
    found = [AskedObject(prompt, place=f"prompt {number}") for number, prompt in enumerate(prompts)]
    if file is not None:
        from ...geo.reading import read_prompts

        found += [AskedObject(each.prompt, each.label, place=each.place) for each in read_prompts(file, raster)]
    return [replace(each, id=number) for number, each in enumerate(found, 1)]


def placed(
    objects: Iterable[AskedObject], grids: Sequence[TileGrid], name: Callable[[TileGrid, Tile], str]
) -> tuple[dict[str, tuple[AskedObject, ...]], tuple[str, ...]]:
    """Return the prompts of each tile, by its name, and why others cannot be used.

    Args:
        objects: The objects that are asked for, in pixels of the raster.
        grids: The grids of tiles.
        name: Function that returns the name of a tile.
    """
    asked: dict[str, list[AskedObject]] = defaultdict(list)
    dropped = []
    for each in objects:
        problem = None
        found = 0
        for grid in grids:
            try:
                tile, prompt = in_tile(each.prompt, grid)
            except PromptError as error:
                problem = error
                continue
            asked[name(grid, tile)].append(replace(each, prompt=prompt))
            found += 1
        if not found:
            dropped.append(f"{each.place}: {problem}")
    return {tile: tuple(own) for tile, own in asked.items()}, tuple(dropped)


def bound_examples(concept: Concept, raster: Raster, grid: TileGrid) -> Concept:
    """Return a concept whose examples in the raster have the tile that holds them as their image.

    Raises:
        InputError: The raster cannot be read there.
        PromptError: An example lies outside the raster.
    """
    examples = []
    for each in concept.examples:
        if each.digest is not None:
            examples.append(each)
            continue
        tile, prompt = in_tile(each.prompt, grid)
        examples.append(Example(raster.read(tile.window, tile.input_size), prompt, each.positive))
    return replace(concept, examples=tuple(examples))


def in_tile(prompt: Prompt, grid: TileGrid) -> tuple[Tile, SpatialPrompt]:
    """Return the tile in whose core the middle of a prompt lies, and the prompt in pixels of the tile as the model sees it.

    Raises:
        PromptError: The prompt is no place in the raster, lies outside of it, or has points that the tile does not show alone.
    """
    if not isinstance(prompt, SpatialPrompt):
        raise PromptError(f"{shown(prompt)} is no place in the raster")
    height, width = grid.size
    x0, y0, x1, y1 = extent(prompt)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    if not (0 <= x < width and 0 <= y < height):
        raise PromptError(f"{shown(prompt)} lies outside the raster, which is {width} wide and {height} high")
    tile = grid.holding(x, y)
    moved = into(prompt, tile)
    if not moved.kinds:
        raise PromptError(f"{shown(prompt)} reaches beyond a tile on all sides: give a smaller scale as well")
    return tile, moved
