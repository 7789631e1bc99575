import numpy as np
import pytest

from promptseg.errors import PromptError
from promptseg.masks import Mask
from promptseg.prompts import Prompt
from promptseg.tiling.grid import MAX_SIDE, TileGrid
from promptseg.tiling.placing import PlacedPrompt, places, with_coarser

SIZE = (2000, 3000)
FULL, HALF = TileGrid(SIZE, 128, 32), TileGrid(SIZE, 128, 32, 0.5)


def asked(box, grids=(FULL, HALF)):
    """The scales and windows of the tiles for a box."""
    return [(grid.scale, tile.window) for grid, tile in places(box, grids)]


class TestPlaces:
    def test_a_small_box_has_the_tile_of_each_grid_in_whose_core_its_middle_lies(self):
        assert asked((500, 700, 510, 710)) == [(1.0, FULL.holding(505, 705).window), (0.5, HALF.holding(505, 705).window)]

    def test_a_box_across_a_border_has_a_tile_around_it(self):
        right = FULL.at(3, 3).window.right
        box = (right - 50, 500, right + 50, 520)
        assert asked(box)[0] == (1.0, FULL.around(right, 510).window)

    def test_a_box_larger_than_a_tile_is_for_the_coarser_scale(self):
        assert [scale for scale, _ in asked((500, 700, 700, 710))] == [0.5]

    def test_a_box_larger_than_all_tiles_has_a_scale_of_its_own_with_room_around_it(self):
        ((scale, window),) = asked((500, 700, 1500, 1100))
        assert scale == pytest.approx(128 / 1500)
        assert (window.x < 500, window.right > 1500) == (True, True)

    def test_a_box_larger_than_any_tile_is_refused(self):
        grid = TileGrid((100_000, 100_000), 1024, 128)
        with pytest.raises(PromptError, match=f"at most {MAX_SIDE} pixels.*got one of 20000"):
            asked((0, 0, 20_000, 100), (grid,))


class TestWithCoarser:
    def test_a_tile_of_the_coarser_scale_shows_four_times_as_much_or_the_whole_raster(self):
        assert with_coarser([FULL, HALF]) == (1.0, 0.5, 0.125)
        assert with_coarser([TileGrid((200, 200), 128, 32)]) == (1.0, 0.64)

    def test_no_scale_is_coarser_than_a_tile_can_be(self):
        size = (100_000, 100_000)
        (_, scale) = with_coarser([TileGrid(size, 1024, 128, 0.1)])
        assert len(TileGrid(size, 1024, 128, scale)) < len(TileGrid(size, 1024, 128, 0.1))
        assert with_coarser([TileGrid(size, 1024, 128, scale)]) == ()


class TestPlacedPrompt:
    def mask(self, tile, x0, y0, x1, y1):
        """A rectangle in pixels of the raster, as the tile shows it."""
        by = tile.input_size[0] / tile.window.height
        left, top = tile.window.x, tile.window.y
        pixels = np.zeros(tile.input_size, bool)
        pixels[max(0, round((y0 - top) * by)) : round((y1 - top) * by), max(0, round((x0 - left) * by)) : round((x1 - left) * by)] = True
        return [Mask.from_array(pixels)]

    def answered(self, box, point):
        """The tiles that are asked for a point on a rectangle."""
        placed = PlacedPrompt(3, Prompt.point(*point), (FULL, HALF))
        tiles = []
        while True:
            tiles.append(placed.tile)
            masks = self.mask(placed.tile, *box)
            placed.take(masks)
            if not placed.goes_on():
                return tiles, placed.masks

    def test_an_object_that_no_border_cuts_is_asked_once(self):
        tile = FULL.at(3, 3)
        x, y = tile.window.x, tile.window.y
        tiles, masks = self.answered((x + 40, y + 40, x + 80, y + 90), (x + 60, y + 60))
        assert tiles == [tile]
        assert [(mask.box, mask.mask.prompt_index) for mask in masks] == [((x + 40, y + 40, x + 80, y + 90), 3)]

    def test_an_object_that_a_border_cuts_is_asked_again_from_its_middle(self):
        tile = FULL.at(3, 3)
        x, y = tile.window.right, tile.window.y + 60
        tiles, masks = self.answered((x - 45, y, x + 30, y + 20), (x - 40, y + 10))
        assert [each.row for each in tiles] == [3, -1]
        assert masks[0].box == (x - 45, y, x + 30, y + 20)

    def test_an_object_larger_than_a_tile_is_asked_at_the_coarser_scale(self):
        tiles, masks = self.answered((1000, 1000, 1180, 1060), (1100, 1030))
        assert tiles[-1].window.size == (256, 256)
        assert abs(np.array(masks[0].box) - (1000, 1000, 1180, 1060)).max() <= 2

    def test_a_tile_that_shows_nothing_ends_it_and_earlier_masks_stay(self):
        placed = PlacedPrompt(0, Prompt.point(1100, 1030), (FULL, HALF))
        masks = self.mask(placed.tile, 1000, 1000, 1180, 1060)
        placed.take(masks)
        assert placed.goes_on()
        placed.take([])
        assert not placed.goes_on()
        assert (len(placed.masks), placed.cut) == (1, True)
