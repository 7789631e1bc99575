"""Rasters that are cut into tiles: what `annotate` finds in them, and what it writes."""

import errno
import json
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blob_model import BlobDetector, BlobSegmenter, sheet
from promptseg import Pipeline, Prompt, annotate
from promptseg.annotation import overview
from promptseg.annotation import tiles as annotation_tiles
from promptseg.annotation.overview import write_overview
from promptseg.datasets.reading import open_dataset
from promptseg.errors import ConfigError, InputError, OutputError
from promptseg.masks import Mask
from promptseg.rasters.opening import open_raster
from promptseg.scene_masks import SceneMask, SceneMasks
from promptseg.testing import FakeSegmenter
from slides import write_svs

ALL = Prompt.everything(4)
BOXES = [
    (10, 10, 30, 25),  # In the middle of a tile,
    (100, 40, 150, 60),  # across the border of two,
    (105, 105, 160, 150),  # across the corner of four,
    (200, 0, 260, 12),  # at the border of the raster,
    (20, 150, 40, 290),  # and longer than a tile.
]
TILES = {"tile": 128, "overlap": 32}


@pytest.fixture
def scene(tmp_path):
    """A raster of 300 x 280 with a bright rectangle at each of `BOXES`, in 9 tiles of `TILES`."""
    Image.fromarray(sheet(300, 280, BOXES)).save(tmp_path / "scene.png")
    return tmp_path / "scene.png"


@pytest.fixture
def blobs(add_model):
    """A pipeline that finds the rectangles."""
    add_model("blobs", "segmenter", lambda _: BlobSegmenter())
    return Pipeline().segment("blobs")


def boxes_of(path):
    """The boxes of the features of a GeoJSON file in pixels, sorted."""
    features = json.loads(Path(path).read_text())["features"]
    corners = [np.concatenate([np.array(ring) for ring in each["geometry"]["coordinates"]]) for each in features]
    return sorted((*ring.min(axis=0).astype(int).tolist(), *ring.max(axis=0).astype(int).tolist()) for ring in corners)


def outputs(out):
    """The bytes of everything that a run wrote, but for its journal and gallery, which have times in them."""
    files = (path for path in Path(out).rglob("*") if path.is_file())
    kept = (path for path in files if path.name not in ("journal.jsonl", ".lock") and "gallery" not in path.relative_to(out).parts)
    return {str(path.relative_to(out)): path.read_bytes() for path in kept}


def test_each_object_of_a_raster_is_there_once_and_whole_wherever_tiles_cut_it(scene, blobs, tmp_path):
    done = annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    assert (done.images, done.objects, done.failures) == (9, 5, 0)
    assert boxes_of(tmp_path / "out" / "objects.geojson") == sorted(BOXES)
    assert str(done).startswith("9 tiles annotated with 5 objects")
    assert done.to_dict()["scene"] == [300, 280]


def test_a_slide_in_jpeg_2000_gives_the_objects_that_its_pixels_show(blobs, tmp_path):
    write_svs(tmp_path / "slide.svs", sheet(300, 280, BOXES), compression="aperio_jp2000_rgb", compressionargs={"level": 0})
    annotate(tmp_path / "slide.svs", ALL, pipeline=blobs, out=tmp_path / "out", formats=["geojson", "coco"], **TILES)
    assert boxes_of(tmp_path / "out" / "objects.geojson") == sorted(BOXES)
    (feature, *_) = json.loads((tmp_path / "out" / "objects.geojson").read_text())["features"]
    assert feature["properties"]["area_um2"] == pytest.approx(feature["properties"]["area_pixels"] * 0.252**2)


def test_what_is_larger_than_a_tile_comes_whole_from_a_coarser_scale(add_model, tmp_path):
    add_model("blobs", "segmenter", lambda _: BlobSegmenter())
    large = [(20, 20, 340, 340), (400, 400, 404, 404)]
    Image.fromarray(sheet(500, 500, large)).save(tmp_path / "scene.png")
    annotate(tmp_path / "scene.png", ALL, pipeline=Pipeline().segment("blobs"), out=tmp_path / "out", tile=128, scale=(1, 0.25))
    assert boxes_of(tmp_path / "out" / "objects.geojson") == large


