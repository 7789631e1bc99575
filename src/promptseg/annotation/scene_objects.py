"""The objects of a raster: what its tiles show, joined across their borders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..masks import Masks
from ..rasters.window import Window
from ..scene_masks import SceneMasks
from ..tiling.joining import joined
from ..tiling.pieces import Piece, pieces_of
from .journal import Journal
from .records import mask_of
from .sources.scene import SceneTiles
from .tiles import moved_tiles


def scene_objects(journal: Journal, source: SceneTiles) -> tuple[SceneMasks, int]:
    """Return the objects of a raster from the records of its tiles, and of how many prompts the tiles of all scales cut the object.

    The order of the tiles does not matter.

    Args:
        journal: The journal of the run.
        source: The tiles.
    """
    found: list[Piece] = []
    cut = 0
    for is_answer, piece in _pieces(journal, source):
        found.append(piece)
        cut += is_answer and piece.cut
    return joined(found, source.raster.size), cut


def undone_windows(journal: Journal, source: SceneTiles) -> list[Window]:
    """Return the cores of the tiles that are not done: they failed, or are beyond the limit of the run."""
    return [image.tile.place.core for image in source if image.tile is not None and not journal.has_done(image.name)]


def _pieces(journal: Journal, source: SceneTiles) -> Iterator[tuple[bool, Piece]]:
    """Yield what each finished tile shows, each with whether it is the answer to a prompt for its place."""
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
            for piece in pieces_of(Masks([mask_of(own, size)], size), tile.place, grid):
                yield "id" in entry, piece
