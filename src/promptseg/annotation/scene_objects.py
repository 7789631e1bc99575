"""The objects of a raster: what its tiles show, joined across their borders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ..masks import Masks
from ..rasters.window import Window
from ..scene_masks import SceneMasks
from ..tiling.joining import joined
from ..tiling.pieces import Piece, pieces_of
from .journal import Journal
from .records import mask_of
from .sources.scene import SceneTiles


def scene_objects(journal: Journal, source: SceneTiles) -> tuple[SceneMasks, int]:
    """Return the objects of a raster from the records of its tiles, and of how many prompts the tiles of all scales cut the object.

    Of a prompt that several scales answered, the piece of the finest scale that no border of a tile cuts counts, or else that of the
    coarsest scale. The order of the tiles does not matter.

    Args:
        journal: The journal of the run.
        source: The tiles.
    """
    found: list[Piece] = []
    asked: dict[int, list[Piece]] = defaultdict(list)
    for number, piece in _pieces(journal, source):
        if number is None:
            found.append(piece)
        else:
            asked[number].append(piece)
    answers = [min(pieces, key=_preference) for _, pieces in sorted(asked.items())]
    return joined([*found, *answers], source.raster.size), sum(piece.cut for piece in answers)


def undone_windows(journal: Journal, source: SceneTiles) -> list[Window]:
    """Return the cores of the tiles that are not done: they failed, or are beyond the limit of the run."""
    return [image.tile.place.core for image in source if image.tile is not None and not journal.has_done(image.name)]


def _preference(piece: Piece) -> tuple[bool, float]:
    """Return the order of pieces of one prompt: uncut ones first, the finest before the others; of cut ones, the coarsest first."""
    return piece.cut, piece.scale if piece.cut else -piece.scale


def _pieces(journal: Journal, source: SceneTiles) -> Iterator[tuple[int | None, Piece]]:
    """Yield what each finished tile shows, each with the number of its prompt, or None where it was not asked for at its place."""
    grids = {grid.scale: grid for grid in source.grids}
    for image in source:
        if image.tile is None or not journal.has_done(image.name):
            continue
        record = journal.record(image.name)
        size = (record["size"][0], record["size"][1])
        for entry in record["masks"]:
            for piece in pieces_of(Masks([mask_of(entry, size)], size), image.tile.place, grids[image.tile.scale]):
                yield entry.get("id"), piece
