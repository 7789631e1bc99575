"""From what tiles found to objects: pieces of one object are joined, and what is there twice stays once.

The rules, in their order. Only pieces of the same label have to do with each other.

1. Two pieces of different tiles agree by their IoU where both know the object (`agreement`). Above `AGREE` they may be one object.
2. Pieces are joined by agreement, the best first. An object has no two pieces of one tile that overlap or of which one is whole.
3. An object comes from the finest scale at which it is complete, or else from the coarsest. At one scale, it is the whole piece with the
   best score. Without a whole piece, it is put together: each pixel is taken from the tile in whose core it lies, or from any where that
   tile has no piece of the object. It is complete if each of its pixels is away from the border of a tile that shows it.
4. A cut piece that agrees with no other is dropped if it does not reach the core of its tile: another tile sees that place better.
5. Of objects that are nearly the same, the better one stays: a complete one before others, a finer scale, a better score. An object that is
   not complete is dropped, too, if most of it lies in a better one.

Nothing depends on the order of tiles or pieces: they are sorted first, and ties are broken by place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .._counting import number_of
from ..image_formats import MAX_PIXELS
from ..masks import Mask, Size
from ..rasters.window import Window, between
from ..scene_masks import SceneMask, SceneMasks
from .agreement import agreement
from .pieces import Piece
from .touching import touching_pairs

AGREE = 0.5
"""IoU above which two pieces may be one object. No two pieces of a tile that do not overlap can both agree so well with one of another."""

SAME = 0.7
"""IoU above which two objects are duplicates."""

INSIDE = 0.65
"""Share of an object that is not complete above which it counts as a part of a better one that it lies in."""


@dataclass(frozen=True)
class Joined:
    """The objects of a raster.

    Attributes:
        masks: Their masks, in the order of their places, row by row.
        cut: How many of them reach the border of a tile at every scale, so that a part may be missing.
    """

    masks: SceneMasks
    cut: int


def told_cut(count: int) -> str:
    """Return the sentence for people on objects that reach the border of a tile at every scale."""
    reach = number_of(count, "object reaches the border of its", "objects reach the border of their")
    return f"{reach} tile at every scale, and may be cut there"


def joined(pieces: Iterable[Piece], size: Size) -> Joined:
    """Return the objects of a raster that the pieces of its tiles show.

    Memory and time are near linear in the number of pieces. An object whose box would have more than `promptseg.images.MAX_PIXELS` pixels,
    as many as a mask can have, stays in parts.

    Args:
        pieces: What `pieces_of` returned for the tiles of one or several scales, in any order.
        size: ``(height, width)`` of the raster.
    """
    ordered = sorted(pieces, key=_order)
    objects = [each for group in _groups(ordered) if (each := _object(group)) is not None]
    kept = list(_without_duplicates(objects))
    masks = SceneMasks(sorted((each.mask for each in kept), key=_place), size)
    return Joined(masks, sum(not each.complete for each in kept))


def _order(piece: Piece) -> tuple[object, ...]:
    return -piece.scale, piece.tile.row, piece.tile.column, _place(piece.mask), piece.cut


def _place(mask: SceneMask) -> tuple[object, ...]:
    x0, y0, x1, y1 = mask.box
    return y0, x0, y1, x1, mask.label or "", -(mask.score or 0.0), mask.mask.counts


# Groups of pieces


def _groups(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Yield the pieces of each object, in their order."""
    agreeing = sorted((-agreed, i, j) for i, j in _candidates(pieces) if (agreed := agreement(pieces[i], pieces[j])) > AGREE)
    groups = _Groups(pieces)
    for _, i, j in agreeing:
        groups.join(i, j)
    for members in groups.all():
        yield [pieces[index] for index in sorted(members)]


