import numpy as np
import pytest

from promptseg.errors import InputError
from promptseg.rasters.window import Window, between


def test_a_window_knows_its_edges():
    window = Window(2, 3, 10, 20)
    assert (window.bottom, window.right, window.size, window.box) == (12, 23, (10, 20), (3, 2, 23, 12))


@pytest.mark.parametrize(
    "numbers", [(-1, 0, 1, 1), (0, -1, 1, 1), (0, 0, 0, 1), (0, 0, 1, 0), (0.5, 0, 1, 1), (0, 0, True, 1), ("0", 0, 1, 1)]
)
def test_numbers_that_make_no_window_are_named(numbers):
    with pytest.raises(InputError, match=r"height and width of at least 1, in whole pixels; got ") as caught:
        Window(*numbers)
    assert repr(numbers[0]) in str(caught.value)


def test_whole_numbers_of_numpy_make_a_window():
    assert Window(*np.array([1, 2, 3, 4])).box == (2, 1, 6, 4)


def test_the_left_and_upper_edge_belong_to_a_window_and_the_others_to_the_next():
    window = Window(2, 3, 10, 20)
    assert window.holds(3, 2)
    assert window.holds(22.9, 11.9)
    assert not window.holds(23, 5)
    assert not window.holds(5, 12)
    assert not window.holds(2.9, 5)


def test_windows_share_the_part_that_lies_in_both():
    assert Window(0, 0, 10, 10).shared(Window(5, 8, 10, 10)) == Window(5, 8, 5, 2)
    assert Window(0, 0, 10, 10).shared(Window(0, 10, 10, 10)) is None  # They touch.
    assert Window(0, 0, 10, 10).shared(Window(2, 3, 4, 5)) == Window(2, 3, 4, 5)


def test_a_window_grows_to_the_border_of_the_raster_and_no_further():
    assert Window(10, 10, 5, 5).grown(3, (100, 100)) == Window(7, 7, 11, 11)
    assert Window(1, 10, 5, 5).grown(3, (7, 100)) == Window(0, 7, 7, 11)


def test_corners_without_a_pixel_between_them_make_no_window():
    assert between(2, 1, 5, 4) == Window(1, 2, 3, 3)
    assert between(2, 1, 2, 4) is None
    assert between(2, 4, 5, 4) is None


def test_windows_are_ordered_by_row_then_column():
    assert sorted([Window(1, 0, 1, 1), Window(0, 5, 1, 1), Window(0, 2, 1, 1)]) == [
        Window(0, 2, 1, 1),
        Window(0, 5, 1, 1),
        Window(1, 0, 1, 1),
    ]
