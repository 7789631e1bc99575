import warnings

import numpy as np
import pytest

from promptseg.errors import ConfigError, InputError
from promptseg.rasters.array import ArrayReader
from promptseg.rasters.stretching import limits_for, stretched


def limits(array, percentiles=(2, 98), given=None):
    reader = ArrayReader(array)
    return limits_for(reader, tuple(range(len(reader.bands))), percentiles, given)


def test_samples_of_8_bits_are_left_as_they_are():
    assert limits(np.arange(12, dtype=np.uint8).reshape(3, 4)) is None
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert np.array_equal(stretched(values, None), values)


def test_limits_are_the_percentiles_of_each_band():
    array = np.stack([np.arange(10_000).reshape(100, 100), np.arange(10_000).reshape(100, 100) + 20_000, np.full((100, 100), 7)], 2)
    low_and_high = limits(array.astype(np.uint16))
    assert np.allclose(low_and_high[0], (0.02 * 9999, 0.98 * 9999))
    assert np.allclose(low_and_high[1], (20_000 + 0.02 * 9999, 20_000 + 0.98 * 9999))
    assert low_and_high[2] == (6.5, 7.5)  # A constant band has a range around its value.


def test_a_band_of_few_values_other_than_one_is_stretched_to_its_extremes():
    array = np.zeros((100, 100), np.uint16)
    array[0, :5] = 9000
    assert limits(array) == ((0.0, 9000.0),)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "uint32", "float32", "float64", "int64"])
def test_values_between_the_limits_become_gray_and_those_beyond_black_or_white(dtype):
    values = np.array([0, 100, 140, 200, 300], dtype).reshape(1, 5, 1)
    assert stretched(values, ((100.0, 200.0),)).ravel().tolist() == [0, 0, 102, 255, 255]


@pytest.mark.parametrize("value", [np.uint64(2**63 + 100), 1e30])
def test_a_band_of_one_large_value_is_gray(value):
    array = np.full((20, 20), value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        limits = limits_for(ArrayReader(array), (0,), (2, 98), None)
        assert np.abs(stretched(array[..., None], limits).astype(int) - 127.5).max() <= 1


def test_a_small_difference_of_large_numbers_is_seen():
    values = np.array([[[4_000_000_000.0], [4_000_000_000.5], [4_000_000_001.0]]])
    assert stretched(values, ((4e9, 4e9 + 1),)).ravel().tolist() == [0, 128, 255]


def test_what_is_no_number_does_not_count_and_becomes_black():
    array = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, np.inf]])
    assert limits(array, (0, 100)) == ((1.0, 4.0),)
    assert stretched(array[:, :, None], ((1.0, 4.0),))[:, 2].ravel().tolist() == [0, 255]


def test_a_raster_of_nothing_but_no_data_is_named():
    with pytest.raises(InputError, match=r"array has no pixel with data, .*look at its nodata value.*limits=\(0, 4000\)"):
        limits(np.full((20, 20), np.nan))


def test_a_large_raster_is_looked_at_in_windows_that_are_spread_over_it():
    class Watched(ArrayReader):
        seen = 0

        def read(self, window, size, bands):
            self.seen += size[0] * size[1]
            return super().read(window, size, bands)

    y, x = np.ogrid[:4000, :5000]
    reader = Watched((y + x).astype(np.uint16))
    ((low, high),) = limits_for(reader, (0,), (0, 100), None)
    assert (low, high) == (0, 8998)  # The corners are in windows.
    assert reader.seen == 64 * 128 * 128


def test_data_in_a_corner_that_the_first_windows_miss_is_found():
    array = np.full((4000, 4000), np.nan, np.float32)
    array[900:1000, 700:800] = 5
    array[900, 700] = 6
    ((low, high),) = limits(array)
    assert low <= 5 <= high


def test_a_large_raster_without_data_where_it_is_looked_at_is_named_with_the_number_of_windows():
    with pytest.raises(InputError, match=r"no pixel with data in 1024 windows spread over it"):
        limits(np.full((4000, 4000), np.nan, np.float32))


@pytest.mark.parametrize("percentiles", [(98, 2), (2, 2), (-1, 98), (2, 101), (2,), 2, "2,98", (2, True), (float("nan"), 98)])
def test_percentiles_that_are_none_are_named(percentiles):
    with pytest.raises(ConfigError, match=r"^stretch is two percentiles from 0 to 100, the lower one first, such as \(2, 98\), got "):
        limits(np.zeros((3, 3), np.uint16), percentiles)


def test_without_percentiles_integers_have_the_range_of_their_type_and_floats_have_none():
    assert limits(np.zeros((3, 3), np.uint16), None) == ((0.0, 65535.0),)
    with pytest.raises(ConfigError, match="float32, which have no range of their own: give stretch or limits"):
        limits(np.zeros((3, 3), np.float32), None)


def test_limits_are_given_for_all_bands_or_for_each_one():
    array = np.zeros((3, 3, 3), np.uint8)
    assert limits(array, given=(10, 20)) == ((10.0, 20.0),) * 3
    assert limits(array, given=[[1, 2], [3, 4], [5, 6]]) == ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0))


@pytest.mark.parametrize("given", [(20, 10), (1, 1), (0, float("inf")), [(0, 1), (0, 1)], (1, 2, 3), "0,1", 5, (), (-1.7e308, 1.7e308)])
def test_limits_that_are_none_are_named(given):
    with pytest.raises(ConfigError, match=r"^limits are the values of black and white, such as \(0, 4000\), or a pair for each band, got "):
        limits(np.zeros((3, 3, 3), np.uint8), given=given)


def test_true_and_false_are_white_and_black():
    array = np.array([[True, False]])
    assert stretched(array[:, :, None], limits(array)).ravel().tolist() == [255, 0]