def test_phrases_name_the_objects_and_a_phrase_without_any_counts_none(add_model, tmp_path):
    add_model("find", "detector", lambda _: BlobDetector())
    add_model("fake", "segmenter", lambda _: FakeSegmenter())
    image = sheet(300, 280, BOXES)
    image[105:150, 105:160] = (200, 200, 60)
    Image.fromarray(image).save(tmp_path / "scene.png")
    pipeline = Pipeline().detect("find").segment("fake")
    done = annotate(tmp_path / "scene.png", Prompt.text("red", "green", "blue"), pipeline=pipeline, out=tmp_path / "out", **TILES)
    assert done.classes == {"green": 4, "red": 1, "blue": 0}
    features = json.loads((tmp_path / "out" / "objects.geojson").read_text())["features"]
    assert sorted(each["properties"]["label"] for each in features) == ["green"] * 4 + ["red"]


def test_the_dataset_of_the_tiles_holds_each_pixel_and_each_part_of_an_object_once(scene, blobs, tmp_path):
    done = annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", formats=["coco"], **TILES)
    assert done.reports["coco"].images == 9
    dataset = open_dataset(tmp_path / "out" / "tiles", coco=tmp_path / "out" / "coco.json")
    area = sum(each.mask.area for image in dataset for each in image.objects)
    assert area == sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in BOXES)
    rows = [np.concatenate([each.pixels() for each in list(dataset)[row * 3 : row * 3 + 3]], axis=1) for row in range(3)]
    assert np.array_equal(np.concatenate(rows), np.asarray(Image.open(scene)))


def test_no_image_of_a_dataset_shows_what_was_not_annotated(scene, blobs, tmp_path):
    done = annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", formats=["coco", "geojson"], limit=4, **TILES)
    assert [path.name for path in sorted((tmp_path / "out" / "tiles").glob("*.png"))] == [
        *(f"r00000-c0000{column}.png" for column in range(3)),
        "r00001-c00000.png",
    ]
    assert {report.notes[-1] for report in done.reports.values()} == {"5 tiles are not annotated: what only they show is missing"}
    done = annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", formats=["coco"], limit=8, **TILES)
    assert done.reports["coco"].notes[-1] == "1 tile is not annotated: what only it shows is missing"
    assert annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", formats=["coco"], **TILES).reports["coco"].images == 9


def test_a_raster_that_is_small_enough_can_be_one_image_of_a_dataset(scene, blobs, tmp_path):
    annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", formats=["coco"], whole=True, **TILES)
    (image,) = open_dataset(tmp_path, coco=tmp_path / "out" / "coco.json")
    assert sorted(tuple(each.mask.box.astype(int).tolist()) for each in image.objects) == sorted(BOXES)
    assert not (tmp_path / "out" / "tiles").exists()