def _candidates(pieces: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    boxes = np.array([piece.mask.box for piece in pieces], np.int64).reshape(-1, 4)
    for i, j in touching_pairs(boxes):
        if pieces[i].mask.label == pieces[j].mask.label and _tile(pieces[i]) != _tile(pieces[j]):
            yield i, j


def _tile(piece: Piece) -> Window:
    return piece.tile.window  # Tiles beside the grid have no row and column of their own.


class _Groups:
    """Pieces in groups, each at first in one of its own."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._group = list(range(len(pieces)))
        self._members = {index: [index] for index in self._group}
        self._windows = {index: piece.mask.window for index, piece in enumerate(pieces)}

    def all(self) -> Iterable[list[int]]:
        """Return the members of each group."""
        return self._members.values()

    def join(self, i: int, j: int) -> None:
        """Join the groups of two pieces, if all of their pieces can be one object."""
        small, large = sorted((self._group[i], self._group[j]), key=lambda group: (len(self._members[group]), group))
        if small == large:
            return
        window = _around(self._windows[small], self._windows[large])
        if window.height * window.width > MAX_PIXELS or self._contradict(small, large):
            return
        for index in self._members[small]:
            self._group[index] = large
        self._members[large] += self._members.pop(small)
        self._windows[large] = window
        del self._windows[small]

    def _contradict(self, small: int, large: int) -> bool:
        """Return whether two groups have pieces of one tile that cannot be one object."""
        tiles = {_tile(self._pieces[index]) for index in self._members[small]}
        by_tile: dict[Window, list[Piece]] = defaultdict(list)
        for index in self._members[large]:
            if _tile(self._pieces[index]) in tiles:
                by_tile[_tile(self._pieces[index])].append(self._pieces[index])
        return any(
            not one.cut or not other.cut or one.mask.shared_area(other.mask) > 0
            for one in (self._pieces[index] for index in self._members[small])
            for other in by_tile.get(_tile(one), ())
        )


def _around(one: Window, other: Window) -> Window:
    around = between(min(one.x, other.x), min(one.y, other.y), max(one.right, other.right), max(one.bottom, other.bottom))
    assert around is not None  # noqa: S101 - It holds two windows, which are not empty.
    return around


# Objects


@dataclass(frozen=True)
class _Object:
    """An object with what decides which of two stays.

    Attributes:
        mask: The mask.
        scale: The scale that it comes from.
        complete: Whether no border of a tile cuts it, after joining.
    """

    mask: SceneMask
    scale: float
    complete: bool

    @property
    def rank(self) -> tuple[object, ...]:
        """Sorts better objects first. Of those that are not complete, the larger is better."""
        area = 0 if self.complete else self.mask.area
        return not self.complete, -area, -self.scale, -(self.mask.score or 0.0), _place(self.mask)


def _object(group: Sequence[Piece]) -> _Object | None:
    """Return the object of a group of pieces, or None for a fragment that its tile saw badly."""
    if len(group) == 1:
        (piece,) = group
        reaches_core = not piece.cut or piece.mask.area_in(piece.tile.core)
        return _Object(piece.mask, piece.scale, not piece.cut) if reaches_core else None
    found = None
    for scale in sorted({piece.scale for piece in group}, reverse=True):
        found = _at_scale([piece for piece in group if piece.scale == scale])
        if found.complete:
            break
    return found


def _at_scale(pieces: Sequence[Piece]) -> _Object:
    """Return the object of pieces of one scale: the best whole one, or all put together."""
    whole = [piece for piece in pieces if not piece.cut]
    if whole:
        best = min(whole, key=lambda piece: -(piece.mask.score or 0.0))
        return _Object(best.mask, best.scale, complete=True)
    return _put_together(pieces)


def _put_together(pieces: Sequence[Piece]) -> _Object:
    """Return one object of cut pieces of one scale. Its score is the mean of theirs, weighted by the pixels that each gives."""
    window = pieces[0].mask.window
    for piece in pieces[1:]:
        window = _around(window, piece.mask.window)
    cores, seen = np.zeros(window.size, bool), np.zeros(window.size, bool)
    for piece in pieces:
        cores[_slices(piece.tile.core.shared(window), window)] = True
        seen[_slices(piece.clear.shared(window), window)] = True
    inside, given = np.zeros(window.size, bool), []
    for piece in pieces:
        here = _slices(piece.mask.window, window)
        wanted = ~cores[here]
        wanted[_slices(piece.tile.core.shared(piece.mask.window), piece.mask.window)] = True
        shown = piece.mask.pixels(piece.mask.window) & wanted
        inside[here] |= shown
        given.append(int(np.count_nonzero(shown)))
    np.greater(inside, seen, out=seen)  # In place: an object may have a box of 179 million pixels. Now it is what lies at borders alone.
    most, complete = pieces[int(np.argmax(given))], len(pieces) > 1 and not seen.any()
    del cores, seen
    if not inside.any():  # Each lies in the cores of the others alone.
        return _Object(most.mask, most.scale, complete=False)
    mask = Mask.from_crop(inside, (0, 0), window.size)
    whole = replace(most.mask.mask, size=mask.size, counts=mask.counts, score=_mean_score(pieces, given))
    return _Object(SceneMask.of(whole, (window.x, window.y)), most.scale, complete)


def _slices(part: Window | None, of: Window) -> tuple[slice, slice]:
    """Return where a part lies in an array of the size of a window; nowhere for None."""
    if part is None:
        return slice(0, 0), slice(0, 0)
    return slice(part.y - of.y, part.bottom - of.y), slice(part.x - of.x, part.right - of.x)


def _mean_score(pieces: Sequence[Piece], weights: Sequence[int]) -> float | None:
    scored = [(piece.mask.score, weight) for piece, weight in zip(pieces, weights, strict=True) if piece.mask.score is not None]
    total = sum(weight for _, weight in scored)
    return sum(score * weight for score, weight in scored) / total if total else None


# Duplicates


def _without_duplicates(objects: Sequence[_Object]) -> Iterator[_Object]:
    """Yield the objects that no better one makes superfluous."""
    ordered = sorted(objects, key=lambda each: each.rank)
    boxes = np.array([each.mask.box for each in ordered], np.int64).reshape(-1, 4)
    better = defaultdict(list)
    for i, j in touching_pairs(boxes):
        if ordered[i].mask.label == ordered[j].mask.label:
            better[j].append(i)
    dropped = [False] * len(ordered)
    for index, each in enumerate(ordered):
        dropped[index] = any(not dropped[other] and _superfluous(each, ordered[other]) for other in better[index])
        if not dropped[index]:
            yield each


def _superfluous(one: _Object, better: _Object) -> bool:
    """Return whether a better object makes another one superfluous: it is the same, or the other is not complete and lies in it."""
    smaller, larger = sorted((one.mask.area, better.mask.area))
    if one.complete and smaller < SAME * larger:  # Whatever they share: no need to look at pixels.
        return False
    both = one.mask.shared_area(better.mask)
    return both > SAME * (one.mask.area + better.mask.area - both) or (not one.complete and both > INSIDE * one.mask.area)
