"""Boxes as masks: which pixels belong to a box with fractional corners."""

from __future__ import annotations

import numpy as np
import pytest

from promptseg._boxes import filled_box
from promptseg.errors import InputError

SIZE = (4, 5)


def test_a_box_has_the_pixels_whose_centers_lie_within():
    mask = filled_box(np.float32([1.4, 0.6, 3.5, 2.4]), SIZE)
    assert np.argwhere(mask.array).tolist() == [[1, 1], [1, 2]]
    assert mask.from_box


@pytest.mark.parametrize(
    ("box", "pixels"),
    [
        ([1, 0, 3, 2], [1, 0, 3, 2]),
        ([0.5, 0.5, 2.5, 2.5], [0, 0, 2, 2]),  # Centers on the left edge are inside, those on the right edge are not.
        ([1.5, 1.5, 3.5, 3.5], [1, 1, 3, 3]),  # The same at odd numbers: no rounding to even.
        ([0.51, 0.49, 2.51, 2.49], [1, 0, 3, 2]),
        ([-7, -7, 99, 99], [0, 0, 5, 4]),
    ],
)
def test_edges_are_half_open(box, pixels):
    mask = filled_box(box, SIZE)
    assert mask.box.tolist() == pixels
    assert mask.area == (pixels[2] - pixels[0]) * (pixels[3] - pixels[1])


@pytest.mark.parametrize("edge", [1, 1.25, 1.5, 2.5, 2.75])
def test_boxes_that_share_an_edge_share_no_pixel_and_leave_none_out(edge):
    left, right = filled_box([0, 0, edge, 4], SIZE), filled_box([edge, 0, 5, 4], SIZE)
    assert (left.array ^ right.array).all()


@pytest.mark.parametrize("box", [[1.6, 1.6, 1.9, 1.9], [3, 3, 1, 1], [9, 9, 12, 12]])
def test_a_box_that_holds_no_center_is_empty(box):
    assert filled_box(box, SIZE).area == 0


def test_the_mask_has_the_label():
    assert filled_box([0, 0, 1, 1], SIZE, "cat").label == "cat"


@pytest.mark.parametrize(
    "box",
    [
        [0, 0, float("inf"), 5],
        [float("nan"), 0, 1, 1],
        [0, 0, 10**400, 5],
        [0, 0, 1],
        [[0, 0, 1, 1]],
        ["0", 0, 1, 1],
        [True, 0, 1, 1],
        None,
        5,
    ],
    ids=repr,
)
def test_what_is_no_box_is_refused(box):
    with pytest.raises(InputError, match="box"):
        filled_box(box, SIZE)


@pytest.mark.parametrize("far", [1e9, 1e30, 1e300, 10**18])
def test_a_box_that_reaches_far_outside_is_cut_off(far):
    assert filled_box([-far, 1, far, far], SIZE).box.tolist() == [0, 1, 5, 4]


@pytest.mark.parametrize("size", [(0, 4), (-1, 4), (10**9, 10**9), (4.5, 4), (4,), None, ("4", 4), (True, 4)], ids=repr)
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(InputError, match="the size of an image is"):
        filled_box([0, 0, 1, 1], size)
