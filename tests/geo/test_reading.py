"""Prompts and objects from files that pyogrio, pyarrow and plain JSON write."""

import json
import os
import warnings

import numpy as np
import pytest

from geo_scenes import NORTH_UP, PLACES, SIZE, drawn, raster_at, shapes
from promptseg.errors import InputError, InputWarning
from promptseg.geo import vector_file
from promptseg.geo.reading import read_prompts, read_scene
from promptseg.geo.vectors import VECTOR_SUFFIXES, write_vectors
from promptseg.rasters.georeference import Georeference

pyogrio = pytest.importorskip("pyogrio")
pytest.importorskip("pyarrow")
rasterio = pytest.importorskip("rasterio")
shapely = pytest.importorskip("shapely")

RASTER = raster_at(NORTH_UP)


def world(*places):
    return [tuple(place) for place in NORTH_UP.to_world(np.array(places, float)).tolist()]


def geojson(path, features, crs="urn:ogc:def:crs:EPSG::32632", **members):
    """Write features, each ``(type, coordinates, properties)``; ``crs=None`` leaves that member out."""
    if crs is not None:
        members["crs"] = {"type": "name", "properties": {"name": crs}}
    listed = [
        {"type": "Feature", "geometry": kind and {"type": kind, "coordinates": coordinates}, "properties": properties}
        for kind, coordinates, properties in features
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", **members, "features": listed}))
    return path


def geopackage(path, geometries, crs="EPSG:32632", **fields):
    """Write geometries of shapely with their attributes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")
        pyogrio.raw.write(
            path,
            shapely.to_wkb(np.array(geometries, object)),
            [np.array(values, object) for values in fields.values()],
            list(fields),
            crs=crs,
            geometry_type="Unknown",
            driver="GPKG",
            layer=path.stem,
        )
    return path


@pytest.mark.parametrize("suffix", VECTOR_SUFFIXES)
@pytest.mark.parametrize("name", [*PLACES, None])
def test_what_is_written_is_read_again(suffix, name, tmp_path):
    place = PLACES.get(name)
    write_vectors(shapes(), tmp_path / f"objects{suffix}", georeference=place)
    found = read_scene(tmp_path / f"objects{suffix}", raster_at(place))
    assert list(found) == list(shapes())
    assert found.labels == shapes().labels
    assert [mask.score for mask in found] == [mask.score for mask in shapes()]


@pytest.mark.parametrize("suffix", VECTOR_SUFFIXES)
def test_a_system_without_an_epsg_code_is_known_again(suffix, tmp_path):
    own, other = (crs(f"+proj=tmerc +lon_0={meridian} +x_0=1000 +datum=WGS84 +units=m") for meridian in (7.5, 8))
    write_vectors(shapes(), tmp_path / f"objects{suffix}", georeference=Georeference(NORTH_UP.matrix, None, own))
    assert len(read_scene(tmp_path / f"objects{suffix}", raster_at(Georeference(NORTH_UP.matrix, None, own)))) == 5
    with pytest.raises(InputError, match=r"gdalsrsinfo -o wkt scene\.tif > raster\.prj && ogr2ogr -t_srs raster\.prj"):
        read_scene(tmp_path / f"objects{suffix}", raster_at(Georeference(NORTH_UP.matrix, None, other)))


def test_a_wkt_that_is_no_text_is_named(tmp_path):
    own = '{"type": "FeatureCollection", "promptseg": {"coordinates": "world", "wkt": "\\x"}, "features": []}'
    (tmp_path / "a.geojson").write_text(own)
    with pytest.raises(InputError, match=r"a\.geojson cannot be read"):
        read_scene(tmp_path / "a.geojson", RASTER)


def crs(proj):
    return rasterio.crs.CRS.from_proj4(proj).to_wkt()


def test_a_point_is_a_click_on_the_pixel_that_holds_it(tmp_path):
    ((x, y),) = world((10.75, 20.25))
    (found,) = read_prompts(geojson(tmp_path / "a.geojson", [("Point", [x, y], {"label": "roof", "id": 7, "note": "old"})]), RASTER)
    assert found.prompt.xy.tolist() == [[10.25, 19.75]]  # The center of the pixel is (10, 20).
    assert (found.prompt.foreground.tolist(), found.label, found.prompt.kinds) == ([True], "roof", {"point"})
    assert found.attributes == {"label": "roof", "id": 7, "note": "old"}
    assert found.place == f"feature 1 (id 7) of {tmp_path / 'a.geojson'}"


def test_points_are_read_from_a_geopackage_with_their_attributes(tmp_path):
    places = [shapely.Point(each) for each in world((1, 1), (5, 5))]
    path = geopackage(tmp_path / "points.gpkg", places, name=["tree", "car"], foreground=[True, True])
    assert [(each.label, each.prompt.xy.tolist()) for each in read_prompts(path, RASTER)] == [("tree", [[0.5, 0.5]]), ("car", [[4.5, 4.5]])]


def test_a_multipoint_is_several_clicks_for_one_object(tmp_path):
    (found,) = read_prompts(geojson(tmp_path / "a.geojson", [("MultiPoint", world((1, 1), (2, 3)), {})]), RASTER)
    assert found.prompt.xy.tolist() == [[0.5, 0.5], [1.5, 2.5]]


def test_a_polygon_is_its_pixels_and_the_box_around_it(tmp_path):
    triangle = world((10, 10), (30, 10), (10, 50), (10, 10))
    (found,) = read_prompts(geojson(tmp_path / "a.geojson", [("Polygon", [triangle], {"class": "roof"})]), RASTER)
    assert found.prompt.xyxy.tolist() == [10, 10, 30, 50]
    shape = found.prompt.scene_mask
    assert shape.box[:2] == (10, 10)
    assert shape.area == pytest.approx(400, rel=0.05)
    assert found.prompt.without_mask().kinds == {"box"}
    assert found.label == "roof"


def test_a_rectangle_along_the_pixels_is_a_box_alone(tmp_path):
    ring = world((10, 10), (30, 10), (30, 50), (10, 50), (10, 10))
    (found,) = read_prompts(geojson(tmp_path / "a.geojson", [("Polygon", [ring], {})]), RASTER)
    assert (found.prompt.xyxy.tolist(), found.prompt.kinds) == ([10, 10, 30, 50], {"box"})


@pytest.mark.parametrize("no", [False, 0, "false", "No"])
def test_features_of_one_object_are_one_prompt(tmp_path, no):
    ring = world((10, 10), (30, 10), (30, 50), (10, 50), (10, 10))
    features = [
        ("Polygon", [ring], {"object": "a", "label": "roof"}),
        ("Point", world((5, 5))[0], {"object": 2}),
        ("Point", world((20, 20))[0], {"object": "a", "foreground": no}),
    ]
    first, second = read_prompts(geojson(tmp_path / "a.geojson", features), RASTER)
    assert (first.prompt.xyxy.tolist(), first.prompt.xy.tolist()) == ([10, 10, 30, 50], [[19.5, 19.5]])
    assert (first.prompt.foreground.tolist(), first.label) == ([False], "roof")
    assert second.prompt.xy.tolist() == [[4.5, 4.5]]


def test_a_point_on_the_background_needs_an_object(tmp_path):
    path = geojson(tmp_path / "a.geojson", [("Point", world((5, 5))[0], {"foreground": False})])
    with pytest.raises(InputError, match=r"feature 1 of .* is on the background: give the same attribute object"):
        read_prompts(path, RASTER)


def test_features_outside_of_the_raster_are_left_out_and_counted(tmp_path):
    path = geojson(tmp_path / "a.geojson", [("Point", world((5, 5))[0], {}), ("Point", world((5, 301))[0], {})])
    with pytest.warns(InputWarning, match=r"1 of the 2 features of .* has no pixel in scene\.tif, which is 400 wide and 300 high"):
        assert len(read_prompts(path, RASTER)) == 1


def test_a_file_of_another_place_is_refused(tmp_path):
    with pytest.raises(InputError, match="is the file of another raster"):
        read_prompts(geojson(tmp_path / "a.geojson", [("Point", world((5, 301))[0], {})]), RASTER)


@pytest.mark.parametrize("read", [read_prompts, read_scene])
def test_another_system_is_refused_by_name_with_the_command_that_reprojects(read, tmp_path):
    path = geopackage(tmp_path / "a.gpkg", [shapely.box(7.5, 52, 7.6, 52.1)], crs="EPSG:4326")
    with pytest.raises(
        InputError, match=r"EPSG:4326 \(WGS 84\), and scene\.tif in EPSG:32632 \(WGS 84 / UTM zone 32N\).*ogr2ogr -t_srs EPSG:32632"
    ):
        read(path, RASTER)


def test_geojson_that_names_no_system_is_in_longitude_and_latitude(tmp_path):
    path = geojson(tmp_path / "a.geojson", [("Point", [7.5, 52], {})], crs=None)
    with pytest.raises(InputError, match=r"EPSG:4326 \(WGS 84\), and scene\.tif in EPSG:32632"):
        read_prompts(path, RASTER)
    degrees = raster_at(Georeference((1e-3, 0, 7.4, 0, -1e-3, 52.1), 4326))
    assert read_prompts(path, degrees)[0].prompt.xy[0] == pytest.approx([99.5, 99.5], abs=1e-3)


def test_a_file_that_names_no_system_does_not_fit_a_raster_that_does(tmp_path):
    path = geopackage(tmp_path / "a.gpkg", [shapely.Point(world((5, 5))[0])], crs=None)
    with pytest.raises(
        InputError, match=r"names no coordinate reference system, and scene\.tif is in EPSG:32632.*ogr2ogr -a_srs EPSG:32632"
    ):
        read_prompts(path, RASTER)


def test_coordinates_are_pixels_where_the_raster_has_no_georeference(tmp_path):
    path = geojson(tmp_path / "a.geojson", [("Point", [10.5, 20.5], {})], crs=None)
    assert read_prompts(path, raster_at(None))[0].prompt.xy.tolist() == [[10, 20]]


@pytest.mark.parametrize("stated", ["urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:EPSG::32632"])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("read", [read_prompts, read_scene])
def test_geojson_that_states_a_system_does_not_fit_a_raster_without_georeference(read, last, stated, tmp_path):
    path = geojson(tmp_path / "a.geojson", [("Polygon", [[[7, 52], [8, 52], [8, 53], [7, 52]]], {"crs": None})] * 99, crs=stated)
    if last:  # After the features.
        members = json.loads(path.read_text())
        path.write_text(json.dumps({"type": "FeatureCollection", "features": members["features"], "crs": members["crs"]}))
    with pytest.raises(InputError, match=r"a\.geojson is in .*scene\.tif has no georeference, so coordinates are its pixels"):
        read(path, raster_at(None))


def test_longitude_and_latitude_that_promptseg_wrote_do_not_fit_a_raster_without_georeference(tmp_path):
    write_vectors(shapes(), tmp_path / "objects.geojson", georeference=Georeference((1e-3, 0, 7.4, 0, -1e-3, 52.1), 4326))
    with pytest.raises(InputError, match=r"EPSG:4326.*scene\.tif has no georeference"):
        read_scene(tmp_path / "objects.geojson", raster_at(None))


@pytest.mark.parametrize("kind", ["Point", "Polygon"])
def test_geojson_that_states_no_system_and_has_no_degrees_may_be_in_that_of_the_raster(kind, tmp_path):
    places = world((10, 10), (30, 10), (10, 50), (10, 10))
    path = geojson(tmp_path / "a.geojson", [(kind, places[0] if kind == "Point" else [places], {})], crs=None)
    why = r"states no .* means degrees, and its coordinates are none, such as \(\d+.*\).*EPSG:32632.*ogr2ogr -a_srs EPSG:32632 copy\.gpkg"
    with pytest.raises(InputError, match=why):
        read_prompts(path, RASTER)


@pytest.mark.parametrize("read", [read_prompts, read_scene])
def test_the_name_of_a_layer_may_not_be_missing(read, tmp_path):
    geopackage(tmp_path / "a.gpkg", [shapely.Point(world((5, 5))[0])])
    with pytest.raises(InputError, match=r"the name of the layer is missing after .*a\.gpkg: give .*a\.gpkg:LAYER"):
        read(tmp_path / "a.gpkg:", RASTER)


def test_world_coordinates_do_not_fit_a_raster_without_georeference(tmp_path):
    with pytest.raises(InputError, match=r"EPSG:32632.*scene\.tif has no georeference, so coordinates are its pixels"):
        read_prompts(geopackage(tmp_path / "a.gpkg", [shapely.Point(world((5, 5))[0])]), raster_at(None))


def test_coordinates_count_as_they_are_where_the_raster_names_no_system(tmp_path):
    path = geopackage(tmp_path / "a.gpkg", [shapely.Point(world((5, 5))[0])])
    (found,) = read_prompts(path, raster_at(Georeference(NORTH_UP.matrix)))
    assert found.prompt.xy.tolist() == [[4.5, 4.5]]


def test_polygons_are_cut_at_the_border_of_the_raster(tmp_path):
    ring = world((390, 290), (450, 290), (450, 350), (390, 350), (390, 290))
    (found,) = read_scene(geojson(tmp_path / "a.geojson", [("Polygon", [ring], {"score": 0.5, "name": "x"})]), RASTER)
    assert (found.box, found.area, found.score, found.label) == ((390, 290, 400, 300), 100, 0.5, "x")


def test_objects_without_a_pixel_are_counted(tmp_path):
    tiny = world((10.1, 10.1), (10.2, 10.1), (10.2, 10.2), (10.1, 10.1))
    ring = world((10, 10), (30, 10), (30, 50), (10, 50), (10, 10))
    path = geojson(tmp_path / "a.geojson", [("Polygon", [tiny], {}), ("Polygon", [ring], {})])
    with pytest.warns(InputWarning, match="1 of the 2 features"):
        assert len(read_scene(path, RASTER)) == 1


@pytest.mark.parametrize(
    ("feature", "why"),
    [
        (("LineString", world((1, 1), (2, 2)), {"id": 9}), r"feature 1 \(id 9\) of .*LineString, where points and polygons are taken"),
        ((None, None, {}), "feature 1 of .* has no geometry"),
        (("Polygon", [], {}), "feature 1 of .* cannot be used: its geometry is empty"),
        (("Point", world((5, 5))[0], {"foreground": "maybe"}), "foreground is true or false, got 'maybe' in feature 1"),
        (("Polygon", [world((1, 1), (2, 2), (2, 1), (1, 1))], {"foreground": False}), "is a polygon with foreground false"),
    ],
)
def test_a_feature_that_is_no_prompt_is_named(feature, why, tmp_path):
    with pytest.raises(InputError, match=why):
        read_prompts(geojson(tmp_path / "a.geojson", [feature]), RASTER)


def test_two_polygons_are_not_one_object(tmp_path):
    ring = world((10, 10), (30, 10), (30, 50), (10, 50), (10, 10))
    path = geojson(tmp_path / "a.geojson", [("Polygon", [ring], {"object": 1}), ("Polygon", [ring], {"object": 1})])
    with pytest.raises(InputError, match=r"feature 2 of .* has the same object as feature 1"):
        read_prompts(path, RASTER)


def test_a_point_is_no_object_of_a_scene(tmp_path):
    with pytest.raises(InputError, match=r"feature 1 of .* is a point, where polygons are taken"):
        read_scene(geojson(tmp_path / "a.geojson", [("Point", world((5, 5))[0], {})]), RASTER)


def test_a_geometry_that_leaves_the_world_is_named(tmp_path):
    far = [[[-1e300, -1e300], [1e300, -1e300], [1e300, 1e300], [-1e300, 1e300], [-1e300, -1e300]]]
    with pytest.raises(InputError, match=r"feature 1 of .* cannot be used: a polygon has coordinates of at most"):
        read_scene(geojson(tmp_path / "a.geojson", [("Polygon", far, {})]), RASTER)


def test_the_number_of_features_is_bounded(tmp_path, monkeypatch):
    path = geojson(tmp_path / "a.geojson", [("Point", world((5, 5))[0], {})] * 3)
    monkeypatch.setattr(vector_file, "MAX_FEATURES", 2)
    with pytest.raises(InputError, match="has more than 2 features"):
        read_prompts(path, RASTER)


def test_the_number_of_prompts_is_bounded(tmp_path, monkeypatch):
    path = geojson(tmp_path / "a.geojson", [("Point", world((5, 5))[0], {})] * 3)
    monkeypatch.setattr("promptseg.geo.reading.MAX_PROMPTS", 2)
    with pytest.raises(InputError, match="has more than 2 prompts"):
        read_prompts(path, RASTER)


@pytest.mark.parametrize("name", ["EPSG:999999", "our own grid"])
def test_a_system_that_gdal_does_not_know_is_not_taken_for_degrees(name, tmp_path):
    path = geojson(tmp_path / "a.geojson", [("Point", (8.5, 47.2), {})], crs=name)
    degrees = raster_at(Georeference((0.01, 0.0, 8.0, 0.0, -0.01, 48.0), 4326))
    with pytest.raises(InputError, match=rf"a\.geojson is in a coordinate reference system that GDAL does not know: .*{name}"):
        read_prompts(path, degrees)


@pytest.mark.parametrize("name", ["EPSG:4326", "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4326"])
def test_longitude_and_latitude_are_known_by_all_of_their_names(name, tmp_path):
    path = geojson(tmp_path / "a.geojson", [("Point", (8.5, 47.2), {})], crs=name)
    (found,) = read_prompts(path, raster_at(Georeference((0.01, 0.0, 8.0, 0.0, -0.01, 48.0), 4326)))
    assert found.prompt.kinds == {"point"}


def test_a_collection_without_features_is_in_any_system(tmp_path):
    (tmp_path / "a.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    assert len(read_scene(tmp_path / "a.geojson", RASTER)) == 0
    with pytest.raises(InputError, match="has no feature"):
        read_prompts(tmp_path / "a.geojson", RASTER)


def test_an_empty_text_is_no_label(tmp_path):
    path = geojson(
        tmp_path / "a.geojson", [("Point", world((5, 5))[0], {"label": "", "name": "tree"}), ("Point", world((9, 9))[0], {"label": ""})]
    )
    assert [each.label for each in read_prompts(path, RASTER)] == ["tree", None]


def test_the_name_of_a_label_may_have_capital_letters(tmp_path):
    path = geojson(tmp_path / "a.geojson", [("Point", world((5, 5))[0], {"Name": "tree"}), ("Point", world((9, 9))[0], {"CLASS": "roof"})])
    assert [each.label for each in read_prompts(path, RASTER)] == ["tree", "roof"]


class TestBeyondTheAntimeridian:
    @pytest.fixture(params=[(179.0, 4326), (-181.0, 4326), (179.0, 4258)])
    def raster(self, request):
        """A raster of 300 x 200 pixels on both sides of the antimeridian, by longitudes on either, and where it is in it."""
        west, epsg = request.param
        place = raster_at(Georeference((0.01, 0.0, west, 0.0, -0.01, 10.0), epsg))
        return place, f"urn:ogc:def:crs:EPSG::{epsg}"

    def test_prompts_of_both_sides_are_found(self, raster, tmp_path):
        place, crs = raster
        both = geojson(
            tmp_path / "a.geojson", [("Point", (179.505, 9.495), {}), ("MultiPoint", [(-179.495, 9.495), (180.505, 9.395)], {})], crs
        )
        first, second = read_prompts(both, place)
        assert np.allclose(first.prompt.xy, [[50, 50]], atol=1e-3)
        assert np.allclose(second.prompt.xy, [[150, 50], [150, 60]], atol=1e-3)

    def test_a_polygon_that_is_split_there_is_whole(self, raster, tmp_path):
        place, crs = raster
        west, east = (([x0, 9.5], [x1, 9.5], [x1, 9.9], [x0, 9.9], [x0, 9.5]) for x0, x1 in ((179.5, 180.0), (-180.0, -179.5)))
        path = geojson(tmp_path / "a.geojson", [("MultiPolygon", [[west], [east]], {})], crs)
        (found,) = read_scene(path, place)
        assert (found.box, found.area) == ((50, 10, 150, 50), 4000)

    def test_what_lies_elsewhere_is_still_outside(self, raster, tmp_path):
        place, crs = raster
        with pytest.raises(InputError, match=r"ha(s|ve) no pixel in"):
            read_prompts(geojson(tmp_path / "a.geojson", [("Point", (0.5, 9.5), {})], crs), place)


def test_a_bow_tie_is_no_box(tmp_path):
    path = geojson(tmp_path / "a.geojson", [("Polygon", [world((10, 10), (50, 40), (50, 10), (10, 40), (10, 10))], {})])
    (found,) = read_prompts(path, RASTER)
    assert found.prompt.kinds == {"box", "mask"}


def test_a_file_without_a_feature_is_refused_as_prompts_and_is_no_object_as_truth(tmp_path):
    path = geojson(tmp_path / "a.geojson", [])
    with pytest.raises(InputError, match="has no feature, where points, boxes or polygons are expected"):
        read_prompts(path, RASTER)
    assert len(read_scene(path, RASTER)) == 0


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.geojson", b"", "is empty"),
        ("a.geojson", b"[1]", "does not begin with {"),
        ("a.geojson", b"{", "cannot be read"),
        ("a.geojson", b'{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read /etc/passwd"}', "cannot be read"),
        ("a.gpkg", b"<OGRVRTDataSource/>", "is not a SQLite file"),
        ("a.gpkg", b"SQLite format 3\0" + bytes(100), "cannot be read"),
        ("a.parquet", b"nothing", "is not a Parquet file"),
        ("a.parquet", b"PAR1 nothing", "cannot be read"),
        ("a.shp", b"", r"vectors are read from \.geojson.*, got .*a\.shp: make a copy, ogr2ogr copy\.gpkg .*a\.shp"),
    ],
)
def test_a_file_that_is_not_what_its_suffix_says_is_refused(name, content, why, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=why):
        read_prompts(tmp_path / name, RASTER)


def test_an_absent_file_is_named_with_the_one_that_is_meant(tmp_path):
    geojson(tmp_path / "points.geojson", [])
    with pytest.raises(InputError, match=r"Did you mean .*points\.geojson"):
        read_prompts(tmp_path / "point.geojson", RASTER)


class TestLayers:
    @pytest.fixture
    def path(self, tmp_path):
        """A GeoPackage with the layer ``a`` of one point, and the layer ``old roads: east`` of two."""
        path = geopackage(tmp_path / "a.gpkg", [shapely.Point(world((5, 5))[0])])
        points = shapely.to_wkb(np.array([shapely.Point(each) for each in world((1, 1), (2, 2))], object))
        layer = {"crs": "EPSG:32632", "geometry_type": "Point", "driver": "GPKG", "layer": "old roads: east"}
        pyogrio.raw.write(path, points, [], [], **layer)
        return path

    def test_one_is_taken_by_its_name(self, path):
        assert len(read_prompts(f"{path}:a", RASTER)) == 1
        assert len(read_prompts(f"{path}:old roads: east", RASTER)) == 2

    def test_without_a_name_they_are_listed(self, path):
        with pytest.raises(
            InputError, match=r"a\.gpkg has 2 layers with geometry: 'a', 'old roads: east'\. Name one, such as .*a\.gpkg:a$"
        ):
            read_prompts(path, RASTER)

    def test_a_name_that_is_not_there_is_told_with_the_others(self, path):
        with pytest.raises(InputError, match=r"has no layer 'roads', and has 2 layers .*\. Did you mean 'old roads: east'\?"):
            read_prompts(f"{path}:roads", RASTER)

    def test_other_files_have_none(self, tmp_path):
        with pytest.raises(InputError, match=r"only a GeoPackage has layers, got .*a\.geojson:b: give .*a\.geojson"):
            read_prompts(geojson(tmp_path / "a.geojson", []).with_name("a.geojson:b"), RASTER)

    def test_a_file_with_a_colon_in_its_name_is_found_by_it(self, path):
        path.rename(path.with_name("a.gpkg:b.gpkg"))
        with pytest.raises(InputError, match=r"a\.gpkg:b\.gpkg has 2 layers"):
            read_prompts(path.with_name("a.gpkg:b.gpkg"), RASTER)


def test_a_geopackage_whose_path_has_an_exclamation_mark_is_refused_and_no_other_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    geopackage(tmp_path / "a.gpkg", [shapely.Point(world((5, 5))[0])])
    (tmp_path / "wow!a.gpkg").write_bytes((tmp_path / "a.gpkg").read_bytes())
    with pytest.raises(InputError, match="exclamation mark"):
        read_prompts(tmp_path / "wow!a.gpkg", RASTER)


def test_parquet_without_geometry_is_refused(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="is not GeoParquet"):
        read_prompts(tmp_path / "a.parquet", RASTER)


def test_drawn_objects_are_those_of_another_programs_polygons(tmp_path):
    """Pixels belong to an object where their centers lie in the polygon, as rasterio has it."""
    from rasterio import Affine
    from rasterio.features import rasterize

    polygon = shapely.Polygon(world((10.3, 10.2), (90.1, 40.7), (60.6, 120.4), (20.2, 80.9)), [world((40, 50), (50, 50), (45, 60))])
    (found,) = read_scene(geopackage(tmp_path / "a.gpkg", [polygon]), RASTER)
    expected = rasterize([polygon], SIZE, transform=Affine(*NORTH_UP.matrix), dtype="uint8").astype(bool)
    assert found.iou(drawn(expected, (0, 0))) > 0.995


@pytest.mark.parametrize(("kind", "name"), [("url", "url"), ("link", "href")])
def test_a_coordinate_system_at_an_address_is_not_fetched(kind, name, tmp_path, internet):
    about = {"type": kind, "properties": {name: f"{internet.address}/crs", "type": "proj4"}}
    path = geojson(tmp_path / "points.geojson", [("Point", world((5, 5))[0], {})], crs=None)
    path.write_text(path.read_text().replace("{", '{"crs": ' + json.dumps(about) + ", ", 1))
    with pytest.raises(InputError, match=r"points\.geojson is in a coordinate reference system that GDAL does not know"):
        read_prompts(path, RASTER)
    assert not internet.was_asked()


@pytest.mark.parametrize("kind", ["timestamp", "date32"])
def test_an_attribute_beyond_the_dates_of_python_is_named(kind, tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    values = pa.array([10**9 if kind.startswith("date") else 10**14], pa.date32() if kind.startswith("date") else pa.timestamp("s"))
    about = {"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", "crs": None}}}
    table = pa.table({"geometry": [shapely.to_wkb(shapely.Point(5, 5))], "seen": values})
    parquet.write_table(table.replace_schema_metadata({b"geo": json.dumps(about).encode()}), tmp_path / "a.parquet")
    message = rf"the attribute 'seen' of .*a\.parquet has values of {kind}\[.*\] that cannot be read .*store it as text"
    with pytest.raises(InputError, match=message):
        read_prompts(tmp_path / "a.parquet", raster_at(None))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.geojson")
    with pytest.raises(InputError, match=r"a\.geojson is not a file, such as a folder or a pipe"):
        read_prompts(tmp_path / "a.geojson", RASTER)


def test_features_on_lines_of_their_own_are_refused_with_what_is_expected(tmp_path):
    line = json.dumps({"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [5, 5]}})
    (tmp_path / "a.geojson").write_text(f"{line}\n{line}\n")
    with pytest.raises(InputError, match=r"a\.geojson cannot be read: expected one FeatureCollection"):
        read_prompts(tmp_path / "a.geojson", RASTER)


def test_what_gdal_warns_of_while_it_reads_is_no_warning_of_ours(tmp_path):
    path = geojson(tmp_path / "a.geojson", [("Point", [*world((5.5, 6.5))[0], 7, 8], {})])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_prompts(path, RASTER)[0].prompt.xy.round(3).tolist() == [[5, 6]]
