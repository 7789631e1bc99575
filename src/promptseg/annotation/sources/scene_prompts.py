"""Prompts for places in a raster, and the tile that each goes to first.

Where the border of that tile cuts the object, `promptseg.annotation.following` asks others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..._counting import number_of
from ...errors import InputError, PromptError
from ...prompts import SpatialPrompt
from ...rasters.raster import Raster
from ...tiling.grid import Tile, TileGrid
from ...tiling.moving import extent
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
        objects: The objects that are asked for, as `objects_of` returns them.
        grids: The grids of tiles, the finest first.
        raster: Name of the raster, for messages.

    Raises:
        InputError: None can be used.
    """
    asked: dict[tuple[float, Tile], list[AskedObject]] = defaultdict(list)
    dropped = []
    for each, given in ((each, each.prompt) for each in objects if isinstance(each.prompt, SpatialPrompt)):
        try:
            prompt = given.in_raster(grids[0].size)
            grid, tile = next(places(extent(prompt), grids))
        except PromptError as error:
            dropped.append(f"{each.place}: {error}")
            continue
        asked[grid.scale, tile].append(replace(each, prompt=prompt))
    if not asked:
        why = f": {dropped[0]}" if dropped else ""
        raise InputError(f"of {number_of(len(objects), 'prompt')} none lies in {raster}{why}")
    return PlacedObjects({tile: tuple(own) for tile, own in asked.items()}, tuple(dropped))
