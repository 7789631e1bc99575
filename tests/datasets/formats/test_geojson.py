import json

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from promptseg.datasets.core import AnnotatedImage, AnnotatedObject
from promptseg.datasets.formats.geojson import read_geojson
from promptseg.datasets.writing import write
from promptseg.errors import InputError
from promptseg.masks import Mask
from promptseg.rasters.georeference import Georeference, read_georeference

UTM = (0.5, 0.0, 500_000.0, 0.0, -0.5, 5_200_000.0)


def geotiff(path, keys=(3072, 0, 1, 32632), **tags):
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, values in tags.items():
        info[int(tag[1:])] = values
        info.tagtype[int(tag[1:])] = 12
    if keys:
        info[34735] = (1, 1, 0, len(keys) // 4, *keys)
        info.tagtype[34735] = 3
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(path, tiffinfo=info)
    return path


@pytest.fixture
def tile(tmp_path):
    """An image of 8 x 6 pixels of half a meter in UTM zone 32N."""
    return geotiff(tmp_path / "images" / "a.tif", t33550=(0.5, 0.5, 0.0), t33922=(0.0, 0.0, 0.0, 500_000.0, 5_200_000.0, 0.0))


@pytest.fixture
def annotated(tile, square):
    return AnnotatedImage("a.tif", tile, (6, 8), (AnnotatedObject("a.tif#1", Mask.from_array(square, label="roof")),))


def test_a_geotiff_says_where_it_lies_by_scale_and_tie_point(tile):
    assert read_georeference(tile) == Georeference(UTM, 32632)


def test_a_geotiff_says_where_it_lies_by_a_matrix(tmp_path):
    path = geotiff(tmp_path / "a.tif", t34264=(0.5, 0.0, 0.0, 500_000.0, 0.0, -0.5, 0.0, 5_200_000.0, *[0.0] * 8))
    assert read_georeference(path) == Georeference(UTM, 32632)


def test_a_map_of_the_centers_of_pixels_is_moved_by_half_of_one(tmp_path):
    keys = (1025, 0, 1, 2, 2048, 0, 1, 4326)
    path = geotiff(tmp_path / "a.tif", keys, t33550=(2.0, 2.0, 0.0), t33922=(0.0, 0.0, 0.0, 10.0, 20.0, 0.0))
    assert read_georeference(path) == Georeference((2.0, 0.0, 9.0, 0.0, -2.0, 21.0), 4326)


@pytest.mark.parametrize("name", ["a.pgw", "a.pngw"])
def test_a_world_file_speaks_of_the_center_of_the_first_pixel(name, save, tmp_path):
    path = save("a.png")
    (tmp_path / name).write_text("0.5\n0\n0\n-0.5\n500000.25\n5199999.75\n")
    assert read_georeference(path) == Georeference(UTM)


def test_an_image_that_lies_nowhere(save, tmp_path):
    assert read_georeference(save("a.png")) is None
    (tmp_path / "a.pgw").write_text("0 0 0 0 1 1")
    with pytest.raises(InputError, match="cannot be inverted"):
        read_georeference(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text("here")
    with pytest.raises(InputError, match="not a world file"):
        read_georeference(tmp_path / "a.png")


def test_world_coordinates_name_their_system_and_come_back(annotated, tmp_path):
    report = write("geojson", [annotated], tmp_path / "out")
    content = json.loads((tmp_path / "out" / "geojson" / "a.geojson").read_text())
    assert content["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32632"
    assert content["promptseg"] == {"image": "a.tif", "width": 8, "height": 6, "coordinates": "world"}
    (ring,) = content["features"][0]["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert {tuple(corner) for corner in ring} == {(x, y) for x in (500_001, 500_002) for y in (5_199_998.5, 5_199_999.5)}
    assert report.changed == 0
    ((read,),) = (image.objects for image in read_geojson(tmp_path / "images", tmp_path / "out" / "geojson"))
    assert (read.mask, read.label, read.name) == (annotated.objects[0].mask, "roof", "a.tif#1")


def test_pixels_are_written_where_they_are_asked_for_or_there_is_nothing_else(annotated, tmp_path, save):
    write("geojson", [annotated], tmp_path / "out", coordinates="pixels")
    content = json.loads((tmp_path / "out" / "geojson" / "a.geojson").read_text())
    assert "crs" not in content
    assert {tuple(corner) for corner in content["features"][0]["geometry"]["coordinates"][0]} == {(2, 1), (4, 1), (4, 3), (2, 3)}
    plain = AnnotatedImage("b.png", save("images/b.png"), (6, 8), ())
    with pytest.raises(InputError, match=r"b\.png has no georeference"):
        write("geojson", [plain], tmp_path / "out", coordinates="world")


@pytest.mark.parametrize(("coordinates", "pixel"), [("world", 0.25), ("pixels", 1)])
def test_exteriors_run_anticlockwise_and_holes_clockwise(coordinates, pixel, annotated, tmp_path):
    ring = np.zeros((6, 8), bool)
    ring[0:5, 0:5] = True
    ring[2, 2] = False
    annotated = AnnotatedImage("a.tif", annotated.path, (6, 8), (AnnotatedObject("a.tif#1", Mask.from_array(ring)),))
    write("geojson", [annotated], tmp_path / "out", coordinates=coordinates)
    rings = json.loads((tmp_path / "out" / "geojson" / "a.geojson").read_text())["features"][0]["geometry"]["coordinates"]

    def area(corners):
        x, y = (np.array(corners) - corners[0]).T
        return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()) / 2

    assert [area(corners) for corners in rings] == [25 * pixel, -pixel]


def test_files_of_others_are_read_by_their_names(tmp_path, save, square, tile):
    save("images/b.png")
    folder = tmp_path / "features"
    folder.mkdir()
    corners = [[2, 1], [4, 1], [4, 3], [2, 3], [2, 1]]
    place = Georeference(UTM)
    for name, coordinates in (("a", place.to_world(corners).tolist()), ("b", corners)):
        shape = {"type": "Feature", "properties": {"class": "roof"}, "geometry": {"type": "Polygon", "coordinates": [coordinates]}}
        point = {"type": "Feature", "properties": None, "geometry": {"type": "Point", "coordinates": [0, 0]}}
        (folder / f"{name}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [shape, point]}))
    (folder / "c.geojson").write_text('{"type": "Feature"}')
    findings = []
    images = list(read_geojson(tmp_path / "images", folder).usable(findings))
    assert [(image.name, image.objects[0].label, image.objects[0].mask.array.tolist()) for image in images] == [
        ("a.tif", "roof", square.tolist()),
        ("b.png", "roof", square.tolist()),
    ]
    assert [finding.kind for finding in findings] == ["unreadable", "skipped", "skipped"]


def test_properties_are_attributes(tmp_path, save):
    save("images/a.png")
    corners = [[2, 1], [4, 1], [4, 3], [2, 3], [2, 1]]
    properties = {"class": "roof", "name": "Main Street 1", "score": 0.5, "floors": 3, "style": {"fill": "red"}}
    shape = {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [corners]}}
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [shape]}))
    (image,) = read_geojson(tmp_path / "images", tmp_path)
    (each,) = image.objects
    assert (each.label, each.mask.score, each.attributes) == ("roof", 0.5, {"name": "Main Street 1", "floors": "3"})
    assert [finding.kind for finding in image.findings] == ["attributes"]
