"""Boxes as masks: which pixels belong to a box with fractional corners."""

from __future__ import annotations

import numpy as np
import pytest

from promptseg._boxes import filled_box

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
