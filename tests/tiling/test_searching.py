"""One window of a raster as one tile."""

import numpy as np
import pytest

from drawn_scenes import rectangle
from promptseg.masks import Mask, Masks
from promptseg.rasters.window import Window
from promptseg.tiling import searching
from promptseg.tiling.searching import found_in, tile_of, window_around

SIZE = (300, 420)


@pytest.mark.parametrize(
    ("window", "input_size"),
    [
        (Window(5, 10, 60, 80), (60, 80)),
        (Window(0, 0, 128, 128), (128, 128)),
        (Window(0, 0, 300, 420), (91, 128)),
        (Window(9, 9, 1, 400), (1, 128)),
    ],
)
def test_a_window_is_reduced_to_the_size_of_a_tile_and_never_enlarged(window, input_size):
    tile = tile_of(window, 128)
    assert (tile.window, tile.input_size) == (window, input_size)


@pytest.mark.parametrize(
    ("box", "window"),
    [
        ((200, 100, 220, 110), Window(85, 170, 40, 80)),
        ((0, 0, 10, 10), Window(0, 0, 40, 80)),
        ((410, 290, 420, 300), Window(260, 340, 40, 80)),
        ((100, 100, 250, 120), Window(90, 100, 40, 150)),  # The box is wider than the window.
    ],
)
def test_a_window_around_a_box_lies_in_the_raster_and_holds_the_box(box, window):
    assert window_around(box, Window(0, 0, 40, 80), SIZE) == window


def masks_of(tile, *boxes):
    return Masks([Mask.from_array(rectangle(tile.input_size, *box), label="a", score=0.5) for box in boxes], tile.input_size)


def test_what_is_found_has_its_place_in_the_raster():
    tile = tile_of(Window(100, 20, 200, 400), 100)
    (found,) = found_in(masks_of(tile, (10, 5, 20, 15)), tile, np.ones(tile.input_size, bool))
    assert (found.box, found.label, found.score) == ((60, 120, 100, 160), "a", 0.5)


def test_pixels_without_data_belong_to_no_object():
    tile = tile_of(Window(0, 0, 100, 100), 100)
    valid = rectangle(tile.input_size, 0, 0, 50, 100)
    (found,) = found_in(masks_of(tile, (40, 0, 52, 10), (48, 20, 90, 30)), tile, valid)
    assert found.box == (40, 0, 50, 10)


def test_an_object_whose_box_is_larger_than_a_mask_can_be_is_left_out(monkeypatch):
    monkeypatch.setattr(searching, "MAX_PIXELS", 10_000)
    tile = tile_of(Window(0, 0, 200, 200), 100)
    found = found_in(masks_of(tile, (0, 0, 60, 60), (10, 10, 20, 20)), tile, np.ones(tile.input_size, bool))
    assert [each.box for each in found] == [(20, 20, 40, 40)]
