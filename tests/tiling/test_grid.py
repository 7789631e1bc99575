import numpy as np
import pytest

from promptseg.errors import ConfigError
from promptseg.rasters.window import Window
from promptseg.tiling.grid import MAX_SIDE, TileGrid

GRIDS = [
    TileGrid((300, 420), 128, 32),
    TileGrid((300, 420), 128, 0),
    TileGrid((129, 128), 128, 64),
    TileGrid((300, 420), 128, 32, 0.3),
    TileGrid((5000, 3), 64, 16),
    TileGrid((97, 3001), 64, 31, 0.77),
]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_cores_cover_each_pixel_once_and_lie_in_their_windows(grid):
    times = np.zeros(grid.size, int)
    for tile in grid:
        core = tile.core
        assert core.shared(tile.window) == core
        times[core.y : core.bottom, core.x : core.right] += 1
    assert (times == 1).all()


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_windows_lie_in_the_raster_and_have_one_size_and_the_overlap(grid):
    assert len({tile.window.size for tile in grid}) == 1
    for tile in grid:
        assert tile.window.bottom <= grid.size[0]
        assert tile.window.right <= grid.size[1]
    for column in range(grid.shape[1] - 1):
        left, right = grid.at(0, column).window, grid.at(0, column + 1).window
        assert left.right - right.x >= min(left.width // 2, round(grid.overlap / grid.scale))


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_a_point_is_held_by_the_tile_in_whose_core_it_lies(grid):
    for tile in grid:
        assert grid.holding(tile.core.x, tile.core.y) == tile
        assert grid.holding(tile.core.right - 0.01, tile.core.bottom - 0.01) == tile


def test_a_point_outside_is_held_by_the_nearest_tile():
    grid = GRIDS[0]
    assert grid.holding(-5, 10_000) == grid.at(grid.shape[0] - 1, 0)


def test_iteration_goes_row_by_row_and_counts_all():
    grid = GRIDS[0]
    places = [(tile.row, tile.column) for tile in grid]
    assert places == sorted(places)
    assert len(places) == len(grid) == grid.shape[0] * grid.shape[1]


def test_tiles_that_touch_a_window_are_those_that_share_a_pixel_with_it():
    grid, window = GRIDS[0], Window(90, 130, 20, 100)
    assert list(grid.touching(window)) == [tile for tile in grid if tile.window.shared(window)]


def test_a_raster_smaller_than_a_tile_is_one_tile_of_its_own_size():
    (tile,) = TileGrid((80, 100), 128, 32)
    assert (tile.window, tile.core, tile.input_size) == (Window(0, 0, 80, 100), Window(0, 0, 80, 100), (80, 100))


def test_a_scale_shows_more_of_the_raster_in_a_tile_of_the_same_size():
    tile = TileGrid((4000, 4000), 128, 32, 0.25).at(0, 0)
    assert (tile.window.size, tile.input_size) == ((512, 512), (128, 128))


class TestTilesBesideTheGrid:
    GRID = TileGrid((1000, 2000), 128, 32)

    def test_the_point_is_near_the_middle(self):
        tile = self.GRID.around(777, 333)
        assert abs(tile.window.x + 64 - 777) <= 8
        assert abs(tile.window.y + 64 - 333) <= 8
        assert (tile.row, tile.column, tile.input_size, tile.core) == (-1, -1, (128, 128), tile.window)

    def test_the_border_of_the_raster_holds_it(self):
        assert self.GRID.around(0, 0).window == Window(0, 0, 128, 128)
        assert self.GRID.around(1999, 999).window == Window(872, 1872, 128, 128)

    def test_points_that_are_near_each_other_share_it(self):
        assert self.GRID.around(512, 512) == self.GRID.around(515, 509)

    def test_a_small_raster_is_shown_whole(self):
        assert TileGrid((50, 60), 128, 32).around(10, 10).window == Window(0, 0, 50, 60)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tile": 63}, "tile"),
        ({"tile": 64.5}, "tile"),
        ({"overlap": -1}, "overlap"),
        ({"overlap": 65, "tile": 128}, r"at most half of tile \(64\), got 65"),
        ({"scale": 0}, "scale"),
        ({"scale": 1.5}, "at most 1, the full resolution, got 1.5"),
        ({"scale": 1e-320}, "at least 1e-06, got 1e-320"),
        ({"tile": 10**400}, "tile is a whole number"),
        ({"tile": 1024, "scale": 0.05}, f"at most {MAX_SIDE} pixels.*got 20480"),
    ],
)
def test_settings_out_of_range_are_refused_with_their_values(settings, message):
    with pytest.raises(ConfigError, match=message):
        TileGrid((100_000, 100_000), **settings)
