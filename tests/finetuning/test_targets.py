"""Training targets, and the image tokens that they are sampled at."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="fine-tuning needs torch")

from promptseg.finetuning.targets import low_res, target
from promptseg.masks import Mask
from promptseg.models.sam.geometry import ResizeLongestSide, StretchToSquare

SIZE = (48, 64)
GEOMETRY = ResizeLongestSide(SIZE, 64, 32)  # A grid of 8 x 8 image tokens, of which 6 rows show the image.


def rectangle(y0, y1, x0, x1, size=SIZE):
    pixels = np.zeros(size, bool)
    pixels[y0:y1, x0:x1] = True
    return Mask.from_array(pixels)


@pytest.mark.parametrize(
    "geometry", [ResizeLongestSide((40, 60), 64, 16), ResizeLongestSide((400, 600), 64, 16), StretchToSquare((40, 60), 64, 16)]
)
def test_the_truth_at_low_resolution_is_the_share_that_is_covered(geometry):
    height, width = geometry.size
    truth = low_res(rectangle(0, height // 2, 0, width // 2, geometry.size), geometry)
    assert truth.shape == geometry.low_res_content_size()
    assert truth.dtype == np.float32
    rows, columns = truth.shape
    np.testing.assert_allclose(truth[: rows // 2 - 1, : columns // 2 - 1], 1, atol=1e-6)
    np.testing.assert_allclose(truth[rows // 2 + 1 :], 0, atol=1e-6)
    inner = geometry.content_size[0] * geometry.content_size[1] / (geometry.input_size // geometry.low_res) ** 2
    assert truth.sum() == pytest.approx(inner / 4, rel=0.06)


def test_each_image_token_has_its_own_logits():
    found = target(rectangle(8, 16, 16, 32), (), GEOMETRY)  # Row 1, columns 2 and 3 of the grid.
    assert np.flatnonzero(found.share.any(axis=1)).tolist() == [10, 11]
    assert (found.share[[10, 11]] == 1).all()


def test_what_is_beyond_the_image_or_ignored_does_not_count():
    found = target(rectangle(8, 16, 16, 32), [rectangle(0, 8, 0, 8)], GEOMETRY)
    assert (found.valid_share[48:] == 0).all()
    assert (found.valid_share[0] == 0).all()
    places, weights = found.all_tokens()
    assert places.tolist() == list(range(1, 48))
    assert (weights == 1).all()


def test_some_tokens_stand_for_all_and_half_of_them_are_near_the_object():
    found = target(rectangle(8, 16, 16, 32), (), GEOMETRY)
    places, weights = found.sample(12, np.random.default_rng(0))
    assert len(set(places.tolist())) == 12
    near = {row * 8 + column for row in range(3) for column in range(1, 5)}
    assert sum(place in near for place in places.tolist()) == 6
    assert weights.sum() == pytest.approx(48 * 16)
    sums = []
    for seed in range(200):
        places, weights = found.sample(12, np.random.default_rng(seed))
        sums.append((found.share[places] * weights).sum())
    assert np.mean(sums) == pytest.approx(found.share.sum(), rel=0.1)


def test_as_many_tokens_as_there_are_are_all_of_them():
    found = target(rectangle(8, 16, 16, 32), (), GEOMETRY)
    for one, other in zip(found.sample(48, np.random.default_rng(0)), found.all_tokens(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("mask", [rectangle(0, 48, 0, 64), rectangle(0, 1, 0, 1)])
def test_an_object_that_fills_the_image_or_hardly_shows_has_just_as_many(mask):
    places, weights = target(mask, (), GEOMETRY).sample(20, np.random.default_rng(0))
    assert places.shape == (20,)
    assert weights.shape == (20, 16)
    assert (weights > 0).all()
