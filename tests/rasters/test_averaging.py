import numpy as np
import pytest

from promptseg.rasters.averaging import averaged
from promptseg.rasters.pyramid import Level, read_level
from promptseg.rasters.reader import Samples
from promptseg.rasters.window import Window
from raster_files import mean_of, ramp


def level_of(array, valid=None):
    there = np.ones(array.shape[:2], bool) if valid is None else valid

    def read(window):
        part = np.s_[window.y : window.bottom, window.x : window.right]
        return Samples(array[part], there[part])

    return Level(array.shape[:2], read)


class TestAverages:
    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64"])
    def test_an_average_is_of_all_pixels_and_keeps_the_type(self, dtype):
        array = ramp(60, 80, dtype=dtype)
        values, valid = averaged(level_of(array).read, Window(0, 0, 60, 80), (15, 20))
        assert values.dtype == dtype
        assert valid.all()
        assert np.abs(values - mean_of(array, 4)).max() <= (0.51 if array.dtype.kind in "iu" else 1e-4)

    def test_pixels_that_are_cut_count_by_their_parts(self):
        array = np.array([0, 30, 60], float).reshape(1, 3, 1)
        assert np.allclose(averaged(level_of(array).read, Window(0, 0, 1, 3), (1, 2)).values.ravel(), [10, 50])
        assert np.allclose(averaged(level_of(array.reshape(3, 1, 1)).read, Window(0, 0, 3, 1), (2, 1)).values.ravel(), [10, 50])

    def test_strips_give_what_the_whole_gives(self, monkeypatch):
        array, valid = ramp(101, 67, dtype="float64"), ramp(101, 67, 1)[..., 0] % 3 > 0
        whole = averaged(level_of(array, valid).read, Window(0, 0, 101, 67), (13, 29))
        monkeypatch.setattr("promptseg.rasters.averaging._AT_ONCE", 67 * 7)
        strips = averaged(level_of(array, valid).read, Window(0, 0, 101, 67), (13, 29))
        assert np.allclose(whole.values, strips.values)
        assert np.array_equal(whole.valid, strips.valid)

    def test_a_piece_of_a_file_is_read_once(self, monkeypatch):
        monkeypatch.setattr("promptseg.rasters.averaging._AT_ONCE", 67 * 7)
        array, seen = ramp(101, 67, dtype="float64"), []

        def read(window):
            seen.append((window.y, window.bottom))
            return level_of(array).read(window)

        values = averaged(read, Window(10, 0, 91, 67), (13, 29), rows=32).values
        assert seen == [(10, 32), (32, 64), (64, 96), (96, 101)]
        assert np.allclose(values, averaged(level_of(array).read, Window(10, 0, 91, 67), (13, 29)).values)

    def test_pixels_without_data_do_not_count_whatever_they_hold(self):
        array = np.full((4, 4, 1), 7, np.float32)
        array[::2] = np.nan
        values, valid = averaged(level_of(array, np.isfinite(array[..., 0])).read, Window(0, 0, 4, 4), (2, 2))
        assert np.unique(values).tolist() == [7]
        assert valid.all()


class TestPyramids:
    def test_the_smallest_level_with_enough_pixels_is_read(self):
        seen = []

        def watched(size):
            def read(window):
                seen.append(size)
                return Samples(np.zeros((*window.size, 1), np.uint8), np.ones(window.size, bool))

            return Level((size, size), read)

        levels = [watched(size) for size in (800, 400, 200)]
        for side in (800, 500, 400, 300, 200, 100, 10):
            read_level(levels, Window(0, 0, 800, 800), (side, side))
        assert seen == [800, 800, 400, 400, 200, 200, 200]

    @pytest.mark.parametrize("window", [Window(0, 0, 256, 256), Window(64, 32, 128, 96), Window(6, 2, 200, 100), Window(7, 3, 200, 100)])
    @pytest.mark.parametrize("factor", [2, 4])
    def test_a_window_of_a_level_lies_where_that_of_the_full_raster_does(self, window, factor):
        y, x = np.mgrid[:256, :256].astype(np.float32) + 0.5
        array = np.stack([y, x], 2)  # Each pixel holds its place.
        levels = [level_of(array), level_of(mean_of(array, 2).astype(np.float32))]
        size = (window.height // factor, window.width // factor)
        values, valid = read_level(levels, window, size)
        rows = window.y + (np.arange(size[0]) + 0.5) * factor
        columns = window.x + (np.arange(size[1]) + 0.5) * factor
        assert valid.all()
        assert np.abs(values[1:-1, 1:-1, 0] - rows[1:-1, None]).max() < 0.01
        assert np.abs(values[1:-1, 1:-1, 1] - columns[None, 1:-1]).max() < 0.01

    def test_a_level_of_half_an_odd_number_is_enough_for_half(self):
        seen = []
        half = Level((128, 128), lambda window: seen.append(window) or Samples(np.zeros((*window.size, 1)), np.ones(window.size, bool)))
        full = Level((257, 257), lambda window: pytest.fail("the full raster was read"))
        read_level([full, half], Window(0, 0, 257, 257), (128, 128))
        assert seen == [Window(0, 0, 128, 128)]
