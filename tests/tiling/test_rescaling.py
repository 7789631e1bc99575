import numpy as np
import pytest

from promptseg.errors import InputError
from promptseg.masks import Mask
from promptseg.rasters.window import Window
from promptseg.scene_masks import SceneMask
from promptseg.tiling.rescaling import rescaled


def disc(side, scale=1.0, at=(0.5, 0.5), radius=0.4):
    """A disc on a square, drawn at any scale: places and radius are shares of the side."""
    rows, columns = (np.mgrid[: round(side * scale), : round(side * scale)] + 0.5) / (side * scale)
    return (columns - at[0]) ** 2 + (rows - at[1]) ** 2 <= radius**2


def test_a_mask_of_the_size_of_its_window_keeps_its_pixels():
    pixels = disc(50, radius=0.3)
    found = rescaled(Mask.from_array(pixels, score=0.5, label="a"), Window(100, 7000, 50, 50))
    assert (found.within(Window(100, 7000, 50, 50)).array == pixels).all()
    assert (found.score, found.label) == (0.5, "a")


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.3, 0.7])
def test_straight_outlines_stay_where_they_are(scale):
    window = Window(0, 0, 400, 400)
    small = np.zeros((round(400 * scale),) * 2, bool)
    small[5:15, 4:24] = True
    found = rescaled(Mask.from_array(small), window)
    expected = [4 / scale, 5 / scale, 24 / scale, 15 / scale]
    assert np.abs(np.array(found.box) - expected).max() <= 1


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.125, 0.3])
def test_slanted_outlines_are_nearer_to_the_truth_than_stairs_are(scale):
    side = 800
    true = Mask.from_array(disc(side))
    small = Mask.from_array(disc(side, scale))
    found = rescaled(small, Window(0, 0, side, side)).within(Window(0, 0, side, side))
    assert found.iou(true) > small.resized((side, side)).iou(true)
    assert found.iou(true) > 0.985


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.125])
def test_an_outline_through_the_border_of_the_window_is_not_drawn_back(scale):
    window = Window(0, 0, 160, 160)
    small = np.zeros((round(160 * scale),) * 2, bool)
    small[2:6] = True
    found = rescaled(Mask.from_array(small), window)
    assert (found.window.x, found.window.right) == (0, 160)


@pytest.mark.parametrize("scale", [0.9, 0.5, 0.1])
def test_a_single_pixel_does_not_vanish(scale):
    small = np.zeros((round(200 * scale),) * 2, bool)
    small[7, 9] = True
    found = rescaled(Mask.from_array(small), Window(40, 60, 200, 200))
    x, y = 60 + 9.5 / scale, 40 + 7.5 / scale
    assert found.area >= 1
    assert found.window.grown(1, (1000, 1000)).holds(x, y)


def test_a_place_far_from_the_origin_is_exact():
    small = np.ones((10, 10), bool)
    found = rescaled(Mask.from_array(small), Window(99_000, 98_765, 40, 40))
    assert found.box == (98_765, 99_000, 98_805, 99_040)


def test_an_empty_mask_is_refused():
    with pytest.raises(InputError, match="not empty"):
        rescaled(Mask.from_array(np.zeros((10, 10), bool)), Window(0, 0, 40, 40))


def test_the_crop_and_not_the_window_is_enlarged():
    small = np.zeros((1000, 1000), bool)
    small[500:504, 500:504] = True
    found = rescaled(Mask.from_array(small), Window(0, 0, 13_000, 13_000))
    assert isinstance(found, SceneMask)
    assert found.mask.size == (52, 52)
