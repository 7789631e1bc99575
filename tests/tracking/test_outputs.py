import numpy as np
import pytest

from promptseg.errors import OutputError
from promptseg.masks import Mask
from promptseg.tracking.outputs import davis_palette, label_picture


def test_the_palette_is_that_of_davis():
    colours = np.frombuffer(davis_palette(), np.uint8).reshape(-1, 3)
    assert colours[:5].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]]
    assert colours[[8, 15, 255]].tolist() == [[64, 0, 0], [192, 128, 128], [224, 224, 192]]


def square(first, last):
    pixels = np.zeros((8, 8), bool)
    pixels[first:last, first:last] = True
    return Mask.from_array(pixels)


def test_a_smaller_mask_lies_over_a_larger_one():
    values = np.asarray(label_picture([3, 7], [square(2, 4), square(0, 8)], (8, 8)))
    assert (values[3, 3], values[0, 0]) == (3, 7)


def test_a_frame_without_objects_has_an_empty_picture_of_its_size():
    values = np.asarray(label_picture([], [], (8, 12)))
    assert values.shape == (8, 12)
    assert not values.any()


def test_numbers_over_255_get_16_bits():
    assert np.asarray(label_picture([300], [square(0, 2)], (8, 8)))[0, 0] == 300


def test_numbers_that_no_picture_holds_are_refused():
    with pytest.raises(OutputError, match="70000"):
        label_picture([70000], [square(0, 2)], (8, 8))
