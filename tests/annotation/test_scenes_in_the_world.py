"""Rasters with world coordinates: what `annotate` reads of them, and writes."""

import json
import resource

import numpy as np
import pytest

import promptseg as ps
from blob_model import BlobSegmenter, sheet
from promptseg import Pipeline, Prompt, annotate
from promptseg.errors import ConfigError, InputError, OutputError
from promptseg.geo.reading import read_scene
from promptseg.testing import FakeConceptSegmenter, FakeSegmenter
from promptseg.testing.drawn_scenes import write_scene

rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed")

ALL = Prompt.everything(4)
BOXES = [(10, 10, 30, 25), (100, 40, 150, 60), (105, 105, 160, 150)]
TILES = {"tile": 128, "overlap": 32}
TRANSFORM = rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_300_000)


@pytest.fixture
def blobs(add_model):
    """A pipeline that finds bright rectangles."""
    add_model("blobs", "segmenter", lambda _: BlobSegmenter())
    return Pipeline().segment("blobs")


@pytest.fixture
def geotiff(tmp_path):
    """Write an array (height, width, bands) as a GeoTIFF in UTM: ``geotiff(array, "scene.tif", nodata=0)``."""

    def write(array, name="scene.tif", **more):
        path = tmp_path / name
        profile = {"driver": "GTiff", "height": array.shape[0], "width": array.shape[1], "count": array.shape[2], "dtype": array.dtype}
        with rasterio.open(path, "w", crs="EPSG:32632", transform=TRANSFORM, **profile, **more) as raster:
            raster.write(array.transpose(2, 0, 1))
        return path

    return write


def world(boxes):
    """Boxes in pixels as boxes ``(left, bottom, right, top)`` in the coordinates of the raster."""
    return sorted((500_000 + x0 / 2, 5_300_000 - y1 / 2, 500_000 + x1 / 2, 5_300_000 - y0 / 2) for x0, y0, x1, y1 in boxes)


def boxes_of(path):
    """The boxes of the features of a GeoJSON file."""
    found = []
    for each in json.loads(path.read_text())["features"]:
        corners = np.concatenate([np.array(ring) for ring in each["geometry"]["coordinates"]])
        found.append((*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()))
    return sorted(found)


def test_objects_are_written_at_their_place_in_the_world_in_each_format(geotiff, blobs, tmp_path):
    pyogrio = pytest.importorskip("pyogrio", reason="pyogrio is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    formats = ["geojson", "gpkg", "geoparquet", "label-tif"]
    done = annotate(geotiff(sheet(300, 280, BOXES)), ALL, pipeline=blobs, out=tmp_path / "out", formats=formats, **TILES)
    assert {name: report.masks for name, report in done.reports.items()} == dict.fromkeys(formats, 3)
    assert boxes_of(tmp_path / "out" / "objects.geojson") == world(BOXES)
    assert "32632" in (tmp_path / "out" / "objects.geojson").read_text()
    assert pyogrio.read_info(tmp_path / "out" / "objects.gpkg")["crs"] == "EPSG:32632"
    assert parquet.read_table(tmp_path / "out" / "objects.parquet").num_rows == 3
    with rasterio.open(tmp_path / "out" / "labels.tif") as labels:
        assert (labels.transform, labels.crs.to_epsg(), labels.shape) == (TRANSFORM, 32632, (300, 280))
        assert np.array_equal(labels.read(1) > 0, sheet(300, 280, BOXES)[..., 1] > 128)


@pytest.mark.parametrize("name", ["geojson", "gpkg", "geoparquet", "label-tif", "coco"])
def test_a_disk_that_is_full_when_the_outputs_are_written_loses_nothing(name, geotiff, blobs, tmp_path):
    scene, settings = geotiff(sheet(300, 280, BOXES)), {"pipeline": blobs, "out": tmp_path / "out", "gallery": 0, **TILES}
    annotate(scene, ALL, formats=[], **settings)
    before = {path.name for path in (tmp_path / "out").iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400, limits[1]))
    try:
        with pytest.raises(OutputError, match="nothing half-written is left there"):
            annotate(scene, ALL, formats=[name], **settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name for path in (tmp_path / "out").iterdir()} - {"tiles"} == before
    done = annotate(scene, ALL, formats=[name], **settings)
    assert (done.processed, done.reports[name].masks >= 3) == (0, True)


