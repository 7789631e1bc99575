import numpy as np
import pytest

from drawn_scenes import rectangle
from promptseg.errors import PromptError
from promptseg.masks import Mask
from promptseg.prompts import Prompt
from promptseg.rasters.window import Window
from promptseg.scene_masks import SceneMask
from promptseg.tiling.grid import TileGrid
from promptseg.tiling.moving import extent, holds, into

FULL = TileGrid((2000, 3000), 128, 32).at(2, 3)
QUARTER = TileGrid((2000, 3000), 128, 32, 0.25).at(1, 1)


class TestExtent:
    @pytest.mark.parametrize(
        ("prompt", "box"),
        [
            (Prompt.point(7, 9), (7, 9, 8, 10)),
            (Prompt.points([(7, 9), (20, 3), (500, 500)], [True, True, False]), (7, 3, 21, 10)),
            (Prompt.points([(500, 400)], [False]), (500, 400, 501, 401)),
            (Prompt.box(3, 4, 50, 60), (3, 4, 50, 60)),
            (Prompt.box(3, 4, 50, 60) + Prompt.point(70, 5), (3, 4, 71, 60)),
            (Prompt.mask(rectangle((100, 100), 20, 30, 40, 50)), (20, 30, 40, 50)),
            (Prompt.mask(SceneMask(Mask.from_array(np.ones((5, 9), bool)), (700, 900))), (700, 900, 709, 905)),
            (Prompt.mask(SceneMask(Mask.from_array(np.ones((5, 9), bool)), (700, 900))) + Prompt.point(720, 901), (700, 900, 721, 905)),
        ],
    )
    def test_it_is_the_box_around_what_shows_the_object(self, prompt, box):
        assert extent(prompt) == box

    def test_an_empty_mask_is_refused(self):
        with pytest.raises(PromptError, match="empty mask"):
            extent(Prompt.mask(np.zeros((10, 10), bool)))

    def test_logits_are_refused_with_what_to_do(self):
        with pytest.raises(PromptError, match=r"logits belong to the image.*give the pixels"):
            extent(Prompt.mask(np.zeros((256, 256), np.float32)))


class TestHolds:
    WINDOW = Window(0, 100, 100, 100)

    @pytest.mark.parametrize(
        ("box", "held"),
        [
            ((104, 0, 196, 96), True),
            ((103, 0, 196, 96), False),
            ((104, 0, 197, 96), False),
            ((104, 0, 196, 97), False),
            ((104, -1, 196, 96), False),
        ],
    )
    def test_a_box_is_held_with_a_margin_but_to_the_border_of_the_raster(self, box, held):
        assert holds(self.WINDOW, box, 4, (1000, 1000)) is held

    def test_the_far_borders_of_the_raster_need_no_margin(self):
        assert holds(self.WINDOW, (104, 10, 200, 100), 4, (100, 200))


class TestInto:
    def test_a_point_stays_on_its_pixel(self):
        at = into(Prompt.point(FULL.window.x + 5, FULL.window.y + 6), FULL)
        assert at.xy.tolist() == [[5, 6]]

    def test_a_point_of_a_coarser_tile_stays_at_its_place(self):
        # The pixels 4 to 7 of the raster are pixel 1 of the tile, whose center is between the raster's pixels 5 and 6.
        at = into(Prompt.point(QUARTER.window.x + 5.5, QUARTER.window.y + 9.5), QUARTER)
        assert at.xy.tolist() == [[1, 2]]

    def test_points_outside_of_the_tile_are_left_out(self):
        x, y = FULL.window.x, FULL.window.y
        at = into(Prompt.points([(x + 5, y + 5), (x - 3, y + 5), (x + 128, y + 5)], [True, False, False]), FULL)
        assert (at.xy.tolist(), at.foreground.tolist()) == ([[5, 5]], [True])

    def test_a_box_is_moved_and_cut_off(self):
        x, y = QUARTER.window.x, QUARTER.window.y
        at = into(Prompt.box(x - 40, y + 8, x + 100, y + 60), QUARTER)
        assert at.xyxy.tolist() == [0, 2, 25, 15]

    def test_a_mask_becomes_that_of_the_tile(self):
        x, y = QUARTER.window.x, QUARTER.window.y
        pixels = rectangle((2000, 3000), x - 100, y + 40, x + 80, y + 120)
        at = into(Prompt.mask(pixels), QUARTER)
        assert at.mask_pixels == Mask.from_array(rectangle((128, 128), 0, 10, 20, 30))

    def test_the_mask_of_an_object_in_the_raster_becomes_that_of_the_tile(self):
        x, y = QUARTER.window.x, QUARTER.window.y
        at = into(Prompt.mask(SceneMask(Mask.from_array(np.ones((80, 60), bool)), (x + 20, y + 40))), QUARTER)
        assert at.mask_pixels == Mask.from_array(rectangle((128, 128), 5, 10, 20, 30))
        assert at.scene_mask is None

    def test_a_mask_that_is_too_small_for_a_pixel_of_the_tile_is_the_pixel_in_its_middle(self):
        coarse = TileGrid((4000, 4000), 128, 32, 0.05).at(0, 0)
        at = into(Prompt.mask(SceneMask(Mask.from_array(np.ones((1, 1), bool)), (205, 101))), coarse)
        assert (at.mask_pixels.area, at.mask_pixels.box.tolist()) == (1, [10, 5, 11, 6])

    def test_places_far_from_the_origin_keep_their_fraction(self):
        tile = TileGrid((200_000, 200_000), 1024, 128).holding(150_000, 150_000)
        at = into(Prompt.point(150_000.25, 150_000.5), tile)
        assert at.xy.tolist() == [[150_000.25 - tile.window.x, 150_000.5 - tile.window.y]]
