"""An image with example images beside it on one model input."""

import numpy as np
import pytest

from promptseg.errors import PromptError
from promptseg.models.transformers.sam3.canvas import MAX_IMAGES, arrange


def colored(height, width, value):
    return np.full((height, width, 3), value, np.uint8)


def test_a_wide_image_lies_above_its_example():
    canvas = arrange(colored(30, 60, 10), [colored(30, 60, 200)], 56)
    assert canvas.part == (28, 56)
    assert canvas.cells == ((0, 28, 56, 56),)
    assert (canvas.draw()[:28] == 10).all()
    assert (canvas.draw()[28:] == 200).all()


def test_a_high_image_lies_left_of_its_example():
    canvas = arrange(colored(60, 30, 10), [colored(60, 30, 200)], 56)
    assert canvas.part == (56, 28)
    assert canvas.cells == ((28, 0, 56, 56),)


def test_an_example_image_is_stretched_as_the_image_is():
    """The image, 30 high and 90 wide, becomes 28 x 56, so that a square in it is 2 wide and 3 high."""
    canvas = arrange(colored(30, 90, 10), [colored(20, 20, 200)], 56)
    assert canvas.cells == ((0, 28, 19, 56),)
    assert (canvas.draw()[28:, 19:] == 127).all()


def test_several_example_images_share_one_half():
    canvas = arrange(colored(30, 60, 10), [colored(30, 60, value) for value in (50, 100, 150)], 56)
    assert canvas.cells == ((0, 28, 28, 42), (28, 28, 56, 42), (0, 42, 28, 56))
    pixels = canvas.draw()
    for value, (x0, y0, x1, y1) in zip((50, 100, 150), canvas.cells, strict=True):
        assert (pixels[y0:y1, x0:x1] == value).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1)], ids=str)
def test_the_longest_example_images_have_a_pixel(shape):
    canvas = arrange(colored(30, 60, 10), [colored(*shape, 200)], 56)
    ((x0, y0, x1, y1),) = canvas.cells
    assert x1 > x0
    assert y1 > y0
    assert x1 <= 56
    assert y1 <= 56
    assert (canvas.draw()[y0:y1, x0:x1] == 200).all()


def test_boxes_are_placed_in_their_images():
    canvas = arrange(colored(30, 60, 10), [colored(20, 20, 200)], 56)
    np.testing.assert_allclose(canvas.box(np.array([0, 0, 60, 30], np.float32), (30, 60), None), [0, 0, 1, 0.5])
    np.testing.assert_allclose(canvas.box(np.array([0, 10, 10, 20], np.float32), (20, 20), 0), [0, 0.75, 0.25, 1])


def test_masks_are_read_from_the_part_of_the_image():
    geometry = arrange(colored(30, 60, 10), [colored(20, 20, 200)], 56).geometry((30, 60), 16)
    assert geometry.low_res_content_size() == (8, 16)
    rows, columns = geometry.axis_weights()
    assert rows.shape == (30, 16)
    assert columns.shape == (60, 16)
    assert not rows[:, 9:].any()
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)


def test_more_example_images_than_there_is_room_for_are_refused():
    with pytest.raises(PromptError, match="at most 9 other images for one concept, got 10"):
        arrange(colored(30, 60, 10), [colored(9, 9, 200)] * (MAX_IMAGES + 1), 56)
