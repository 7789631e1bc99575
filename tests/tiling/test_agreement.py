import pytest

from drawn_scenes import rectangle
from promptseg.masks import Mask
from promptseg.scene_masks import SceneMask
from promptseg.tiling.agreement import agreement
from promptseg.tiling.grid import TileGrid
from promptseg.tiling.pieces import Piece, clear_part

SIZE = (300, 420)
GRID = TileGrid(SIZE, 128, 32)
LEFT, RIGHT = GRID.at(0, 0), GRID.at(0, 1)  # They share the columns 73 to 128.


def piece(tile, x0, x1, cut):
    """A strip of 20 rows."""
    found = Piece(tile, 1.0, SceneMask.of(Mask.from_array(rectangle(SIZE, x0, 40, x1, 60)), (0, 0)), clear_part(tile, SIZE))
    assert found.cut is cut
    return found


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        # Both are whole: all of both counts.
        (piece(LEFT, 80, 100, False), piece(RIGHT, 85, 105, False), 15 / 25),
        # The left one ends where its tile does: what the right one has beyond says nothing about it.
        (piece(LEFT, 80, 128, True), piece(RIGHT, 80, 180, False), 1.0),
        # A whole one says where the object ends: the right one has more.
        (piece(LEFT, 80, 120, False), piece(RIGHT, 73, 140, True), 40 / 67),
        # Both are cut: what both tiles show counts.
        (piece(LEFT, 10, 128, True), piece(RIGHT, 73, 190, True), 1.0),
        (piece(LEFT, 10, 128, True), piece(RIGHT, 73, 90, True), 17 / 55),
        # They share no pixel.
        (piece(LEFT, 10, 80, False), piece(RIGHT, 80, 190, False), 0.0),
        (piece(LEFT, 10, 40, False), piece(RIGHT, 150, 190, False), 0.0),
    ],
)
def test_it_is_the_iou_where_both_know_the_object(one, other, expected):
    assert agreement(one, other) == pytest.approx(expected)
    assert agreement(other, one) == agreement(one, other)


def test_a_small_part_of_a_large_whole_piece_does_not_agree_with_it():
    assert agreement(piece(LEFT, 80, 90, False), piece(RIGHT, 78, 125, False)) < 0.5
