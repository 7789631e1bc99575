"""A large image is resized in strips to the pixels that Pillow gives in one piece."""

import numpy as np
import pytest
from PIL import Image

from promptseg.models.sam import resizing
from promptseg.models.sam.resizing import resized


def in_one_piece(image, size):
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))


@pytest.fixture(autouse=True)
def strips(monkeypatch):
    """Strips of an image of thousands of pixels."""
    monkeypatch.setattr(resizing, "LARGE", 1000)
    monkeypatch.setattr(resizing, "STRIP_PIXELS", 2000)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize(
    ("given", "size"),
    [
        ((60, 100), (31, 52)),
        ((100, 100), (64, 64)),
        ((100, 300), (100, 64)),
        ((99, 100), (50, 100)),
        ((300, 40), (100, 13)),
        ((40, 90), (64, 144)),
    ],
)
def test_the_pixels_are_the_same(given, size, kind):
    image = np.random.default_rng(0).integers(0, 255, (*given, 3) if kind is np.uint8 else given).astype(kind)
    assert np.array_equal(resized(image, size, kind), in_one_piece(image, size))


def test_a_wide_image_is_never_given_to_pillow_as_a_whole(monkeypatch):
    given = []
    fromarray = Image.fromarray
    monkeypatch.setattr(Image, "fromarray", lambda array: given.append(array.shape) or fromarray(array))
    resized(np.zeros((200, 300, 3), np.uint8), (50, 75))
    assert max(height * width for height, width, _ in given) <= 200 * 75