def test_the_copy_of_a_raster_that_is_a_folder_is_refused_before_the_first_tile(blobs, tmp_path):
    zarr = pytest.importorskip("zarr", reason="OME-Zarr needs zarr")
    pixels = sheet(300, 280, BOXES).transpose(2, 0, 1)
    two = {"zarr_format": 2} if int(zarr.__version__.split(".")[0]) > 2 else {}
    group = zarr.open_group(str(tmp_path / "scene.zarr"), mode="w", **two)
    create = group.create_array if two else group.create_dataset
    create("0", shape=pixels.shape, dtype=pixels.dtype, chunks=(3, 64, 64))[...] = pixels
    axes = [{"name": axis, "type": "channel" if axis == "c" else "space"} for axis in "cyx"]
    group.attrs.update({"multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}]})

    def run(images, **options):
        of_yolo = {"yolo-seg": {"images": images}}
        return annotate(
            tmp_path / "scene.zarr", ALL, pipeline=blobs, out=tmp_path / "out", formats=["yolo-seg"], options=of_yolo, **TILES, **options
        )

    with pytest.raises(
        ConfigError, match=r"scene\.zarr is a folder, and yolo-seg\.images=copy copies an image that is a file: leave out whole"
    ):
        run("copy", whole=True)
    assert run("none", whole=True).processed == 9
    assert run("copy").reports["yolo-seg"].images == 9


class TestTilesOfAnEarlierRun:
    """The images of a dataset whose images are the tiles, where a later run writes the raster as one image."""

    @pytest.fixture
    def run(self, scene, blobs, tmp_path):
        return lambda *formats, **options: annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", formats=formats, **TILES, **options)

    def test_they_are_removed_and_nothing_else_is_left(self, run, tmp_path):
        run("coco", "geojson", whole=True)
        names = {path.name for path in (tmp_path / "out").iterdir()}
        assert names == {".promptseg.json", ".scene.json", ".lock", "coco.json", "gallery", "journal.jsonl", "objects.geojson"}
        run("coco")
        run("coco", whole=True)
        assert {path.name for path in (tmp_path / "out").iterdir()} == names

    def test_they_stay_while_another_dataset_has_them(self, run, tmp_path):
        run("coco", "yolo-seg")
        run("coco", whole=True)
        assert len([*(tmp_path / "out" / "tiles").glob("*.png")]) == 9
        run("coco", "yolo-seg", whole=True)
        assert not (tmp_path / "out" / "tiles").exists()

    def test_a_file_of_the_user_stays(self, run, tmp_path):
        run("coco")
        (tmp_path / "out" / "tiles" / "notes.txt").write_text("mine")
        run("coco", whole=True)
        assert [path.name for path in sorted((tmp_path / "out" / "tiles").iterdir())] == [".promptseg", "notes.txt"]


def test_points_and_boxes_are_in_pixels_of_the_raster_and_only_the_tiles_that_hold_them_are_asked(scene, blobs, tmp_path):
    prompts = [Prompt.point(120, 50), Prompt.box(20, 150, 40, 290)]
    done = annotate(scene, *prompts, pipeline=blobs, out=tmp_path / "out", tile=128, scale=(1, 0.5))
    assert boxes_of(tmp_path / "out" / "objects.geojson") == [(20, 150, 40, 290), (100, 40, 150, 60)]
    assert done.images == 2


def test_an_object_of_a_point_that_is_larger_than_every_tile_is_told(scene, blobs, tmp_path):
    prompts = [Prompt.point(30, 200), Prompt.point(15, 15)]
    done = annotate(scene, *prompts, pipeline=blobs, out=tmp_path / "out", **TILES)
    assert "1 object reaches the border of its tile at every scale" in str(done)
    assert "--scale 1,0.427, in a new folder" in str(done)
    assert done.to_dict()["cut"] == 1
    whole = annotate(scene, *prompts, pipeline=blobs, out=tmp_path / "whole", scale=(1, 0.427), **TILES)
    assert (whole.cut, "border" in str(whole)) == (0, False)


def test_a_prompt_outside_of_the_raster_is_told(scene, blobs, tmp_path):
    done = annotate(scene, Prompt.point(15, 15), Prompt.point(900, 5), pipeline=blobs, out=tmp_path / "out", **TILES)
    assert (done.objects, done.dropped) == (1, 1)
    assert "(900, 5)" in done.problems[0]
    assert "280 wide and 300 high" in done.problems[0]
    with pytest.raises(InputError, match="of 1 prompt none lies in"):
        annotate(scene, Prompt.point(900, 5), pipeline=blobs, out=tmp_path / "other", **TILES)


def test_only_the_tiles_that_changed_are_annotated_again(scene, blobs, tmp_path):
    annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    image = np.array(Image.open(scene))
    image[10:25, 10:30] = 20  # In the first tile alone.
    Image.fromarray(image).save(scene)
    done = annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    assert (done.changed, done.processed, done.objects) == (("scene.png/1/r00000-c00000",), 1, 4)
    assert "1 tile changed since an earlier run, annotated again" in str(done)


def test_progress_counts_tiles(scene, blobs, tmp_path):
    told = []
    annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", progress=told.append, **TILES)
    assert {(each.unit, each.total) for each in told if each.stage == "annotate"} == {("tile", 9)}


def test_a_raster_that_was_only_touched_is_not_annotated_again(scene, blobs, tmp_path):
    annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    os.utime(scene, ns=(1, 1))
    done = annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    assert (done.changed, done.processed, done.objects) == ((), 0, 5)


def test_a_raster_that_changes_during_a_run_fails_the_rest_and_a_later_run_goes_on(scene, blobs, tmp_path, monkeypatch):
    read, lock, count = annotation_tiles.read_tile, threading.Lock(), []

    def changing(raster, tile):
        with lock:
            count.append(tile)
            if len(count) == 4:
                os.utime(scene, ns=(1, 1))
            return read(raster, tile)

    with monkeypatch.context() as patched:
        patched.setattr("promptseg.annotation.annotator.read_tile", changing)
        done = annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    assert (done.failures, done.images) == (6, 9)
    again = annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", retry_failed=True, **TILES)
    assert (again.failures, again.processed, again.objects) == (0, 6, 5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork() would take a second for each kill")
def test_a_run_that_is_killed_at_random_moments_ends_with_the_same_bytes_in_every_file(tmp_path):
    generator = np.random.default_rng(3)
    corners = generator.integers(0, 320, (30, 2))
    Image.fromarray(sheet(350, 350, [(x, y, x + 25, y + 25) for x, y in corners.tolist()])).save(tmp_path / "scene.png")
    script = Path(__file__).with_name("killed_scene.py")
    command = [sys.executable, script, tmp_path / "scene.png", tmp_path / "out", tmp_path / "whole", "6"]
    paths = os.pathsep.join([str(script.parents[1] / "fixtures"), *sys.path])
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    killed, lines_then = json.loads(done.stdout)
    assert killed >= 5
    assert len(set(lines_then)) > 3  # The moments differ: the journal had another length at each.
    assert '"moved":{"tile":0' in (tmp_path / "out" / "journal.jsonl").read_text()
    written = outputs(tmp_path / "out")
    assert {Path(name).parts[0] for name in written} == {
        *(".promptseg.json", ".scene.json", "coco.json", "objects.geojson", "tiles", "yolo-seg"),
    }
    assert written == outputs(tmp_path / "whole")


def test_the_order_in_which_tiles_are_done_does_not_matter(scene, blobs, tmp_path):
    for out, limits in (("a", (3, 5, None)), ("b", (None,))):
        for limit in limits:
            annotate(scene, ALL, pipeline=blobs, out=tmp_path / out, formats=["geojson", "coco"], limit=limit, **TILES)
    assert outputs(tmp_path / "a") == outputs(tmp_path / "b")


def test_a_full_disk_ends_the_run_and_with_room_the_same_call_goes_on(scene, blobs, tmp_path, journal_of):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    settings = {"pipeline": blobs, "gallery": 0, "formats": ["geojson", "coco"], **TILES}
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
    try:
        with pytest.raises(OutputError, match=os.strerror(errno.EFBIG)):
            annotate(scene, ALL, out=tmp_path / "out", **settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    kept = len(journal_of(tmp_path / "out"))
    assert 0 < kept < 9
    assert annotate(scene, ALL, out=tmp_path / "out", **settings).processed == 9 - kept
    annotate(scene, ALL, out=tmp_path / "other", **settings)
    assert outputs(tmp_path / "out") == outputs(tmp_path / "other")


@pytest.mark.parametrize(("first", "second"), [((3, "uint16"), (1, "uint16")), ((1, "uint16"), (3, "uint8"))])
def test_a_raster_of_other_samples_than_before_is_stretched_anew(first, second, blobs, tmp_path):
    tifffile = pytest.importorskip("tifffile", reason="writing 16 bits needs tifffile")
    scene, out = tmp_path / "scene.tif", tmp_path / "out"
    for bands, dtype in (first, second):
        pixels = sheet(300, 280, BOXES)[..., :bands].astype(dtype) * (1 if dtype == "uint8" else 100)
        tifffile.imwrite(scene, pixels.squeeze(), photometric="rgb" if bands == 3 else "minisblack")
        done = annotate(scene, ALL, pipeline=blobs, out=out, **TILES)
        assert (done.objects, boxes_of(out / "objects.geojson")) == (5, sorted(BOXES))


def test_an_output_that_was_changed_by_hand_is_kept(scene, blobs, tmp_path):
    annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    (tmp_path / "out" / "objects.geojson").write_text("mine")
    done = annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    assert (tmp_path / "out" / "objects.geojson").read_text() == "mine"
    assert done.reports["geojson"].kept == ("objects.geojson",)
    assert "--corrections" not in str(done)  # They are for images.


def test_a_raster_of_one_row_and_one_that_is_smaller_than_a_tile_have_their_objects(blobs, tmp_path):
    for name, size, boxes in (("row.png", (1, 700), [(100, 0, 130, 1), (630, 0, 640, 1)]), ("dot.png", (1, 1), [(0, 0, 1, 1)])):
        Image.fromarray(sheet(*size, boxes)).save(tmp_path / name)
        annotate(tmp_path / name, ALL, pipeline=blobs, out=tmp_path / f"out-{name}", **TILES)
        assert boxes_of(tmp_path / f"out-{name}" / "objects.geojson") == boxes


def test_the_gallery_shows_the_whole_raster_and_the_tiles(scene, blobs, tmp_path):
    annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    gallery = tmp_path / "out" / "gallery"
    assert len(list((gallery / "thumbnails").rglob("*.jpg"))) == 9
    with Image.open(gallery / "overview.jpg") as overview:
        assert overview.size == (280, 300)
        drawn = np.asarray(overview).astype(int)
    untouched = np.asarray(Image.open(scene)).astype(int)
    differs = np.abs(drawn - untouched).sum(axis=2) > 25
    assert differs[45:55, 102:148].mean() > 0.9
    assert differs[200:290, 100:270].mean() < 0.02
    page = (gallery / "index.html").read_text()
    data = json.loads(page.partition('type="application/json">')[2].partition("</script>")[0])
    assert (data["run"]["unit"], data["run"]["overview"], data["run"]["objects"], len(data["images"])) == ("tile", "overview.jpg", 5, 9)


def overview_of(boxes, folder):
    """An overview of rectangles of one label on a pale raster of 300 x 280, as integers, and the raster."""
    pixels = np.full((300, 280, 3), (230, 230, 225), np.uint8)
    masks = [SceneMask.of(Mask.from_array(np.ones((y1 - y0, x1 - x0), bool), label="roof"), (x0, y0)) for x0, y0, x1, y1 in boxes]
    with open_raster(pixels) as raster:
        path = write_overview(raster, SceneMasks(masks, (300, 280)), folder, ["roof"])
    return np.asarray(Image.open(path)).astype(int), pixels.astype(int)


def test_the_overview_of_more_objects_than_are_outlined_has_fills_that_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(overview, "OUTLINED", 2)
    drawn, raster = overview_of(BOXES, tmp_path)
    x0, y0, x1, y1 = BOXES[2]
    assert np.abs(drawn - raster)[y0 + 8 : y1 - 8, x0 + 8 : x1 - 8].max(axis=2).min() > 60


def test_an_object_that_covers_most_of_a_raster_hides_no_other_in_the_overview(tmp_path, monkeypatch):
    monkeypatch.setattr(overview, "OUTLINED", 0)
    for boxes in ([(5, 5, 275, 295), *BOXES], [*BOXES, (5, 5, 275, 295)]):
        drawn, _ = overview_of(boxes, tmp_path)
        assert np.abs(drawn[130, 130] - drawn[200, 200]).max() > 20


def test_labels_of_points_have_the_first_colors(scene, blobs, tmp_path):
    pytest.importorskip("pyogrio", reason="pyogrio is not installed")
    points = {"type": "FeatureCollection", "features": []}
    for x, y in ((15, 15), (120, 50)):
        geometry = {"type": "Point", "coordinates": [x, y]}
        points["features"].append({"type": "Feature", "geometry": geometry, "properties": {"label": "roof"}})
    (tmp_path / "points.geojson").write_text(json.dumps(points))
    annotate(scene, pipeline=blobs, prompts_from=tmp_path / "points.geojson", out=tmp_path / "out", **TILES)
    with Image.open(tmp_path / "out" / "gallery" / "overview.jpg") as drawn:
        edge = np.asarray(drawn)[50, 98:104].astype(int)
    assert (edge[:, 2] - edge[:, 0]).max() > 80  # Sky blue; by its name alone, "roof" would be pale orange.


def test_a_gallery_can_be_had_later(scene, blobs, tmp_path):
    annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", gallery=0, **TILES)
    assert not (tmp_path / "out" / "gallery").exists()
    annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    assert len(list((tmp_path / "out" / "gallery" / "thumbnails").rglob("*.jpg"))) == 9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"overlap": 16}, r"overlap \(--overlap\) is about a raster.*give tile \(--tile\)"),
        ({"whole": True}, r"whole \(--whole\) is about a raster"),
        ({"prompts_from": "a.geojson"}, r"prompts_from \(--prompts\) is about a raster"),
        ({"tile": 128, "every": 3}, r"every \(--every\) is about images"),
        ({"tile": 128, "overlays": True}, r"overlays \(--overlays\) is about images"),
        ({"tile": 128, "corrections": "labelme"}, r"corrections \(--corrections\) is about images"),
        ({"tile": 20}, "tile is a whole number of at least 64"),
        ({"tile": 128, "overlap": 100}, "overlap is at most half of tile"),
        ({"tile": 128, "scale": (1, 2)}, "scale is at most 1"),
        ({"tile": 128, "scale": ()}, "scale is one number or several"),
        ({"tile": 128, "scale": "1"}, "scale is one number or several"),
        ({"tile": 128, "bands": (0,)}, "bands are whole numbers of at least 1"),
        ({"tile": 128, "stretch": (2,)}, "stretch is two percentiles"),
        ({"tile": 128, "prompts_from": 5}, r"prompts_from \(--prompts\) is the path of a file of points, boxes or polygons, got 5"),
        ({"tile": 128, "formats": ["gpgk"]}, "there is no format 'gpgk'.*Did you mean 'gpkg'"),
        ({"tile": 128, "options": {"geojson": {"coordinates": "world"}}}, "geojson has no option 'coordinates'"),
        *(({"formats": [name]}, rf"{name} is written for rasters: give tile \(--tile\)") for name in ("gpkg", "geoparquet", "label-tif")),
    ],
)
def test_options_that_cannot_work_are_refused_before_anything_is_written(settings, message, scene, blobs, tmp_path):
    with pytest.raises(ConfigError, match=message):
        annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_several_images_are_no_raster(scene, blobs, tmp_path):
    with pytest.raises(ConfigError, match="the path of one raster"):
        annotate([scene, scene], ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    with pytest.raises(InputError, match=r"is a folder, and not an OME-Zarr.*several are opened and annotated one at a time"):
        annotate(tmp_path, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    with pytest.raises(InputError, match=r"there is no raster .*nowhere\.tif"):
        annotate(tmp_path / "nowhere.tif", ALL, pipeline=blobs, out=tmp_path / "out", **TILES)


def test_other_tiles_are_another_run(scene, blobs, tmp_path):
    annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", **TILES)
    with pytest.raises(ConfigError, match=r"source\.tile: was 128, is 96"):
        annotate(scene, ALL, pipeline=blobs, out=tmp_path / "out", tile=96, overlap=32)
