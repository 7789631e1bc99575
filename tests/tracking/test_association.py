"""Association: the assignment with the greatest sum, color histograms under masks, and IoU between masks of one label."""

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from promptseg.errors import MissingDependencyError
from promptseg.masks import Mask
from promptseg.tracking.association import assign, color_histogram, iou_matrix, same_label

RED, BLUE = (200, 30, 30), (30, 30, 200)


def mask(x0, y0, x1, y1, label=None):
    pixels = np.zeros((20, 30), bool)
    pixels[y0:y1, x0:x1] = True
    return Mask.from_array(pixels, label=label)


def two_colors():
    """Return an image that is red on the left half and blue on the right half."""
    image = np.full((20, 30, 3), RED, np.uint8)
    image[:, 15:] = BLUE
    return image


class TestAssign:
    @pytest.fixture(autouse=True)
    def scipy(self):
        pytest.importorskip("scipy", reason="the assignment needs scipy")

    def test_the_sum_counts_and_not_the_best_single_pair(self):
        assert sorted(assign(np.array([[0.9, 0.8], [0.8, 0.1]]), 0.05)) == [(0, 1), (1, 0)]

    def test_a_pair_below_the_minimum_is_left_out(self):
        assert assign(np.array([[0.9, 0.0], [0.0, 0.3]]), 0.4) == [(0, 0)]

    def test_pairs_below_the_minimum_do_not_displace_one_above_it(self):
        assert assign(np.array([[0.5, 0.39], [0.39, 0.0]]), 0.4) == [(0, 0)]

    def test_a_pair_of_exactly_the_minimum_counts(self):
        assert assign(np.array([[0.4]]), 0.4) == [(0, 0)]

    @pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
    def test_nothing_is_assigned_to_nothing(self, shape):
        assert assign(np.zeros(shape), 0.1) == []

    @given(hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2, max_side=4), elements=st.floats(0, 1, width=16)))
    def test_no_assignment_has_a_greater_sum(self, worth):
        least, (height, width) = 0.25, worth.shape
        square = np.zeros((max(height, width),) * 2)
        square[:height, :width] = np.where(worth >= least, worth, 0)
        best = max(square[np.arange(len(square)), list(order)].sum() for order in itertools.permutations(range(len(square))))
        pairs = assign(worth, least)
        assert sum(worth[pair] for pair in pairs) == pytest.approx(best)
        assert all(worth[pair] >= least for pair in pairs)
        assert all(len(set(side)) == len(pairs) for side in zip(*pairs, strict=True))


def test_without_scipy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(MissingDependencyError, match=r"\[video\]"):
        assign(np.ones((1, 1)), 0.5)


class TestColorHistogram:
    def test_it_is_of_length_one(self):
        histogram = color_histogram(two_colors(), mask(10, 5, 20, 15))
        assert histogram.shape == (512,)
        assert histogram @ histogram == pytest.approx(1)

    def test_equal_colors_have_a_likeness_of_1_whatever_place_and_size(self):
        assert color_histogram(two_colors(), mask(0, 0, 5, 5)) @ color_histogram(two_colors(), mask(3, 7, 14, 19)) == pytest.approx(1)

    def test_other_colors_have_a_likeness_of_0(self):
        assert color_histogram(two_colors(), mask(0, 0, 5, 5)) @ color_histogram(two_colors(), mask(20, 0, 25, 5)) == 0

    def test_half_of_the_color_gives_the_root_of_a_half(self):
        likeness = color_histogram(two_colors(), mask(0, 0, 5, 5)) @ color_histogram(two_colors(), mask(10, 0, 20, 4))
        assert likeness == pytest.approx(0.5**0.5)

    def test_pixels_in_the_box_but_not_in_the_mask_do_not_count(self):
        pixels = np.zeros((20, 30), bool)
        pixels[0, 0] = pixels[10:15, 0:5] = True
        pixels[0, 0:2] = True
        image = np.full((20, 30, 3), BLUE, np.uint8)
        image[pixels] = RED
        assert np.count_nonzero(color_histogram(image, Mask.from_array(pixels))) == 1


@pytest.mark.parametrize(
    ("first", "second", "same"), [("dog", "dog", True), ("dog", "cat", False), (None, "cat", True), ("dog", None, True)]
)
def test_labels_may_be_of_one_object_where_they_are_equal_or_one_is_unknown(first, second, same):
    assert same_label(first, second) is same


def test_iou_counts_between_masks_whose_labels_agree():
    first = [mask(0, 0, 10, 10, "dog"), mask(0, 0, 10, 10, "cat"), mask(0, 0, 10, 10)]
    second = [mask(0, 0, 10, 5, "dog"), mask(20, 0, 25, 5)]
    assert iou_matrix(first, second).tolist() == [[0.5, 0], [0, 0], [0.5, 0]]


def test_no_masks_have_an_empty_iou_matrix():
    assert iou_matrix([], [mask(0, 0, 1, 1)]).shape == (0, 1)
