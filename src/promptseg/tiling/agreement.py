"""Agreement of two pieces: how surely they show the same object."""

from __future__ import annotations

from .pieces import Piece


def agreement(one: Piece, other: Piece) -> float:
    """Return the intersection over union of two pieces, where both know the object.

    A whole piece knows the whole object: what the other one has beyond it counts against them. A cut piece knows what its tile shows, and
    nothing else: of the other piece, only the part in that tile counts. Where the boxes show that it is below a half, it is 0.
    """
    shared = one.mask.window.shared(other.mask.window)
    if shared is None:
        return 0.0
    most = shared.height * shared.width
    known = max(piece.mask.area for piece, beside in ((one, other), (other, one)) if not beside.cut) if not (one.cut and other.cut) else 0
    if 2 * most < known:  # Their boxes share too little: no need to look at pixels.
        return 0.0
    both = one.mask.shared_area(other.mask)
    if not both:
        return 0.0
    return both / (_known(one, other) + _known(other, one) - both)


def _known(piece: Piece, beside: Piece) -> int:
    """Return the number of pixels of a piece that another piece could have too."""
    return piece.mask.area_in(beside.tile.window) if beside.cut else piece.mask.area
