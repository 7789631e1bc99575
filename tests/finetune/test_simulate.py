"""Prompts simulated from the truth."""

import numpy as np
import pytest

from promptseg.finetune import simulate
from promptseg.masks import Mask
from promptseg.sam.geometry import LongestSide, Square


@pytest.fixture
def mask():
    pixels = np.zeros((40, 60), bool)
    pixels[5:25, 0:30] = True
    pixels[5:25, 10:12] = False
    return Mask.from_array(pixels)


def test_points_lie_in_the_object_and_boxes_near_its_box_within_the_photo(mask):
    for seed in range(60):
        random = np.random.default_rng(seed)
        ((x, y),) = simulate.point(mask, random).xy.astype(int)
        assert mask.array[y, x]
        box = simulate.box(mask, random).xyxy
        assert (np.abs(box - [0, 5, 30, 25]) <= [3, 2, 3, 2]).all()
        assert (box >= 0).all()


def test_some_boxes_are_tight_and_some_are_not_and_likewise_points_innermost(mask):
    randoms = [np.random.default_rng(seed) for seed in range(40)]
    boxes = {tuple(simulate.box(mask, random).xyxy) for random in randoms}
    points = {tuple(simulate.point(mask, random).xy[0]) for random in randoms}
    assert (0, 5, 30, 25) in boxes
    assert tuple(simulate.centre_point(mask).xy[0]) in points
    assert min(len(boxes), len(points)) > 5


def test_a_prompt_depends_on_its_random_numbers_alone(mask):
    one, same = (simulate.box(mask, np.random.default_rng(7)).xyxy for _ in range(2))
    np.testing.assert_array_equal(one, same)


def test_some_of_many_objects_are_chosen_in_their_order(mask):
    many = [Mask.from_array(np.arange(100).reshape(10, 10) == index) for index in range(9)]
    chosen = simulate.some(many, 4, np.random.default_rng(0))
    places = [many.index(one) for one in chosen]
    assert len(places) == 4
    assert places == sorted(places)
    assert simulate.some(many, 9, np.random.default_rng(0)) == many


@pytest.mark.parametrize("geometry", [LongestSide((40, 60), 64, 16), LongestSide((400, 600), 64, 16), Square((40, 60), 64, 16)])
def test_the_truth_at_low_resolution_is_the_share_that_is_covered(geometry):
    height, width = geometry.size
    pixels = np.zeros(geometry.size, bool)
    pixels[: height // 2, : width // 2] = True
    truth = simulate.low_res(Mask.from_array(pixels), geometry)
    assert truth.shape == geometry.low_res_inner()
    assert truth.dtype == np.float32
    rows, columns = truth.shape
    np.testing.assert_allclose(truth[: rows // 2 - 1, : columns // 2 - 1], 1, atol=1e-6)
    np.testing.assert_allclose(truth[rows // 2 + 1 :], 0, atol=1e-6)
    inner = geometry.inner[0] * geometry.inner[1] / (geometry.frame // geometry.low_res) ** 2
    assert truth.sum() == pytest.approx(inner / 4, rel=0.06)
