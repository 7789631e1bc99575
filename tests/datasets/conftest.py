"""Fixtures for the tests of formats: images on the disk."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def save(tmp_path):
    """Write an image: ``save("images/a.png", array)`` is its path."""

    def save(name, array=None, **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((6, 8, 3), np.uint8) if array is None else array).save(path, **options)
        return path

    return save


@pytest.fixture
def square():
    """(6, 8) bool with a square of four pixels at (2, 1)."""
    pixels = np.zeros((6, 8), bool)
    pixels[1:3, 2:4] = True
    return pixels
