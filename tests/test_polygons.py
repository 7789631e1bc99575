"""Rasterization of polygons, compared with pycocotools on the whole image."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from promptseg import _polygons
from promptseg.errors import InputError
from promptseg.masks import Mask, Polygon

# Whole numbers, tenths and halves lie on the rounding boundaries of the COCO rule.
COORDINATES = st.one_of(
    st.integers(-90, 150).map(float),
    st.integers(-900, 1500).map(lambda tenths: tenths / 10),
    st.integers(-180, 300).map(lambda halves: halves / 2),
    st.floats(-90, 150),
    st.floats(-3e4, 3e4),
)
RINGS = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=3, max_size=9)
SIZES = st.tuples(st.integers(1, 70), st.integers(1, 70))


def by_pycocotools(ring, size):
    return coco.decode(coco.frPyObjects([[float(value) for corner in ring for value in corner]], *size))[..., 0].astype(bool)


@given(RINGS, SIZES)
def test_a_polygon_has_the_pixels_that_pycocotools_gives_it(ring, size):
    assert Mask.from_polygons([ring], size) == Mask.from_array(by_pycocotools(ring, size))


@given(RINGS, st.lists(RINGS, min_size=1, max_size=2), RINGS, SIZES)
def test_polygons_are_united_and_holes_are_cut_from_their_own_polygon_alone(exterior, holes, other, size):
    pixels = by_pycocotools(exterior, size) & ~np.logical_or.reduce([by_pycocotools(hole, size) for hole in holes])
    mask = Mask.from_polygons([Polygon(exterior, tuple(holes)), other], size)
    assert np.array_equal(mask.array, pixels | by_pycocotools(other, size))


@given(RINGS, SIZES)
def test_crossings_held_in_many_chunks_give_the_same_mask(ring, size):
    whole = Mask.from_polygons([ring, ring[::-1]], size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_polygons, "_CHUNK", 3)
        assert Mask.from_polygons([ring, ring[::-1]], size) == whole


@pytest.mark.parametrize("far", [1e4, 1e7, 4.3e8, 1e9, 9e11])
def test_a_polygon_that_reaches_far_outside_is_cut_off_at_the_image(far):
    near = Mask.from_polygons([[0, 0, 2000, 0, 2000, 2000]], (48, 64))
    assert Mask.from_polygons([[0, 0, far, 0, far, far]], (48, 64)) == near
    assert Mask.from_polygons([[-far, -far, far, -far, far, far, -far, far]], (48, 64)).area == 48 * 64
    assert Mask.from_polygons([[far, far, far + 9, far, far, far + 9]], (48, 64)).area == 0


@pytest.mark.parametrize("far", [1.1e12, 1e300, -1e300])
def test_a_coordinate_that_floats_cannot_place_is_refused_with_its_value(far):
    with pytest.raises(InputError, match="coordinates of at most 1e\\+12 pixels, got one of"):
        Mask.from_polygons([[0, 0, far, 0, 5, 5]], (48, 64))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**400, True, None, "1", 1j], ids=repr)
@pytest.mark.parametrize("where", ["exterior", "hole"])
def test_a_corner_that_is_no_finite_number_is_refused(value, where):
    bad, square = [(0, 0), (value, 0), (5, 5)], [(0, 0), (6, 0), (6, 6), (0, 6)]
    with pytest.raises(InputError, match="a polygon"):
        Mask.from_polygons([bad if where == "exterior" else Polygon(square, (bad,))], (9, 9))


@pytest.mark.parametrize(
    "polygons", [5, None, [5], [Polygon([0, 0, 5, 0, 5, 5], None)], [[(0, 0, 0), (5, 0, 0), (5, 5, 0), (1, 1, 1)]]], ids=repr
)
def test_what_is_no_list_of_polygons_is_refused(polygons):
    with pytest.raises(InputError, match="polygon"):
        Mask.from_polygons(polygons, (9, 9))


def test_memory_grows_with_the_outlines_and_not_with_the_image():
    parts = [[x, y, x + 9, y, x + 9, y + 9, x, y + 9] for x in range(0, 4000, 200) for y in range(0, 2000, 100)]
    tracemalloc.start()
    try:
        mask = Mask.from_polygons(parts, (3000, 4000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert mask.area == len(parts) * 81
    assert peak < 40 << 20
