import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from promptseg.datasets.polygons import INSET, inset_parts, keyholed, one_ring, outlines
from promptseg.masks import Mask

pixels = array_shapes(min_dims=2, max_dims=2, max_side=9).flatmap(lambda shape: arrays(bool, shape, elements=st.booleans())).filter(np.any)


@settings(max_examples=40, deadline=None)
@given(pixels)
def test_outlines_and_their_single_rings_give_the_mask_back(array):
    mask = Mask.from_array(array)
    parts = outlines(mask)
    assert Mask.from_polygons(parts, array.shape) == mask
    assert Mask.from_polygons([keyholed(part) for part in parts], array.shape) == mask
    inset = inset_parts(mask, INSET)
    assert len(inset) == len(parts)
    assert Mask.from_polygons([one_ring([ring for part in inset for ring in part])], array.shape) == mask


@settings(max_examples=40, deadline=None)
@given(pixels)
def test_outlines_are_valid_geometry_of_the_same_area(array):
    geometry = pytest.importorskip("shapely.geometry", reason="judging validity needs shapely")
    parts = geometry.MultiPolygon([(part.exterior, part.holes) for part in outlines(Mask.from_array(array))])
    assert parts.is_valid
    assert parts.area == array.sum()


@settings(max_examples=40, deadline=None)
@given(pixels)
def test_inset_rings_without_bridges_are_exact_for_readers_that_fill_the_outline_too(array):
    import cv2

    for part in inset_parts(Mask.from_array(array), INSET):
        if len(part) == 1:
            filled = np.zeros(array.shape, np.uint8)
            cv2.fillPoly(filled, [part[0].astype(np.int32)], 1)
            alone = Mask.from_polygons(part, array.shape).array
            assert np.array_equal(filled.astype(bool), alone)


def test_pixels_that_touch_at_a_corner_are_parts_of_their_own():
    assert len(outlines(Mask.from_array(np.eye(3, dtype=bool)))) == 3


def test_a_ring_closed_at_a_corner_alone_has_a_hole():
    array = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], bool)
    (part,) = outlines(Mask.from_array(array))
    assert len(part.holes) == 1
    assert Mask.from_polygons([part], (3, 3)) == Mask.from_array(array)


def test_an_empty_mask_has_no_outline():
    empty = Mask.from_array(np.zeros((3, 3), bool))
    assert outlines(empty) == inset_parts(empty, 0.25) == []


class TestOneRing:
    def test_a_ring_is_joined_to_the_nearest_corner_before_it(self):
        square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], np.float32)
        joined = one_ring([square, square + 6, square + 12])
        there = [[0, 0], [4, 0], [4, 4], [6, 6], [10, 6], [10, 10], [12, 12], [16, 12], [16, 16], [12, 16], [12, 12]]
        and_back = [[10, 10], [6, 10], [6, 6], [4, 4], [0, 4]]
        assert joined.tolist() == there + and_back

    def test_several_rings_may_hang_on_one_corner(self):
        dot = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
        joined = one_ring([dot, dot + np.float32([9, 1]), dot + np.float32([1, 9])]).tolist()
        assert len(joined) == 4 + 2 * 6
        assert [index for index, corner in enumerate(joined) if corner == [1, 1]] == [2, 8, 14]

    def test_of_very_many_rings_each_is_there_and_each_bridge_is_gone_twice(self, monkeypatch):
        monkeypatch.setattr("promptseg.datasets.polygons._LOOK_BACK", 16)
        pixels = np.random.default_rng(0).random((40, 40)) > 0.7
        mask = Mask.from_array(pixels)
        rings = [ring for part in inset_parts(mask, INSET) for ring in part]
        assert len(np.concatenate(rings)) > 1000
        assert Mask.from_polygons([one_ring(rings)], pixels.shape) == mask
