"""Prompts for places in a raster, and the tile that each goes to first.

Where the border of that tile cuts the object, `promptseg.annotation.following` asks others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..._counting import number_of
from ...errors import InputError, PromptError, shown
from ...masks import Size
from ...prompts import Concept, Example, Prompt, SpatialPrompt
from ...rasters.raster import Raster
from ...tiling.grid import Tile, TileGrid
from ...tiling.moving import extent, into
from ...tiling.placing import places
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


@dataclass(frozen=True)
class PlacedObjects:
    """The prompts for places in a raster, by the tiles that they go to first.

    Attributes:
        asked: The prompts by tile, each with its scale, in pixels of the raster.
        dropped: Why others cannot be used.
    """

    asked: Mapping[tuple[float, Tile], tuple[AskedObject, ...]]
    dropped: tuple[str, ...]


def placed(objects: Sequence[AskedObject], grids: Sequence[TileGrid], raster: str) -> PlacedObjects:
    """Return the prompts for places in a raster by their tiles.

    Args:
        objects: The objects that are asked for, in pixels of the raster.
        grids: The grids of tiles, the finest first.
        raster: Name of the raster, for messages.

    Raises:
        InputError: None can be used.
    """
    asked: dict[tuple[float, Tile], list[AskedObject]] = defaultdict(list)
    dropped = []
    for each in objects:
        try:
            prompt = checked_place(each.prompt, grids[0].size)
            grid, tile = next(places(extent(prompt), grids))
        except PromptError as error:
            dropped.append(f"{each.place}: {error}")
            continue
        asked[grid.scale, tile].append(replace(each, prompt=prompt))
    if not asked:
        why = f": {dropped[0]}" if dropped else ""
        raise InputError(f"of {number_of(len(objects), 'prompt')} none lies in {raster}{why}")
    return PlacedObjects({tile: tuple(own) for tile, own in asked.items()}, tuple(dropped))


def checked_place(prompt: Prompt, size: Size) -> SpatialPrompt:
    """Return a prompt for a place in a raster of a size ``(height, width)``, clipped to it.

    Raises:
        PromptError: The prompt is no place, or lies outside of the raster.
    """
    if not isinstance(prompt, SpatialPrompt):
        raise PromptError(f"{shown(prompt)} is no place in the raster")
    return prompt.in_raster(size)


def bound_examples(concept: Concept, raster: Raster, grids: Sequence[TileGrid]) -> Concept:
    """Return a concept whose examples in the raster have a tile that holds them as their image.

    Args:
        concept: The concept.
        raster: The raster.
        grids: Its grids of tiles, the finest first.

    Raises:
        InputError: The raster cannot be read there.
        PromptError: An example lies outside the raster.
    """
    return replace(concept, examples=tuple(_bound(each, raster, grids) for each in concept.examples))


def _bound(example: Example, raster: Raster, grids: Sequence[TileGrid]) -> Example:
    if example.digest is not None:
        return example
    prompt = checked_place(example.prompt, raster.size)
    _, tile = next(places(extent(prompt), grids))
    return Example(raster.read(tile.window, tile.input_size), into(prompt, tile), example.positive)
