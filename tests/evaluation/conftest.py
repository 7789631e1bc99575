"""Fixtures for evaluation: a folder of images with masks, and models that need no weights."""

import numpy as np
import pytest
from PIL import Image

from promptseg.datasets.formats.paired_masks import read_paired_masks


@pytest.fixture
def folder(tmp_path, photo):
    """Three images of 60 x 80 with two objects each: 1, a rectangle that is its own box, and 2, a disc of radius 7.5."""
    y, x = np.ogrid[:60, :80]
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for index in range(3):
        labels = np.zeros((60, 80), np.uint8)
        labels[5:25, 5 + index : 35] = 1
        labels[(x - 55) ** 2 + (y - 35 - index) ** 2 <= 7.5**2] = 2
        Image.fromarray(photo(60, 80, index)).save(tmp_path / "images" / f"{index}.png")
        Image.fromarray(labels).save(tmp_path / "masks" / f"{index}.png")
    return tmp_path


@pytest.fixture
def dataset(folder):
    return read_paired_masks(folder / "images", folder / "masks")
