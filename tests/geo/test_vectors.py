"""Vectors are read back by pyogrio, pyarrow and shapely, and filled by rasterio: none of them shares code with the writer."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from geo_scenes import NORTH_UP, OBLONG, ROTATED, SIZE, SOUTH_UP, drawn
from promptseg import Mask
from promptseg.errors import ConfigError, InputError, OutputError
from promptseg.geo import tables
from promptseg.geo.vectors import VECTOR_SUFFIXES, write_vectors
from promptseg.rasters.georeference import Georeference
from promptseg.scene_masks import SceneMask, SceneMasks

pyogrio = pytest.importorskip("pyogrio")
rasterio = pytest.importorskip("rasterio")
shapely = pytest.importorskip("shapely")
parquet = pytest.importorskip("pyarrow.parquet")

pytestmark = pytest.mark.parametrize("suffix", VECTOR_SUFFIXES)


def read(path):
    """Return geometries, attributes by name, and the CRS of a file. GDAL does not see that GeoJSON says it has none."""
    if path.suffix == ".parquet":
        table = parquet.read_table(path)
        about = json.loads(table.schema.metadata[b"geo"])
        column = about["columns"][about["primary_column"]]
        assert column["encoding"] == "WKB"
        values = table.to_pydict()
        crs = None if column["crs"] is None else rasterio.crs.CRS.from_user_input(json.dumps(column["crs"])).to_string()
        return shapely.from_wkb(values.pop(about["primary_column"])), values, crs
    about, table = pyogrio.read_arrow(path)
    values = table.to_pydict()
    none = path.suffix == ".geojson" and json.loads(path.read_text()).get("crs", "none") is None
    return shapely.from_wkb(values.pop(about["geometry_name"] or "wkb_geometry")), values, None if none else about["crs"]


def filled(geometry, georeference):
    """The pixels that rasterio fills, in an array of the size of the raster."""
    from rasterio.features import rasterize

    transform = rasterio.Affine(*georeference.matrix) if georeference else rasterio.Affine.identity()
    return rasterize([geometry], SIZE, transform=transform, dtype="uint8").astype(bool)


def on_the_map(georeference, rows, columns):
    """Where rasterio has the upper left corners of pixels: (N, 2)."""
    from rasterio.transform import xy

    return np.stack(xy(rasterio.Affine(*georeference.matrix), rows, columns, offset="ul"), axis=1)


def whole(mask):
    pixels = np.zeros(SIZE, bool)
    x0, y0, x1, y1 = mask.box
    pixels[y0:y1, x0:x1] = mask.mask.array
    return pixels


def test_outlines_are_valid_and_exact_in_the_system_of_the_raster(suffix, scene, place, tmp_path):
    report = write_vectors(scene, tmp_path / f"objects{suffix}", georeference=place)
    geometries, _, crs = read(tmp_path / f"objects{suffix}")
    assert rasterio.crs.CRS.from_user_input(crs).to_epsg() == place.epsg
    assert shapely.is_valid(geometries).all()
    assert [len(shapely.get_parts(each)) for each in geometries] == [2, 2, 1, 1, 1]
    for geometry, mask in zip(geometries, scene, strict=True):
        assert (filled(geometry, place) == whole(mask)).all()
    assert (report.masks, report.changed, report.iou_min, report.notes) == (5, 0, 1, ())


def test_corners_are_where_rasterio_has_them(suffix, scene, place, tmp_path):
    write_vectors(scene, tmp_path / f"objects{suffix}", georeference=place)
    geometry = read(tmp_path / f"objects{suffix}")[0][4]
    expected = on_the_map(place, [275, 275, 300, 300], [385, 400, 400, 385])
    corners = shapely.get_coordinates(geometry)[:-1]
    distances = np.linalg.norm(corners[:, None] - expected, axis=2) / np.sqrt(abs(rasterio.Affine(*place.matrix).determinant))
    assert distances.min(axis=0).max() < 0.01
    assert distances.min(axis=1).max() < 0.01


def test_exteriors_run_counterclockwise_on_the_map_and_holes_clockwise(suffix, scene, place, tmp_path):
    write_vectors(scene, tmp_path / f"objects{suffix}", georeference=place)
    for part in shapely.get_parts(read(tmp_path / f"objects{suffix}")[0]):
        assert shapely.is_ccw(shapely.get_exterior_ring(part))
        assert not any(shapely.is_ccw(shapely.get_interior_ring(part, hole)) for hole in range(shapely.get_num_interior_rings(part)))


def test_every_object_has_its_attributes(suffix, scene, tmp_path):
    write_vectors(scene, tmp_path / f"objects{suffix}", georeference=NORTH_UP)
    values = read(tmp_path / f"objects{suffix}")[1]
    assert values["id"] == [1, 2, 3, 4, 5]
    assert values["label"] == ["roof", "Straße", None, None, "roof"]
    assert values["score"] == [0.9, None, 0.25, None, 0.5]
    assert values["area_pixels"] == scene.areas.tolist()
    assert values["area"] == [area / 4 for area in scene.areas.tolist()]


def test_degrees_measure_no_area(suffix, scene, tmp_path):
    write_vectors(scene, tmp_path / f"objects{suffix}", georeference=replace(NORTH_UP, epsg=4326, matrix=(1e-5, 0, 7, 0, -1e-5, 51)))
    assert set(read(tmp_path / f"objects{suffix}")[1].get("area", [None])) == {None}


def test_pixels_of_a_known_size_measure_an_area_where_there_is_no_georeference(suffix, scene, tmp_path):
    write_vectors(scene, tmp_path / f"objects{suffix}", georeference=None, pixel_size=(0.5, 0.25))
    values = read(tmp_path / f"objects{suffix}")[1]
    assert values["area_um2"] == [area / 8 for area in scene.areas.tolist()]
    assert "area" not in values
    write_vectors(scene, tmp_path / f"world{suffix}", georeference=NORTH_UP, pixel_size=(0.5, 0.25))
    assert "area_um2" not in read(tmp_path / f"world{suffix}")[1]


def test_a_raster_without_georeference_has_vectors_in_pixels_and_the_report_says_so(suffix, scene, tmp_path):
    report = write_vectors(scene, tmp_path / f"objects{suffix}", georeference=None)
    geometries, _, crs = read(tmp_path / f"objects{suffix}")
    assert crs is None or "Undefined" in crs
    assert shapely.get_coordinates(geometries[4]).max(axis=0).tolist() == [400, 300]
    assert (filled(geometries[0], None) == whole(scene[0])).all()
    assert "coordinates are pixels" in str(report)


def test_a_system_without_an_epsg_code_is_kept_where_the_format_can_hold_it(suffix, scene, tmp_path):
    own = rasterio.crs.CRS.from_proj4("+proj=tmerc +lat_0=0 +lon_0=7.5 +k=0.9996 +x_0=123456 +y_0=0 +datum=WGS84 +units=m")
    report = write_vectors(scene, tmp_path / f"objects{suffix}", georeference=Georeference(NORTH_UP.matrix, None, own.to_wkt()))
    geometries, _, crs = read(tmp_path / f"objects{suffix}")
    if suffix == ".geojson":
        assert crs is None
        assert "GeoJSON cannot hold" in str(report)
    else:
        assert rasterio.crs.CRS.from_user_input(crs) == own
        assert report.notes == ()
    assert (filled(geometries[0], NORTH_UP) == whole(scene[0])).all()


def test_the_tolerance_is_a_distance_on_the_ground(suffix, scene, place, tmp_path):
    """No corner that was left out is farther from the new outline than that, measured by shapely in world coordinates."""
    pixel = np.sqrt(abs(rasterio.Affine(*place.matrix).determinant))
    write_vectors(scene, tmp_path / f"exact{suffix}", georeference=place)
    report = write_vectors(scene, tmp_path / f"objects{suffix}", georeference=place, tolerance=2 * pixel)
    exact, simple = (read(tmp_path / f"{name}{suffix}")[0] for name in ("exact", "objects"))
    assert shapely.is_valid(simple).all()
    corners = shapely.get_coordinates(exact[2])
    assert len(shapely.get_coordinates(simple[2])) < len(corners) / 2
    assert shapely.distance(shapely.points(corners), shapely.boundary(simple[2])).max() <= 2.001 * pixel
    assert report.changed >= 1
    assert report.iou_min == pytest.approx(min(loss(scene, simple, place)), abs=0.02)
    assert report.iou_mean == pytest.approx(np.mean(list(loss(scene, simple, place))), abs=0.02)


def loss(scene, geometries, georeference):
    for geometry, mask in zip(geometries, scene, strict=True):
        one, other = filled(geometry, georeference), whole(mask)
        yield (one & other).sum() / (one | other).sum()


def test_simplification_on_oblong_pixels_removes_no_steps_that_are_long_on_the_ground(suffix, tmp_path):
    """Of pixels of 2 m by 25 cm, steps of one row are within half a meter, and steps of one column are not."""
    rows = np.arange(40)[:, None] >= np.arange(10)[None] * 4
    write_vectors(SceneMasks([drawn(rows, (0, 0))], SIZE), tmp_path / f"a{suffix}", georeference=OBLONG, tolerance=0.3)
    (kept,) = read(tmp_path / f"a{suffix}")[0]
    flat = np.arange(10)[:, None] >= np.arange(10)[None]
    write_vectors(SceneMasks([drawn(flat, (0, 0))], SIZE), tmp_path / f"b{suffix}", georeference=OBLONG, tolerance=0.3)
    (smooth,) = read(tmp_path / f"b{suffix}")[0]
    assert len(shapely.get_coordinates(kept)) > 15
    assert len(shapely.get_coordinates(smooth)) < 8


def test_far_from_the_origin_corners_are_still_exact(suffix, tmp_path):
    far = SceneMasks([SceneMask(Mask.from_array(np.ones((3, 3), bool)), (99_990, 99_991))], (100_000, 100_000))
    write_vectors(far, tmp_path / f"objects{suffix}", georeference=ROTATED)
    (geometry,) = read(tmp_path / f"objects{suffix}")[0]
    low = on_the_map(ROTATED, [99_991], [99_990])
    assert np.linalg.norm(shapely.get_coordinates(geometry) - low, axis=1).min() < 1e-6


def test_the_same_objects_give_the_same_bytes(suffix, scene, tmp_path):
    for folder in ("a", "b"):
        write_vectors(scene, tmp_path / folder / f"objects{suffix}", georeference=SOUTH_UP)
    assert (tmp_path / "a" / f"objects{suffix}").read_bytes() == (tmp_path / "b" / f"objects{suffix}").read_bytes()


def test_no_objects_are_a_file_without_features(suffix, tmp_path):
    report = write_vectors(SceneMasks([], SIZE), tmp_path / f"objects{suffix}", georeference=NORTH_UP)
    assert len(read(tmp_path / f"objects{suffix}")[0]) == report.masks == 0


@pytest.fixture
def few_rows(monkeypatch):
    """Bound the rows that are in memory together, so that a few objects are more than these."""
    monkeypatch.setattr(tables, "ROWS", 16)


@pytest.mark.usefixtures("few_rows")
def test_objects_may_come_one_by_one(suffix, scene, tmp_path):
    count = 40
    write_vectors(itertools.repeat(scene[3], count), tmp_path / f"objects{suffix}", georeference=NORTH_UP)
    assert read(tmp_path / f"objects{suffix}")[1]["id"] == list(range(1, count + 1))


def test_characters_that_files_cannot_hold_are_replaced_and_reported(suffix, tmp_path):
    named = SceneMasks([drawn([[1]], (0, 0), label="a\x00b\ud800")], SIZE)
    report = write_vectors(named, tmp_path / f"objects{suffix}", georeference=NORTH_UP)
    assert read(tmp_path / f"objects{suffix}")[1]["label"] == ["a\ufffdb\ufffd"]
    assert "label has characters" in str(report)


@pytest.mark.usefixtures("few_rows")
def test_a_failure_on_the_way_leaves_the_former_file_and_nothing_else(suffix, scene, tmp_path):
    path = tmp_path / f"objects{suffix}"
    write_vectors(scene, path, georeference=NORTH_UP)
    before = path.read_bytes()

    def failing():
        yield from [scene[3]] * 20
        raise InputError("the tile cannot be read")

    names = sorted(each.name for each in tmp_path.iterdir())
    with pytest.raises(InputError, match="the tile cannot be read"):
        write_vectors(failing(), path, georeference=NORTH_UP)
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == names


def test_a_full_disk_is_named_and_leaves_nothing(suffix, scene, tmp_path, small_files):
    with small_files(3000), pytest.raises(OutputError, match=f"cannot write .*objects{suffix}"):
        write_vectors(list(scene) * 100, tmp_path / f"objects{suffix}", georeference=NORTH_UP)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_the_very_end_is_named_too(suffix, scene, tmp_path, small_files):
    """GDAL writes the index of a GeoPackage when it closes the file, and tells no error then."""
    objects = list(scene) * 60
    write_vectors(objects, tmp_path / "whole" / f"objects{suffix}", georeference=NORTH_UP)
    whole = (tmp_path / "whole" / f"objects{suffix}").read_bytes()
    for missing in (1, 4097, 12_289, len(whole) // 5):
        with small_files(len(whole) - missing), pytest.raises(OutputError, match="cannot write"):
            write_vectors(objects, tmp_path / f"objects{suffix}", georeference=NORTH_UP)
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
    with small_files(len(whole)):
        write_vectors(objects, tmp_path / f"objects{suffix}", georeference=NORTH_UP)
    assert (tmp_path / f"objects{suffix}").read_bytes() == whole


def test_a_file_that_was_changed_by_hand_is_kept_and_a_foreign_one_refused(suffix, scene, tmp_path):
    path = tmp_path / f"objects{suffix}"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="promptseg did not write it"):
        write_vectors(scene, path, georeference=NORTH_UP)
    path.unlink()
    write_vectors(scene, path, georeference=NORTH_UP)
    path.write_bytes(path.read_bytes() + b" ")
    report = write_vectors(scene[:2], path, georeference=NORTH_UP)
    assert report.kept == (path.name,)
    assert path.read_bytes().endswith(b" ")


def test_a_system_that_proj_does_not_know_is_refused(suffix, scene, tmp_path):
    with pytest.raises(InputError, match="EPSG:99999"):
        write_vectors(scene, tmp_path / f"objects{suffix}", georeference=replace(NORTH_UP, epsg=99999))


@pytest.mark.parametrize("tolerance", [-1, float("nan"), float("inf"), "2"])
def test_a_tolerance_is_a_finite_number(suffix, scene, tmp_path, tolerance):
    with pytest.raises(ConfigError, match="tolerance is a number"):
        write_vectors(scene, tmp_path / f"objects{suffix}", georeference=NORTH_UP, tolerance=tolerance)


def test_a_path_with_an_exclamation_mark_is_that_of_no_other_file(suffix, scene, tmp_path, monkeypatch):
    """For pyogrio, what follows the mark is the path in an archive."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"wow!objects{suffix}"
    if suffix == ".gpkg":
        with pytest.raises(OutputError, match="exclamation mark"):
            write_vectors(scene, path, georeference=NORTH_UP)
        assert list(tmp_path.iterdir()) == []
    else:
        write_vectors(scene, path, georeference=NORTH_UP)
        assert {each.name for each in tmp_path.iterdir()} == {path.name, ".promptseg.json"}


def test_a_shapefile_is_not_written(suffix, scene, tmp_path):
    with pytest.raises(OutputError, match=r"'\.shp', and vectors are written as \.geojson, \.gpkg, \.parquet"):
        write_vectors(scene, (tmp_path / f"objects{suffix}").with_suffix(".shp"), georeference=NORTH_UP)


@pytest.mark.parametrize("matrix", [(float("nan"), 0, 0, 0, -1, 0), (1, 1, 0, 1, 1, 0)])
def test_a_map_that_cannot_be_inverted_is_refused_before_a_file_is_written(suffix, matrix, tmp_path):
    with pytest.raises(InputError, match=r"the georeference is not valid: its matrix .* cannot be inverted"):
        write_vectors(SceneMasks([drawn([[1]], (5, 5))], SIZE), tmp_path / f"a{suffix}", georeference=Georeference(matrix, 32632))
    assert not list(tmp_path.iterdir())