def test_tiles_without_data_are_done_without_the_model_and_no_mask_covers_what_has_no_data(geotiff, add_model, tmp_path, journal_of):
    opened = []

    class Counting(BlobSegmenter):
        def open(self, image):
            opened.append(image.shape)
            return super().open(255 - image)  # So that what has no data, and is black, is bright.

    add_model("counting", "segmenter", lambda _: Counting())
    image = np.full((600, 140, 3), 200, np.uint8)
    image[300:] = 0  # No data in the lower half.
    image[40:70, 60:80] = 20
    scene = geotiff(image, nodata=0)
    done = annotate(scene, ALL, pipeline=Pipeline().segment("counting"), out=tmp_path / "out", formats=["geojson", "coco"], **TILES)
    assert len(opened) < done.images == len(journal_of(tmp_path / "out"))
    assert boxes_of(tmp_path / "out" / "objects.geojson") == world([(60, 40, 80, 70)])
    assert done.reports["coco"].images < done.images
    assert done.to_dict()["without_data"] == done.images - len(opened) > 0
    assert f"{done.without_data} tiles without data, not shown to a model" in str(done)
    assert "no tile has data" not in str(done)


def test_a_raster_without_any_data_says_so(geotiff, blobs, tmp_path):
    scene = geotiff(np.zeros((300, 280, 3), np.uint8), nodata=0)
    done = annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    assert (done.objects, done.without_data, done.images) == (0, 9, 9)
    assert "9 tiles without data, not shown to a model\nno tile has data: the value or mask of no data of the raster covers" in str(done)
    again = annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    assert (again.processed, again.without_data) == (0, 9)


def test_sixteen_bits_are_stretched_once_in_a_run_and_alike_by_a_later_one(geotiff, blobs, tmp_path):
    image = sheet(300, 280, BOXES).astype(np.uint16) * 40
    scene = geotiff(image)
    first = annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", stretch=(0, 100), **TILES)
    image[290:, 270:] = 60_000  # The percentiles would be others now.
    geotiff(image)
    done = annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", stretch=(0, 100), **TILES)
    assert (first.objects, done.objects) == (3, 4)
    assert done.changed == ("scene.tif/1/r00002-c00002",)


def test_of_many_bands_some_must_be_chosen(geotiff, blobs, tmp_path):
    image = np.concatenate([np.zeros((300, 280, 2), np.uint8), sheet(300, 280, BOXES)], axis=2)
    scene = geotiff(image, photometric="MINISBLACK")
    with pytest.raises(InputError, match="has 5 bands"):
        annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    assert annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", bands=(3, 4, 5), **TILES).objects == 3


def test_points_of_a_file_are_prompts_with_their_labels(geotiff, blobs, tmp_path):
    scene = geotiff(sheet(300, 280, BOXES))
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [500_000 + x / 2, 5_300_000 - y / 2]},
            "properties": {"label": label},
        }
        for x, y, label in ((20.5, 15.5, "dot"), (130.5, 130.5, "square"))
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}}
    points = tmp_path / "points.geojson"
    points.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    done = annotate(scene, pipeline=blobs, out=tmp_path / "out", prompts_from=points, **TILES)
    assert done.classes == {"dot": 1, "square": 1}
    assert boxes_of(tmp_path / "out" / "objects.geojson") == world([BOXES[0], BOXES[2]])
    features[0]["properties"]["label"] = "other"
    points.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    with pytest.raises(ConfigError, match="the prompts of 1 finished image changed"):
        annotate(scene, pipeline=blobs, out=tmp_path / "out", prompts_from=points, **TILES)


