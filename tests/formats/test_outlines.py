import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from promptseg.formats.outlines import INSET, inset_parts, keyholed, one_ring, outlines
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
    geometry = pytest.importorskip("shapely.geometry", reason="validity is judged by shapely")
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
