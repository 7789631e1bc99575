"""Simplified outlines: fewer corners, valid geometry, and each ring where it was."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from promptseg.datasets.polygons import INSET, inset_parts, outlines
from promptseg.datasets.simplification import simplified, simplified_parts
from promptseg.masks import Mask

pixels = array_shapes(min_dims=2, max_dims=2, max_side=14).flatmap(lambda shape: arrays(bool, shape, elements=st.booleans())).filter(np.any)


def disk(radius, size=(240, 260)):
    y, x = np.ogrid[: size[0], : size[1]]
    return (x - 130) ** 2 + (y - 120) ** 2 <= radius**2


def corners(polygons):
    return sum(len(ring) for each in polygons for ring in (each.exterior, *each.holes))


def test_a_smooth_object_comes_down_from_hundreds_of_corners_to_tens():
    mask = Mask.from_array(disk(100))
    exact = outlines(mask)
    rough = simplified(exact, 1.0)
    assert corners(exact) > 400
    assert 20 <= corners(rough) <= 60
    assert mask.iou(Mask.from_polygons(rough, mask.size)) > 0.98


def test_a_larger_tolerance_leaves_fewer_corners_and_no_tolerance_leaves_all():
    exact = outlines(Mask.from_array(disk(100)))
    assert corners(simplified(exact, 4.0)) < corners(simplified(exact, 1.0)) < corners(exact)
    assert all(np.array_equal(a.exterior, b.exterior) for a, b in zip(simplified(exact, 0.0), exact, strict=True))


def test_holes_are_simplified_too_and_stay_holes():
    exact = outlines(Mask.from_array(disk(100) & ~disk(60)))
    (part,) = simplified(exact, 1.0)
    assert len(part.holes) == 1
    assert len(part.holes[0]) < len(exact[0].holes[0]) / 5


@pytest.mark.parametrize("tolerance", [0.7, 2.0, 6.0])
@settings(max_examples=100, deadline=None)
@given(pixels)
def test_simplified_outlines_are_valid_geometry_with_the_same_parts_and_holes(tolerance, array):
    geometry = pytest.importorskip("shapely.geometry", reason="judging validity needs shapely")
    exact = outlines(Mask.from_array(array))
    rough = simplified(exact, tolerance)
    shape = geometry.MultiPolygon([(part.exterior, part.holes) for part in rough])
    assert shape.is_valid
    assert [len(part.holes) for part in rough] == [len(part.holes) for part in exact]
    assert all(each.area > 0 for each in shape.geoms)


@settings(max_examples=60, deadline=None)
@given(pixels, st.floats(0.1, 5))
def test_corners_are_corners_of_the_exact_outline_which_is_nowhere_farther_than_the_tolerance(array, tolerance):
    given_parts = outlines(Mask.from_array(array))
    for part, exact in zip(simplified(given_parts, tolerance), given_parts, strict=True):
        for ring, given_ring in zip((part.exterior, *part.holes), (exact.exterior, *exact.holes), strict=True):
            assert set(map(tuple, ring.tolist())) <= set(map(tuple, given_ring.tolist()))
            edges = list(zip(ring.tolist(), np.roll(ring, -1, axis=0).tolist(), strict=True))
            assert all(min(distance(point, *edge) for edge in edges) <= tolerance + 1e-4 for point in given_ring.tolist())


def distance(point, start, end):
    """From a point to the line between two others."""
    (px, py), (ax, ay), (bx, by) = point, start, end
    length = (bx - ax) ** 2 + (by - ay) ** 2
    along = max(0.0, min(1.0, ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / length))
    return math.hypot(px - ax - along * (bx - ax), py - ay - along * (by - ay))


def test_a_ring_that_would_vanish_stays():
    exact = outlines(Mask.from_array(np.eye(5, dtype=bool)))
    rough = simplified(exact, 50.0)
    assert [len(part.exterior) for part in rough] == [4] * 5


def test_an_island_stays_in_the_hole_around_it():
    array = disk(100) & ~disk(50)
    array[120, 130 + 49] = True  # One pixel, beside the border of the hole.
    array[120, 130 - 60] = False  # A hole of one pixel.
    geometry = pytest.importorskip("shapely.geometry", reason="judging validity needs shapely")
    rough = simplified(outlines(Mask.from_array(array)), 5.0)
    assert sorted(len(part.holes) for part in rough) in ([0, 2], [2])
    assert geometry.MultiPolygon([(part.exterior, part.holes) for part in rough]).is_valid


@settings(max_examples=60, deadline=None)
@given(pixels)
def test_rings_inside_the_pixel_edges_are_simplified_part_by_part(array):
    parts = inset_parts(Mask.from_array(array), INSET)
    rough = simplified_parts(parts, 1.5)
    assert [len(part) for part in rough] == [len(part) for part in parts]
    assert all(3 <= len(a) <= len(b) for part, given_part in zip(rough, parts, strict=True) for a, b in zip(part, given_part, strict=True))


def test_no_rings_are_no_rings():
    assert simplified([], 1.0) == simplified_parts([], 1.0) == []


@pytest.mark.parametrize(
    "ground", [[[0.5, 0], [0, -0.5]], [[0.3, 0.4], [0.4, -0.3]], [[5e-6, 0], [0, 5e-6]]], ids=["north-up", "turned", "tiny"]
)
def test_on_square_ground_a_tolerance_in_its_units_is_one_in_pixels(ground):
    exact = outlines(Mask.from_array(disk(100)))
    unit = math.hypot(ground[0][0], ground[1][0])
    found = simplified(exact, 1.3 * unit, np.array(ground))
    assert all(np.array_equal(a.exterior, b.exterior) for a, b in zip(found, simplified(exact, 1.3), strict=True))


@given(pixels, st.floats(0.1, 6), st.floats(0, 3), st.floats(0.2, 5))
@settings(max_examples=60, deadline=None)
def test_corners_on_any_ground_are_corners_of_the_mask_and_no_farther_from_it_than_the_tolerance(values, tolerance, angle, stretch):
    shapely = pytest.importorskip("shapely", reason="measuring distances needs shapely")
    ground = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) @ np.diag([1, stretch])
    exact = outlines(Mask.from_array(values))
    for given_part, part in zip(exact, simplified(exact, tolerance, ground), strict=True):
        for ring, rough in zip((given_part.exterior, *given_part.holes), (part.exterior, *part.holes), strict=True):
            assert {tuple(corner) for corner in rough.tolist()} <= {tuple(corner) for corner in ring.tolist()}
            outline = shapely.LinearRing(rough.astype(np.float64) @ ground.T)
            left_out = shapely.points(ring.astype(np.float64) @ ground.T)
            assert shapely.distance(left_out, outline).max() <= tolerance + 1e-4
