"""The grid of patches: it covers the image evenly, row by row, with an encoder that gives each patch its mean color."""

import numpy as np
import pytest

from promptseg.errors import BackendError, InputError
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="features need torch")

from promptseg.models.patch_features.extractor import PatchFeatures  # noqa: E402 - It needs torch.

PROVENANCE = Provenance("means", "tests", "test 1")


def means(pixels):
    """Return a class token, and the mean color of each patch of 10 x 10."""
    patches = torch.nn.functional.avg_pool2d(pixels, 10).flatten(2).transpose(1, 2)
    return torch.cat([torch.full((1, 1, 3), 9.0), patches], dim=1)


def extractor(encode=means, longest=60):
    return PatchFeatures(encode, 10, PROVENANCE, torch.device("cpu"), longest=longest, mean=(0, 0, 0), std=(1, 1, 1))


@pytest.mark.parametrize(
    ("size", "grid"),
    [((60, 60), (6, 6)), ((30, 60), (3, 6)), ((600, 200), (6, 2)), ((1, 1000), (1, 6)), ((1, 1), (6, 6)), ((43, 60), (4, 6))],
)
def test_the_longer_side_has_so_many_patches_and_the_other_at_least_one(size, grid):
    assert extractor().grid(size) == grid


def test_the_cell_at_a_row_and_column_is_of_that_place_of_the_image():
    image = np.zeros((30, 60, 3), np.uint8)
    image[20:, 10:20] = (255, 0, 0)  # Row 2, column 1.
    found = extractor().features(image)
    assert found.values.shape == (3, 3, 6)
    assert found.size == (30, 60)
    expected = np.zeros((3, 3, 6), np.float32)
    expected[0, 2, 1] = 1
    np.testing.assert_allclose(found.values, expected, atol=1e-6)


def test_an_encoder_without_patches_is_said_as_such():
    with pytest.raises(BackendError, match=r"gave \(1, 3\) for 6 x 6 patches"):
        extractor(lambda pixels: pixels.mean(dim=(2, 3))).features(np.zeros((60, 60, 3), np.uint8))


def test_numbers_that_are_none_are_an_error():
    with pytest.raises(BackendError, match="NaN or infinity"):
        extractor(lambda pixels: means(pixels) * torch.nan).features(np.zeros((60, 60, 3), np.uint8))


def test_what_is_no_image_is_refused():
    with pytest.raises(InputError):
        extractor().features(b"no image")
