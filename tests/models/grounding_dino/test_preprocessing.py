"""Model inputs equal those of the original code to the bit."""

import numpy as np
import pytest
from PIL import Image

from promptseg.models.grounding_dino.preprocessing import InputSize, preprocess


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((480, 640), (800, 1066)),
        ((640, 480), (1066, 800)),
        ((800, 800), (800, 800)),
        ((1000, 3000), (444, 1332)),
        ((1, 1), (800, 800)),
        ((1, 37), (36, 1332)),
    ],
)
def test_the_shorter_side_is_800_unless_the_longer_would_pass_1333(size, expected):
    assert InputSize().of(size) == expected


@pytest.mark.parametrize(("size", "expected"), [((1, 100), (33, 1333)), ((5000, 1), (1333, 33)), ((3, 9999), (33, 1333))])
def test_an_image_that_is_nearly_a_line_has_enough_feature_positions_for_900_queries(size, expected):
    height, width = InputSize().of(size)
    assert (height, width) == expected
    assert sum(-(-height // step) * -(-width // step) for step in (8, 16, 32, 64)) >= 900


@pytest.fixture(scope="module")
def upstream():
    """Preprocessing of the original code."""
    pytest.importorskip("torch", reason="the original code needs torch")
    pytest.importorskip("groundingdino", reason="groundingdino-py is not installed")
    from groundingdino.datasets import transforms

    return transforms.Compose(
        [
            transforms.RandomResize([800], max_size=1333),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )


def test_input_sizes_are_those_of_the_original_code(upstream):
    random = np.random.default_rng(0)
    for width, height in random.integers(1, 4000, (300, 2)).tolist():
        if max(width, height) <= 36 * min(width, height):
            resized, _ = upstream.transforms[0](Image.new("1", (width, height)), None)
            assert InputSize().of((height, width)) == (resized.height, resized.width)


@pytest.mark.parametrize("size", [(120, 160), (1700, 900), (37, 1000)], ids=str)
def test_the_model_input_is_that_of_the_original_code_to_the_bit(upstream, photo, size):
    pixels = photo(*size)
    theirs, _ = upstream(Image.fromarray(pixels), None)
    assert np.array_equal(preprocess(pixels, InputSize()), theirs.numpy())
