import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptseg.models.yolo.letterbox import GRAY, Letterbox

LENGTHS = st.integers(1, 3000)


def test_an_image_fills_the_longer_side_and_has_padding_on_both_sides_of_it():
    assert Letterbox.fit((100, 200), (64, 64)) == Letterbox((100, 200), (32, 64), (64, 64), 16, 0)
    assert Letterbox.fit((200, 100), (64, 64)) == Letterbox((200, 100), (64, 32), (64, 64), 0, 16)


def test_with_a_stride_whole_multiples_of_padding_are_left_out():
    assert Letterbox.fit((100, 200), (64, 64), 16).input_size == (32, 64)
    assert Letterbox.fit((110, 200), (64, 64), 16) == Letterbox((110, 200), (35, 64), (48, 64), 6, 0)


def test_odd_padding_has_its_extra_row_below():
    letterbox = Letterbox.fit((27, 64), (64, 64), 32)
    assert (letterbox.input_size, letterbox.top) == ((32, 64), 2)


def test_the_letterboxed_image_has_gray_padding():
    pixels = np.full((2, 4, 3), 200, np.uint8)
    letterboxed = Letterbox.fit((2, 4), (4, 4)).draw(pixels)
    assert letterboxed.shape == (4, 4, 3)
    assert (letterboxed[[0, 3]] == GRAY).all()
    assert (letterboxed[1:3] == 200).all()


def test_a_thin_image_keeps_a_row():
    letterbox = Letterbox.fit((1, 5000), (64, 64), 32)
    assert letterbox.content == (1, 64)
    assert letterbox.draw(np.zeros((1, 5000, 3), np.uint8)).shape == (32, 64, 3)


@given(LENGTHS, LENGTHS, st.sampled_from([None, 32]))
def test_the_input_size_is_a_multiple_of_the_stride_that_contains_the_image(height, width, stride):
    letterbox = Letterbox.fit((height, width), (640, 640), stride)
    assert all(side % 32 == 0 and 0 < side <= 640 for side in letterbox.input_size)
    assert 0 <= letterbox.top <= letterbox.input_size[0] - letterbox.content[0]
    assert 0 <= letterbox.left <= letterbox.input_size[1] - letterbox.content[1]
    if stride is None:
        assert letterbox.input_size == (640, 640)


@given(LENGTHS, LENGTHS)
def test_the_box_around_the_resized_image_becomes_the_whole_image(height, width):
    letterbox = Letterbox.fit((height, width), (640, 640), 32)
    inside = [letterbox.left, letterbox.top, letterbox.left + letterbox.content[1], letterbox.top + letterbox.content[0]]
    assert letterbox.to_image(np.array([inside], np.float32))[0] == pytest.approx([0, 0, width, height], rel=1e-5)


def test_boxes_are_clipped_to_the_image():
    letterbox = Letterbox.fit((100, 200), (64, 64))
    boxes = letterbox.to_image(np.array([[-5, 0, 70, 64], [0, 0, 10, 8]], np.float32))
    assert boxes.tolist() == [[0, 0, 200, 100], [0, 0, 31.25, 0]]
