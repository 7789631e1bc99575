import numpy as np
import pytest

from drawn_scenes import rectangle, seen_in
from promptseg.errors import InputError
from promptseg.masks import Mask, Masks
from promptseg.tiling.grid import TileGrid
from promptseg.tiling.pieces import BORDER, pieces_of

SIZE = (300, 420)
GRID = TileGrid(SIZE, tile=128, overlap=32)
MIDDLE = GRID.at(1, 1)


def cut(tile, x0, y0, x1, y1, grid=GRID):
    """Whether a rectangle, given in pixels of the tile, is cut."""
    (piece,) = pieces_of(Masks([Mask.from_array(rectangle(tile.input_size, x0, y0, x1, y1))]), tile, grid)
    return piece.cut


def test_a_piece_lies_where_its_tile_does():
    drawn = rectangle(SIZE, MIDDLE.window.x + 10, MIDDLE.window.y + 20, MIDDLE.window.x + 30, MIDDLE.window.y + 50)
    (piece,) = pieces_of(seen_in(MIDDLE, [drawn], labels=["a"], scores=[0.5]), MIDDLE, GRID)
    assert (piece.mask.box, piece.mask.label, piece.mask.score) == (
        (MIDDLE.window.x + 10, MIDDLE.window.y + 20, MIDDLE.window.x + 30, MIDDLE.window.y + 50),
        "a",
        0.5,
    )
    assert (piece.tile, piece.scale, piece.cut) == (MIDDLE, 1.0, False)


@pytest.mark.parametrize("side", range(4))
def test_a_mask_near_a_border_inside_the_raster_is_cut(side):
    box = [40, 40, 80, 80]
    box[side] = BORDER - 1 if side < 2 else 128 - BORDER + 1
    assert cut(MIDDLE, *box)
    box[side] += 1 if side < 2 else -1
    assert not cut(MIDDLE, *box)


def test_the_border_of_the_raster_cuts_nothing():
    corner = GRID.at(0, 0)
    assert not cut(corner, 0, 0, 60, 60)
    assert cut(corner, 0, 0, 128, 60)
    last = GRID.at(*(count - 1 for count in GRID.shape))
    assert not cut(last, 60, 60, 128, 128)


def test_the_distance_to_a_border_counts_in_pixels_of_the_tile():
    grid = TileGrid((3000, 4200), tile=128, overlap=32, scale=0.25)
    assert cut(grid.at(1, 1), BORDER - 1, 40, 60, 60, grid)
    assert not cut(grid.at(1, 1), BORDER, 40, 60, 60, grid)


def test_masks_without_a_pixel_are_no_pieces():
    assert pieces_of(Masks([Mask.from_array(np.zeros((128, 128), bool))]), MIDDLE, GRID) == []


def test_masks_of_another_size_than_the_tile_are_refused():
    with pytest.raises(InputError, match=r"size \(128, 128\).*got \(64, 64\)"):
        pieces_of(Masks([], (64, 64)), MIDDLE, GRID)
    with pytest.raises(InputError, match=r"\(128, 128\) and \(64, 64\)"):
        pieces_of(Masks([], (128, 128)), MIDDLE, GRID, np.ones((64, 64), bool))


def test_pixels_without_data_belong_to_no_object():
    valid = np.ones((128, 128), bool)
    valid[:, :50] = False
    drawn = [rectangle((128, 128), 40, 40, 80, 60), rectangle((128, 128), 20, 40, 60, 60), rectangle((128, 128), 60, 40, 70, 60)]
    pieces = pieces_of(Masks(map(Mask.from_array, drawn)), MIDDLE, GRID, valid)
    x, y = MIDDLE.window.x, MIDDLE.window.y
    assert [piece.mask.box for piece in pieces] == [(x + 50, y + 40, x + 80, y + 60), (x + 60, y + 40, x + 70, y + 60)]


def test_the_index_of_a_detection_of_the_tile_is_dropped():
    mask = Mask((128, 128), Mask.from_array(rectangle((128, 128), 20, 20, 40, 40)).counts, detection_index=3, prompt_index=1)
    (piece,) = pieces_of(Masks([mask]), MIDDLE, GRID)
    assert (piece.mask.mask.detection_index, piece.mask.mask.prompt_index) == (None, 1)
