"""Well-known binary, written and read against shapely."""

import numpy as np
import pytest

from promptseg.geo.wkb import multipolygon, read_wkb

shapely = pytest.importorskip("shapely")

SQUARE = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]
HOLE = [[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]]


def test_what_is_written_is_what_shapely_reads():
    parts = [[np.array(SQUARE, float), np.array(HOLE, float)], [np.array(SQUARE, float) + 10]]
    assert shapely.from_wkb(multipolygon(parts)).equals_exact(
        shapely.MultiPolygon([shapely.Polygon(SQUARE, [HOLE]), shapely.Polygon(np.array(SQUARE) + 10)])
    )


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("flavor", ["iso", "extended"])
@pytest.mark.parametrize(
    "text", ["POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 1 2, 2 2, 2 1, 1 1))", "POLYGON Z ((0 0 9, 4 0 9, 4 4 9, 0 0 9))"]
)
def test_polygons_of_other_programs_are_read(text, flavor, order):
    geometry = shapely.from_wkt(text)
    data = shapely.to_wkb(shapely.set_srid(geometry, 25832), flavor=flavor, byte_order=order, include_srid=flavor == "extended")
    (rings,) = read_wkb(data).parts
    expected = [shapely.get_exterior_ring(geometry), *shapely.get_rings(geometry)[1:]]
    assert [ring.tolist() for ring in rings] == [shapely.get_coordinates(each)[:-1].tolist() for each in expected]


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("text", ["POINT (1 2)", "MULTIPOINT (1 2, 3 4)", "MULTIPOINT ZM (1 2 5 6, 3 4 5 6)", "POINT M (1 2 7)"])
def test_points_are_read(text, order):
    geometry = shapely.from_wkt(text)
    found = read_wkb(shapely.to_wkb(geometry, flavor="iso", byte_order=order))
    assert found.points.tolist() == shapely.get_coordinates(geometry).tolist()
    assert found.parts == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("LINESTRING (0 0, 1 1)", "LineString"),
        ("GEOMETRYCOLLECTION (POINT (1 1))", "GeometryCollection"),
        ("POINT EMPTY", "not finite"),
        ("POLYGON EMPTY", "empty"),
        ("MULTIPOLYGON EMPTY", "empty"),
    ],
)
def test_what_has_no_place_or_area_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        read_wkb(shapely.to_wkb(shapely.from_wkt(text)))


def test_a_ring_of_two_corners_is_refused():
    flat = multipolygon([[np.array([[0, 0], [1, 1], [0, 0]], float)]])
    with pytest.raises(ValueError, match="2 corners"):
        read_wkb(flat)


def test_data_that_is_cut_off_anywhere_is_refused():
    whole = multipolygon([[np.array(SQUARE, float), np.array(HOLE, float)]])
    for length in range(len(whole)):
        with pytest.raises(ValueError, match=r"cut off|empty"):
            read_wkb(whole[:length])


def test_a_number_of_parts_that_the_data_cannot_hold_is_refused_at_once():
    with pytest.raises(ValueError, match="cut off"):
        read_wkb(b"\x01\x06\x00\x00\x00\xff\xff\xff\xff")