def test_prompts_are_one_layer_of_several(geotiff, blobs, tmp_path):
    raw, shapely = pytest.importorskip("pyogrio.raw"), pytest.importorskip("shapely")
    for layer, (x, y) in {"dots": (20.5, 15.5), "squares": (130.5, 130.5)}.items():
        point = shapely.to_wkb(np.array([shapely.Point(500_000 + x / 2, 5_300_000 - y / 2)], object))
        raw.write(tmp_path / "p.gpkg", point, [], [], crs="EPSG:32632", geometry_type="Point", driver="GPKG", layer=layer)
    settings = {"pipeline": blobs, "out": tmp_path / "out", **TILES}
    with pytest.raises(InputError, match=r"p\.gpkg has 2 layers with geometry: 'dots', 'squares'\. Name one, such as .*p\.gpkg:dots"):
        annotate(geotiff(sheet(300, 280, BOXES)), prompts_from=tmp_path / "p.gpkg", **settings)
    annotate(geotiff(sheet(300, 280, BOXES)), prompts_from=f"{tmp_path / 'p.gpkg'}:squares", **settings)
    assert boxes_of(tmp_path / "out" / "objects.geojson") == world([BOXES[2]])


def test_points_in_another_coordinate_system_are_refused_with_the_command_that_helps(geotiff, blobs, tmp_path):
    points = tmp_path / "points.geojson"
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [9.0, 47.8]}, "properties": {}}
    points.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    with pytest.raises(InputError, match=r"32632.*ogr2ogr"):
        annotate(geotiff(sheet(300, 280, BOXES)), pipeline=blobs, out=tmp_path / "out", prompts_from=points, **TILES)
    assert not (tmp_path / "out").exists()


def test_an_example_in_the_raster_is_seen_by_every_tile(geotiff, add_model, tmp_path):
    asked = []

    class Concepts(FakeConceptSegmenter):
        def open(self, image):
            session = super().open(image)
            find = session.find

            def finding(concepts):
                asked.extend(concepts)
                return find(concepts)

            object.__setattr__(session, "find", finding)
            return session

    add_model("like", "concept", lambda _: Concepts(), accepts=frozenset({"example"}))
    scene = geotiff(sheet(300, 280, BOXES))
    example = Prompt.example(None, Prompt.box(*BOXES[2]), label="square")
    annotate(scene, example, pipeline=Pipeline().concept("like"), out=tmp_path / "out", **TILES)
    assert len(asked) == 9
    for concept in asked:
        (own,) = concept.examples
        x0, y0, x1, y1 = own.prompt.xyxy.astype(int).tolist()
        assert own.image[y0:y1, x0:x1].mean(axis=(0, 1)).tolist() == [40, 200, 60]


def test_the_drawn_scene_of_the_documentation_has_its_things_at_its_points(add_model, tmp_path):
    things = write_scene(tmp_path / "scene.tif", side=512)
    add_model("discs", "segmenter", lambda _: FakeSegmenter(radius=2))
    settings = {"pipeline": Pipeline().segment("discs"), "out": tmp_path / "out", "prompts_from": tmp_path / "points.geojson"}
    done = annotate(tmp_path / "scene.tif", tile=256, **settings)
    assert (len(things), done.classes) == (20, {"cell": 7})
    with ps.open_raster(tmp_path / "scene.tif") as raster:
        assert (raster.size, raster.georeference.epsg) == ((512, 512), 32632)
        assert len(read_scene(tmp_path / "truth.geojson", raster)) == 20
        discs = read_scene(tmp_path / "out" / "objects.geojson", raster)
    assert [max(disc.shared_area(thing) for thing in things) for disc in discs] == [disc.area for disc in discs]
