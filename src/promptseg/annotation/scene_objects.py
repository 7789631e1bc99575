"""The objects of a raster: what its tiles show, joined across their borders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..masks import Masks
from ..rasters.window import Window
from ..tiling.joining import Joined, joined
from ..tiling.pieces import Piece, pieces_of
from .journal import Journal
from .records import mask_of
from .sources.scene import SceneTiles
from .tiles import moved_tiles


def scene_objects(journal: Journal, source: SceneTiles) -> Joined:
    """Return the objects of a raster from the records of its tiles.

    The order of the tiles does not matter.

    Args:
        journal: The journal of the run.
        source: The tiles.
    """
    return joined(_pieces(journal, source), source.raster.size)


def undone_windows(journal: Journal, source: SceneTiles) -> list[Window]:
    """Return the cores of the tiles that are not done: they failed, or are beyond the limit of the run."""
    return [image.tile.place.core for image in source if image.tile is not None and not journal.has_done(image.name)]


def _pieces(journal: Journal, source: SceneTiles) -> Iterator[Piece]:
    """Yield what each finished tile shows."""
    for image in source:
        if image.tile is None or not journal.has_done(image.name):
            continue
        record = journal.record(image.name)
        moved = moved_tiles(record, image.tile)
        for entry in record["masks"]:
            tile, size, own = image.tile, tuple(record["size"]), entry
            if "moved" in entry:  # Another tile gave the answer.
                tile = moved[entry["moved"]["tile"]]
                size, own = tile.place.input_size, {**entry, "counts": entry["moved"]["counts"]}
            grid = replace(source.grids[0], scale=tile.scale)
            yield from pieces_of(Masks([mask_of(own, size)], size), tile.place, grid)
