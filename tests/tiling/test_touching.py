import itertools

import numpy as np
import pytest

from promptseg.tiling.touching import touching_pairs


def compared_one_by_one(boxes):
    return {
        (i, j)
        for (i, one), (j, other) in itertools.combinations(enumerate(boxes.tolist()), 2)
        if one[0] < other[2] and one[2] > other[0] and one[1] < other[3] and one[3] > other[1]
    }


@pytest.mark.parametrize("largest", [1, 3, 40, 900])
def test_pairs_are_those_of_comparing_each_box_with_each_other(largest):
    random = np.random.default_rng(largest)
    corners = random.integers(0, 1000, (300, 2))
    boxes = np.concatenate([corners, corners + random.integers(1, largest + 1, (300, 2))], axis=1).astype(np.int64)
    found = list(touching_pairs(boxes))
    assert len(set(found)) == len(found)
    assert set(found) == compared_one_by_one(boxes)


def test_boxes_that_share_an_edge_alone_do_not_touch():
    assert list(touching_pairs(np.array([[0, 0, 8, 8], [8, 0, 16, 8], [0, 8, 8, 16]], np.int64))) == []


def test_a_large_box_touches_all_small_ones_in_it():
    small = np.array([[x, y, x + 2, y + 2] for x in range(0, 100, 10) for y in range(0, 100, 10)], np.int64)
    pairs = list(touching_pairs(np.concatenate([[[0, 0, 100, 100]], small]).astype(np.int64)))
    assert sorted(pairs) == [(0, index) for index in range(1, 101)]


def test_places_beyond_two_to_the_power_of_32_are_told_apart():
    far = 1 << 40
    assert list(touching_pairs(np.array([[far, far, far + 3, far + 3], [far + 2, far + 2, far + 5, far + 5], [2, 2, 5, 5]], np.int64))) == [
        (0, 1)
    ]


def test_no_boxes_have_no_pairs():
    assert list(touching_pairs(np.zeros((0, 4), np.int64))) == []
