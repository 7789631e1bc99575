"""A raster in the studio: tiles, clicks, objects and exports, also where it has more pixels than an image may have."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")
pytest.importorskip("rasterio")
pytest.importorskip("pyogrio")

import rasterio

from fake_pipelines import built
from promptseg import Mask
from promptseg.annotation.run import JOURNAL
from promptseg.image_formats import MAX_PIXELS
from promptseg.scene_masks import SceneMask
from promptseg.server.api.scene_answers import whole_counts
from promptseg.studio_server.image_list import key_of
from promptseg.studio_server.kept_documents import SCENES
from promptseg.studio_server.project import open_project
from promptseg.studio_server.rasters.export import _names
from promptseg.studio_server.rasters.files import RasterFiles
from promptseg.testing import FakeConceptSegmenter, FakeSegmenter
from running_studio import running_studio

HUGE = (13_000, 14_000)
"""More than an image may have."""
LARGE = (1500, 2600)
ORIGIN, PIXEL = (400_000.0, 5_000_000.0), 0.5
SQUARE = (9000, 11_000, 9100, 11_060)
"""``x0, y0, x1, y1`` of a bright square in the huge raster."""


def write_raster(path, size, square=None):
    """Write a dark raster with world coordinates and reduced copies; blocks without a bright pixel take no space."""
    profile = {"driver": "GTiff", "height": size[0], "width": size[1], "count": 3, "dtype": "uint8", "crs": "EPSG:32633"}
    profile |= {
        "tiled": True,
        "sparse_ok": True,
        "compress": "deflate",
        "transform": rasterio.Affine(PIXEL, 0, ORIGIN[0], 0, -PIXEL, ORIGIN[1]),
    }
    with rasterio.open(path, "w", **profile) as file:
        x0, y0, x1, y1 = square or (100, 100, 200, 200)
        window = rasterio.windows.Window(x0, y0, x1 - x0, y1 - y0)
        file.write(np.full((3, y1 - y0, x1 - x0), 250, np.uint8), window=window)
        file.build_overviews([4, 16])


class OnlyExamples(FakeConceptSegmenter):
    """A concept segmenter that reads no words: they are for the detector."""

    accepts = frozenset({"example"})


@dataclass
class Opened:
    studio: object
    key: str
    out: Path

    def open(self):
        answer = self.studio.client.get(f"/v1/studio/images/{self.key}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def segment(self, *prompts, **body):
        body = {"image": {"id": self.open()["image"]}, "prompts": list(prompts), **body}
        return self.studio.client.post("/v1/segment", json=body)

    def put(self, *objects, version):
        body = {"version": version, "change": {"put": list(objects)}}
        answer = self.studio.client.post(f"/v1/studio/images/{self.key}/changes", json=body)
        assert answer.status_code == 200, answer.text

    def export(self, *formats):
        return self.studio.result(self.studio.client.post("/v1/studio/export", json={"formats": list(formats)}))


@contextlib.contextmanager
def studio_of(source, tmp_path, name, radius=40.0, rasters=None, found=None):
    pipeline = replace(built(found), segmenter=FakeSegmenter(radius=radius))
    if found is not None:
        pipeline = replace(pipeline, concept_segmenter=OnlyExamples())
    (tmp_path / "server").mkdir(exist_ok=True)
    with (
        open_project(source, tmp_path / "out", rasters=rasters) as project,
        running_studio(project, {"fake": pipeline}, tmp_path / "server") as running,
    ):
        yield Opened(running, key_of(name), tmp_path / "out")


@pytest.fixture(scope="module")
def huge_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("huge") / "scene.tif"
    write_raster(path, HUGE, SQUARE)
    assert HUGE[0] * HUGE[1] > MAX_PIXELS
    return path


@pytest.fixture
def huge(huge_path, tmp_path):
    with studio_of(huge_path, tmp_path, "scene.tif") as opened:
        yield opened


@pytest.fixture
def finding(huge_path, tmp_path):
    """The huge raster with a detector, which finds a roof at the same place of all that it sees."""
    with studio_of(huge_path, tmp_path, "scene.tif", found={"roof": (100, 200, 160, 280)}) as opened:
        yield opened


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A raster of fewer pixels, in a folder with an image."""
    monkeypatch.setattr("promptseg.studio_server.rasters.files.LARGE", 1_000_000)
    (folder := tmp_path / "photos").mkdir()
    write_raster(folder / "scene.tif", LARGE)
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(folder / "a.png")
    with studio_of(folder, tmp_path, "scene.tif") as opened:
        yield opened


def disc(radius=30):
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return Mask.from_array(rows**2 + columns**2 <= radius**2)


def posted(uid, at, size=HUGE, **values):
    return {"uid": uid, "mask": {"size": list(size), "counts": whole_counts(SceneMask.of(disc(), at), size)}, **values}


def pixels_of(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def test_it_is_shown_by_tiles(huge):
    opened = huge.open()
    assert (opened["height"], opened["width"], opened["tiles"]) == (*HUGE, {"size": 512, "levels": 6})
    level, column, row = 0, SQUARE[0] // 512, SQUARE[1] // 512
    tile = pixels_of(huge.studio.client.get(f"/v1/studio/images/{huge.key}/tiles/{level}/{column}/{row}").content)
    assert tile.shape == (512, 512, 3)
    bright = np.argwhere(tile[:, :, 0] > 125)
    assert bright.min(axis=0).tolist() == [SQUARE[1] - row * 512, SQUARE[0] - column * 512]
    whole = pixels_of(huge.studio.client.get(f"/v1/studio/images/{huge.key}/tiles/5/0/0").content)
    assert whole.shape == (407, 438, 3)
    assert huge.studio.client.get(f"/v1/studio/images/{huge.key}/tiles/6/0/0").status_code == 404
    small = pixels_of(huge.studio.client.get(f"/v1/studio/images/{huge.key}/thumbnail").content)
    assert small.shape == (149, 160, 3)


def test_a_click_gives_a_mask_of_the_whole_raster(huge):
    result = huge.segment({"points": [[9050, 11_030]]}).json()
    assert result["size"] == {"height": HUGE[0], "width": HUGE[1]}
    (mask,) = result["masks"]
    assert mask["segmentation"]["size"] == list(HUGE)
    assert mask["box"] == pytest.approx([9050 - 40, 11_030 - 40, 9050 + 41, 11_030 + 41], abs=1)
    assert mask["area"] == pytest.approx(np.pi * 40**2, rel=0.02)
    assert (mask["prompt_index"], mask["score_kind"]) == (0, "mask")
    several = huge.segment({"points": [[9050, 11_030]]}, candidates=True).json()["masks"]
    assert len(several) == 3


def test_an_earlier_mask_is_that_of_the_object_however_large_the_raster_is(huge):
    (first,) = huge.segment({"points": [[9050, 11_030]]}).json()["masks"]
    points = {"points": [[9050, 11_030], [9100, 11_030]], "foreground": [True, True]}
    assert len(huge.segment({**points, "mask": first["segmentation"]}).json()["masks"]) == 1
    (alone,) = huge.segment({"mask": first["segmentation"]}).json()["masks"]
    assert alone["box"] == pytest.approx(first["box"], abs=1)


BROKEN = [((5, 5), [0, 25]), (HUGE, [182_000_000]), (HUGE, "~~"), (HUGE, [-1, 2]), (HUGE, [1 << 80])]


@pytest.mark.parametrize(("size", "counts"), BROKEN)
def test_a_mask_that_is_none_of_the_raster_is_refused(huge, size, counts):
    mask = {"size": list(size), "counts": counts}
    assert huge.segment({"mask": mask}).status_code == 422
    assert huge.segment({"concept": {"examples": [{"prompt": {"mask": mask}}]}}, window=WINDOW).status_code == 422


def test_what_looks_for_objects_everywhere_is_refused_without_a_window(huge):
    answer = huge.segment({"everything": {}})
    assert (answer.status_code, "give a window" in answer.json()["detail"]) == (400, True)


WINDOW = [8000, 10_000, 12_000, 12_000]


def test_words_examples_and_classes_are_found_in_a_window(finding):
    by = 4000 / 1024  # The window is shown as a tile of 1024.
    box = [8000 + 100 * by, 10_000 + 200 * by, 8000 + 160 * by, 10_000 + 280 * by]
    (mask,) = finding.segment({"text": ["roof"]}, window=WINDOW).json()["masks"]
    assert (mask["label"], mask["segmentation"]["size"]) == ("roof", list(HUGE))
    assert mask["box"] == pytest.approx(box, abs=by)
    (mask,) = finding.segment(window=WINDOW).json()["masks"]
    assert mask["label"] == "roof"
    example = {"prompt": {"box": [8500, 10_500, 8600, 10_600]}}
    (mask,) = finding.segment({"concept": {"examples": [example], "label": "cell"}}, window=WINDOW).json()["masks"]
    assert (mask["label"], mask["box"]) == ("cell", pytest.approx([8500, 10_500, 8600, 10_600], abs=by))


def test_an_example_may_be_the_mask_of_an_object(finding):
    example = {"prompt": {"mask": posted("one", (8500, 10_500))["mask"]}}
    (found,) = finding.segment({"concept": {"examples": [example]}}, window=WINDOW).json()["masks"]
    assert found["box"] == pytest.approx([8500, 10_500, 8561, 10_561], abs=5)
    assert found["area"] == pytest.approx(disc().area, rel=0.05)


@pytest.mark.parametrize("window", [[0, 0, 14_001, 10], [-1, 0, 10, 10], [10, 10, 10, 20], [0, 0, 10], [0.5, 0, 10, 10]])
def test_a_window_that_does_not_lie_in_the_raster_is_refused(huge, window):
    assert huge.segment({"everything": {}}, window=window).status_code == 422


def test_an_image_has_no_window(large):
    image = large.studio.client.get(f"/v1/studio/images/{key_of('a.png')}").json()
    body = {"image": {"id": image["image"]}, "prompts": [{"everything": {}}], "window": [0, 0, 10, 10]}
    answers = [large.studio.client.post(route, json=body) for route in ("/v1/segment", "/v1/jobs")]
    assert [each.status_code for each in answers] == [400, 400]
    assert (image["raster"], large.open()["raster"]) == (False, True)


def test_everything_in_a_window_is_a_job(huge):
    body = {"image": {"id": huge.open()["image"]}, "prompts": [{"everything": {"points_per_side": 2}}], "window": WINDOW}
    masks = huge.studio.result(huge.studio.client.post("/v1/jobs", json=body))["masks"]
    assert masks
    boxes = np.array([mask["box"] for mask in masks])
    assert (boxes[:, :2].min(axis=0) >= WINDOW[:2]).all()
    assert (boxes[:, 2:].max(axis=0) <= WINDOW[2:]).all()


def test_masks_come_as_polygons_and_not_as_a_picture(huge):
    body = {"image": {"id": huge.open()["image"]}, "prompts": [{"box": [9000, 11_000, 9100, 11_060]}]}
    polygons = {"Accept": "application/vnd.promptseg.polygons+json"}
    (mask,) = huge.studio.client.post("/v1/segment", json=body, headers=polygons).json()["masks"]
    assert sorted(mask["segmentation"][0][0]) == [[9000, 11_000], [9000, 11_060], [9100, 11_000], [9100, 11_060]]
    assert huge.studio.client.post("/v1/segment", json=body, headers={"Accept": "image/png"}).status_code == 406


def test_objects_of_a_huge_raster_are_kept_beside_annotates_journal(huge, huge_path, tmp_path):
    huge.put(posted("one", (9000, 11_000), label="roof"), version=0)
    huge.put(posted("two", (13_900, 12_900)), version=1)
    (one, two) = huge.open()["document"]["objects"]
    assert (one["label"], two["mask"]["counts"]) == ("roof", posted("two", (13_900, 12_900))["mask"]["counts"])
    assert "scene.tif" in (kept := (huge.out / SCENES).read_text())
    assert f'"bytes":{huge_path.stat().st_size}' in kept
    assert '"sha256":null' in kept  # A file of gigabytes is not read for a change.
    assert "scene.tif" not in (huge.out / JOURNAL).read_text()
    (listed,) = huge.studio.client.get("/v1/studio/images").json()["images"]
    assert (listed["objects"], listed["state"]) == (2, "started")


def test_they_are_there_when_the_studio_is_opened_again(huge_path, tmp_path):
    with studio_of(huge_path, tmp_path, "scene.tif") as first:
        first.put(posted("one", (9000, 11_000), label="roof"), version=0)
        first.put(posted("one", (9000, 11_500), label="roof"), version=1)
    with studio_of(huge_path, tmp_path, "scene.tif") as again:
        (one,) = again.open()["document"]["objects"]
        assert one["mask"]["counts"] == posted("one", (9000, 11_500))["mask"]["counts"]
        assert [label.name for label in again.studio.project.labels.all] == ["roof"]
        again.put(posted("two", (1, 1)), version=2)


def test_they_are_exported_in_world_coordinates_and_not_in_datasets_of_images(huge):
    huge.put(posted("one", (9000, 11_000), label="roof", attributes={"cover": "tiles"}), version=0)
    done = huge.export("raster-geojson", "gpkg", "label-tif", "coco")
    told = {each["format"]: each for each in done["files"]}
    assert [told[name]["path"] for name in ("gpkg", "label-tif")] == ["rasters/scene.gpkg", "rasters/scene.labels.tif"]
    for name in ("raster-geojson", "gpkg", "label-tif"):
        assert "1 attribute is not in the files: the format cannot hold them" in told[name]["lost"]
    assert (told["coco"]["images"], told["gpkg"]["objects"]) == (0, 1)
    assert any("1 raster is not in it" in line for line in told["coco"]["lost"])
    content = json.loads((huge.out / "rasters" / "scene.geojson").read_text())
    (feature,) = content["features"]
    assert feature["properties"]["label"] == "roof"
    assert feature["geometry"]["type"] == "Polygon"
    corners = np.array(feature["geometry"]["coordinates"][0])
    assert corners.min(axis=0) == pytest.approx([ORIGIN[0] + 9000 * PIXEL, ORIGIN[1] - 11_061 * PIXEL])
    with rasterio.open(huge.out / "rasters" / "scene.labels.tif") as labels:
        assert labels.shape == HUGE
        assert labels.read(1, window=rasterio.windows.Window(9030, 11_030, 1, 1)).item() == 1
    packed = zipfile.ZipFile(io.BytesIO(huge.studio.client.get(done["download"]).content))
    assert {f"rasters/scene.{suffix}" for suffix in ("gpkg", "geojson", "labels.tif", "labels.csv")} <= set(packed.namelist())


def test_files_of_rasters_whose_names_differ_by_their_suffix_alone_keep_it():
    assert _names(["a.tif", "b/c.tif"]) == ["a", "b-c"]
    assert _names(["a.tif", "A.tiff"]) == ["a.tif", "A.tiff"]


def test_a_raster_that_was_changed_is_named(huge_path, tmp_path):
    path = tmp_path / "scene.tif"
    path.write_bytes(huge_path.read_bytes())
    with studio_of(path, tmp_path, "scene.tif") as opened:
        image = opened.open()["image"]
        write_raster(path, (2000, 3000))
        body = {"image": {"id": image}, "prompts": [{"points": [[5, 5]]}]}
        answer = opened.studio.client.post("/v1/segment", json=body)
        assert (answer.status_code, "changed" in answer.json()["detail"]) == (422, True)


def test_a_raster_of_fewer_pixels_is_kept_and_exported_as_an_image_too(large):
    large.put(posted("one", (500, 600), LARGE, label="roof"), version=0)
    assert not (large.out / SCENES).exists()
    assert "scene.tif" in (large.out / JOURNAL).read_text()
    large.export("coco", "geoparquet")
    assert [each["file_name"] for each in json.loads((large.out / "coco.json").read_text())["images"]] == ["scene.tif"]
    assert (large.out / "rasters" / "scene.parquet").is_file()
    (mask,) = large.segment({"points": [[1300, 700]]}).json()["masks"]
    assert large.segment({"mask": mask["segmentation"], "points": [[1300, 700]]}).status_code == 200


def test_suggestions_search_a_raster_tile_by_tile(large):
    started = large.studio.client.post("/v1/studio/suggest", json={"prompts": [{"everything": {"points_per_side": 2}}]})
    done = large.studio.result(started)
    assert (done["images"], done["failed"]) == (2, {})
    document = large.open()["document"]
    assert (document["state"], {each["source"] for each in document["objects"]}) == ("suggested", {"suggestion"})
    boxes = [Mask.from_coco_rle(each["mask"]).box for each in document["objects"]]
    assert min(x0 for x0, *_ in boxes) < 700 < 1900 < max(x1 for *_, x1, _ in boxes)  # Of tiles at both ends.
    assert all(each["mask"]["size"] == list(LARGE) for each in document["objects"])


def test_a_raster_that_a_person_has_touched_is_left_alone(large):
    large.put(posted("one", (500, 600), LARGE, label="roof"), version=0)
    done = large.studio.result(large.studio.client.post("/v1/studio/suggest", json={"prompts": [{"everything": {"points_per_side": 2}}]}))
    assert (done["images"], done["left_alone"]) == (1, 0)
    assert [each["uid"] for each in large.open()["document"]["objects"]] == ["one"]


def test_formats_of_rasters_are_offered_where_there_are_some(large, tmp_path):
    offered = {each["name"] for each in large.studio.client.get("/v1/studio").json()["formats"]}
    assert {"coco", "gpkg", "geoparquet", "raster-geojson", "label-tif"} <= offered
    (folder := tmp_path / "only").mkdir()
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(folder / "a.png")
    with open_project(folder, tmp_path / "other") as project:
        assert project.own_formats == ()


def test_code_of_what_was_clicked_finds_the_same_mask(huge, add_model, capsys):
    add_model("fake", "segmenter", lambda _: FakeSegmenter(radius=40))
    prompt = {"points": [[9050, 11_030], [9100, 11_030]], "foreground": [True, False]}
    (mask,) = huge.segment(prompt).json()["masks"]
    earlier = {**prompt, "mask": mask["segmentation"]}  # As the page keeps it.
    huge.put({"uid": "one", "mask": mask["segmentation"], "prompts": [earlier]}, version=0)
    told = huge.studio.client.post("/v1/studio/code", json={"key": huge.key, "object": "one"}).json()
    assert told["exact"] is None
    assert told["command"].startswith("python - <<")
    exec(told["python"], {})
    assert str([[int(side) for side in mask["box"]]]) in capsys.readouterr().out
    for prompts in ([{"text": ["roof"]}], []):
        refused = huge.studio.client.post("/v1/studio/code", json={"key": huge.key, "prompts": prompts})
        assert refused.status_code == 400


def test_an_ome_zarr_is_opened_with_its_bands(tmp_path):
    zarr = pytest.importorskip("zarr", reason="OME-Zarr needs zarr")
    group = zarr.open_group(str(tmp_path / "slide.zarr"), mode="w")
    levels = [np.full((2, 600, 900), 1000, np.uint16), np.full((2, 300, 450), 1000, np.uint16)]
    levels[0][1, 100:200, 300:400] = 4000
    for number, array in enumerate(levels):
        create = getattr(group, "create_array", None) or group.create_dataset
        create(str(number), shape=array.shape, dtype=array.dtype, chunks=(1, 256, 256))[...] = array
    axes = [{"name": name, "type": "channel" if name == "c" else "space"} for name in "cyx"]
    multiscales = [{"axes": axes, "datasets": [{"path": "0"}, {"path": "1"}]}]
    group.attrs.update({"multiscales": multiscales} if zarr.__version__ < "3" else {"ome": {"version": "0.5", "multiscales": multiscales}})
    with studio_of(tmp_path / "slide.zarr", tmp_path, "slide.zarr", rasters=RasterFiles(bands=(2,), stretch=(0, 100))) as opened:
        assert (opened.open()["height"], opened.open()["width"]) == (600, 900)
        tile = pixels_of(opened.studio.client.get(f"/v1/studio/images/{opened.key}/tiles/0/0/0").content)
        assert (tile[150, 350].min() > 200, tile[10, 10].max() < 60) == (True, True)
        opened.put(posted("one", (300, 100), (600, 900)), version=0)
        (mask,) = opened.segment({"points": [[350, 150]]}).json()["masks"]
        assert mask["area"] > 4000
        done = opened.export("yolo-seg", "raster-geojson")
        assert [each["objects"] for each in done["files"]] == [0, 1]
