"""Points, boxes and polygons as prompts for the objects of a raster in tiles, where the borders of tiles cut the objects."""

import json
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

import promptseg as ps
from blob_model import BlobSegmenter, BlobSession, sheet
from promptseg import Prompt, annotate
from promptseg.annotation import tiles as annotation_tiles
from promptseg.errors import InputError
from promptseg.geo.reading import read_prompts, read_scene
from promptseg.masks import Mask, Masks
from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import parse_config
from promptseg.prompts import PromptKind
from promptseg.testing import FakeSegmenter

pytest.importorskip("pyogrio", reason="pyogrio is not installed")

SIZE = (300, 280)
TILES = {"tile": 128, "overlap": 32}
INSIDE, ACROSS, CORNER, WIDE = (10, 10, 30, 25), (60, 40, 160, 60), (100, 100, 180, 190), (60, 210, 240, 230)
"""Rectangles in the middle of a tile, across a border of the grid, across the corner of four tiles, and wider than a tile."""


@dataclass(frozen=True)
class Seeing(BlobSegmenter):
    """Finds bright rectangles, and notes the images that it opens and the kinds of the prompts."""

    seen: list = field(default_factory=list)
    kinds: list = field(default_factory=list)
    accepts: frozenset[PromptKind] = frozenset({"point", "box", "mask", "everything"})

    def open(self, image):
        self.seen.append(image.shape[:2])
        session = SeeingSession(np.asarray(image), self.radius, {"encode": 0.0}, self.provenance)
        session.__dict__["kinds"] = self.kinds
        return session


class SeeingSession(BlobSession):
    def segment(self, prompts, *, candidates=False):
        given = list(prompts)
        self.kinds.extend(sorted(prompt.kinds) for prompt in given)
        return super().segment(given, candidates=candidates)


def pipeline_of(segmenter):
    return BuiltPipeline(parse_config({"segment": {"model": "seeing"}}), None, segmenter)


@pytest.fixture
def scene(tmp_path):
    """A raster of 300 x 280 with four bright rectangles, in 9 tiles of `TILES`."""
    Image.fromarray(sheet(*SIZE, [INSIDE, ACROSS, CORNER, WIDE])).save(tmp_path / "scene.png")
    return tmp_path / "scene.png"


def features(path, *shapes):
    """A GeoJSON file of shapes in pixels: points ``(x, y)`` and rings of corners."""
    listed = []
    for number, shape in enumerate(shapes):
        kind, coordinates = ("Point", shape) if np.ndim(shape) == 1 else ("Polygon", [[*shape, shape[0]]])
        listed.append({"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": {"label": f"l{number}"}})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": listed}))
    return path


def boxes_of(out):
    """The boxes of the objects that a run wrote, sorted."""
    found = json.loads((out / "objects.geojson").read_text())["features"]
    corners = [np.concatenate([np.array(ring) for ring in each["geometry"]["coordinates"]]) for each in found]
    return sorted((*ring.min(axis=0).astype(int).tolist(), *ring.max(axis=0).astype(int).tolist()) for ring in corners)


def answers(out):
    """The entries of the masks in the journal, by the number of their prompt."""
    records = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()[1:]]
    found = [(entry["id"], entry) for record in records for entry in record.get("masks", ()) if "id" in entry]
    assert len(found) == len(dict(found))
    return dict(found)


class TestBorders:
    @pytest.mark.parametrize("box", [INSIDE, ACROSS, CORNER])
    @pytest.mark.parametrize("kind", ["point", "box"])
    def test_an_object_on_a_border_of_the_grid_is_seen_whole_by_a_tile_around_it(self, box, kind, scene, tmp_path):
        x0, y0 = box[:2]
        prompt = Prompt.point(x0 + 4, y0 + 4) if kind == "point" else Prompt.box(*box)
        done = annotate(scene, prompt, pipeline=pipeline_of(Seeing()), out=tmp_path / "out", **TILES)
        assert boxes_of(tmp_path / "out") == [box]
        assert (done.objects, done.cut) == (1, 0)

    def test_vectors_near_borders_have_one_answer_each_with_their_labels(self, scene, tmp_path):
        path = features(tmp_path / "a.geojson", (65, 50), (15, 15), [(100, 100), (180, 100), (180, 190), (100, 190)])
        done = annotate(scene, pipeline=pipeline_of(Seeing()), out=tmp_path / "out", prompts_from=path, **TILES)
        assert boxes_of(tmp_path / "out") == sorted([ACROSS, INSIDE, CORNER])
        assert (done.classes, sorted(answers(tmp_path / "out"))) == ({"l0": 1, "l1": 1, "l2": 1}, [1, 2, 3])

    def test_an_object_that_every_tile_cuts_is_asked_at_the_coarser_scale(self, scene, tmp_path):
        prompts = [Prompt.point(70, 220), Prompt.point(15, 15)]
        model = Seeing()
        done = annotate(scene, *prompts, pipeline=pipeline_of(model), out=tmp_path / "out", scale=(1, 0.5), **TILES)
        assert boxes_of(tmp_path / "out") == sorted([WIDE, INSIDE])
        assert done.cut == 0
        assert 3 <= len(model.seen) <= 6  # Two tiles of the grid, moved ones, and one of the coarser scale: none for the small object.

    def test_an_object_that_is_cut_at_every_scale_is_told(self, scene, tmp_path):
        done = annotate(scene, Prompt.point(70, 220), pipeline=pipeline_of(Seeing()), out=tmp_path / "out", **TILES)
        assert (done.objects, done.cut) == (1, 1)

    def test_a_box_larger_than_every_tile_is_seen_at_a_scale_of_its_own(self, scene, tmp_path):
        done = annotate(scene, Prompt.box(*WIDE), pipeline=pipeline_of(Seeing()), out=tmp_path / "out", **TILES)
        (found,) = boxes_of(tmp_path / "out")
        assert np.abs(np.array(found) - WIDE).max() <= 2
        assert done.cut == 0

    def test_they_are_the_masks_of_a_tiled_session(self, scene, tmp_path):
        prompts = [Prompt.point(x0 + 4, y0 + 4) for x0, y0, _, _ in (INSIDE, ACROSS, CORNER, WIDE)]
        annotate(scene, *prompts, pipeline=pipeline_of(Seeing()), out=tmp_path / "out", scale=(1, 0.5), **TILES)
        with pipeline_of(Seeing()).open_tiled(scene, scale=(1, 0.5), **TILES) as session, ps.open_raster(scene) as raster:
            asked = session.segment(prompts)
            written = read_scene(tmp_path / "out" / "objects.geojson", raster)
        assert {(mask.origin, mask.mask.counts) for mask in asked} == {(mask.origin, mask.mask.counts) for mask in written}

    def test_everything_and_places_are_asked_together(self, scene, tmp_path):
        done = annotate(scene, Prompt.everything(4), Prompt.point(64, 44), pipeline=pipeline_of(Seeing()), out=tmp_path / "out", **TILES)
        assert boxes_of(tmp_path / "out") == sorted([INSIDE, ACROSS, CORNER, WIDE])
        assert done.images == 9

    def test_the_gallery_shows_the_part_of_a_moved_answer_that_lies_in_the_tile(self, scene, tmp_path, journal_of):
        annotate(scene, Prompt.point(64, 44), pipeline=pipeline_of(Seeing()), out=tmp_path / "out", **TILES)
        (record,) = journal_of(tmp_path / "out").values()
        (entry,) = record["masks"]
        assert record["moved"][entry["moved"]["tile"]]["window"] != [0, 0, 128, 128]
        assert Mask(tuple(record["size"]), entry["counts"].encode()).box.tolist() == [60, 40, 128, 60]
        assert len(list((tmp_path / "out" / "gallery" / "thumbnails").rglob("*.jpg"))) == 1


class TestResuming:
    def outputs(self, out):
        return {path.name: path.read_bytes() for path in out.glob("*.*") if path.name != "journal.jsonl"}

    def test_a_run_in_parts_ends_with_the_same_bytes_and_asks_nothing_twice(self, scene, tmp_path):
        path = features(tmp_path / "a.geojson", (65, 50), (15, 15), (150, 150), (70, 220), (230, 220))
        settings = {"prompts_from": path, "scale": (1, 0.5), "formats": ["geojson", "coco"], **TILES}
        whole, parts = Seeing(), Seeing()
        annotate(scene, pipeline=pipeline_of(whole), out=tmp_path / "whole", **settings)
        for limit in (1, 2, None):
            annotate(scene, pipeline=pipeline_of(parts), out=tmp_path / "parts", limit=limit, **settings)
        assert self.outputs(tmp_path / "parts") == self.outputs(tmp_path / "whole")
        assert len(parts.seen) == len(whole.seen)
        again = annotate(scene, pipeline=pipeline_of(parts), out=tmp_path / "parts", **settings)
        assert (again.processed, len(parts.seen)) == (0, len(whole.seen))

    def test_tiles_that_are_encoded_together_give_the_same_bytes(self, scene, tmp_path):
        class Together(Seeing):
            def open_all(self, images):
                self.kinds.append(len(images))
                return [self.open(image) for image in images]

        prompts = [Prompt.point(x, y) for x, y in ((65, 50), (15, 15), (105, 105), (70, 220), (230, 220))]
        model = Together()
        for out, batch_size in (("one", 1), ("some", 3)):
            annotate(scene, *prompts, pipeline=pipeline_of(model), out=tmp_path / out, batch_size=batch_size, scale=(1, 0.5), **TILES)
        assert self.outputs(tmp_path / "one") == self.outputs(tmp_path / "some")
        assert len([count for count in model.kinds if isinstance(count, int) and count > 1]) > 1  # Of images, and of moved tiles.

    def test_what_only_a_moved_tile_shows_is_asked_again_when_it_changes(self, scene, tmp_path):
        settings = {"pipeline": pipeline_of(Seeing()), "out": tmp_path / "out", **TILES}
        annotate(scene, Prompt.point(64, 44), **settings)
        image = np.array(Image.open(scene))
        image[40:60, 140:160] = 20  # The first tile ends at 128.
        Image.fromarray(image).save(scene)
        done = annotate(scene, Prompt.point(64, 44), **settings)
        assert (len(done.changed), boxes_of(tmp_path / "out")) == (1, [(60, 40, 140, 60)])

    def test_a_moved_tile_that_cannot_be_read_fails_its_image_and_a_later_run_mends_it(self, scene, tmp_path, monkeypatch):
        settings = {"pipeline": pipeline_of(Seeing()), "out": tmp_path / "out", **TILES}
        read = annotation_tiles.read_tile

        def failing(raster, tile):
            if tile.place.row < 0:
                raise InputError("the disk is gone")
            return read(raster, tile)

        with monkeypatch.context() as patched:
            patched.setattr("promptseg.annotation.annotator.read_tile", failing)
            done = annotate(scene, Prompt.point(64, 44), Prompt.point(140, 140), **settings)
        assert (done.failures, list(done.reasons)) == (1, ["the disk is gone"])
        done = annotate(scene, Prompt.point(64, 44), Prompt.point(140, 140), retry_failed=True, **settings)
        assert (done.failures, boxes_of(tmp_path / "out")) == (0, sorted([ACROSS, CORNER]))


class TestPolygons:
    TRIANGLE = ((100, 100), (180, 100), (100, 190))

    def test_a_polygon_is_its_pixels_and_its_box_for_a_model_that_takes_masks(self, scene, tmp_path):
        class Repeating(Seeing):
            def open(self, image):
                return FakeSegmenter().open(image)

        path = features(tmp_path / "a.geojson", self.TRIANGLE)
        annotate(scene, pipeline=pipeline_of(Repeating()), out=tmp_path / "out", prompts_from=path, **TILES)
        with ps.open_raster(scene) as raster:
            (shape,) = read_scene(path, raster)
            (found,) = read_scene(tmp_path / "out" / "objects.geojson", raster)
        assert found.iou(shape) == 1
        assert answers(tmp_path / "out")[1]["kinds"] == ["box", "mask"]

    def test_it_is_its_box_alone_for_a_model_that_takes_none_and_the_record_says_so(self, scene, tmp_path):
        model = Seeing(accepts=frozenset({"point", "box"}))
        path = features(tmp_path / "a.geojson", self.TRIANGLE, (15, 15))
        annotate(scene, pipeline=pipeline_of(model), out=tmp_path / "out", prompts_from=path, **TILES)
        assert sorted(model.kinds) == [["box"], ["point"]]
        assert {number: entry["kinds"] for number, entry in answers(tmp_path / "out").items()} == {1: ["box"], 2: ["point"]}

    def test_a_rectangle_along_the_pixels_is_a_box_alone(self, scene, tmp_path):
        model = Seeing()
        path = features(tmp_path / "a.geojson", [(100, 100), (180, 100), (180, 190), (100, 190)])
        annotate(scene, pipeline=pipeline_of(model), out=tmp_path / "out", prompts_from=path, **TILES)
        assert model.kinds == [["box"]]

    def test_a_polygon_on_a_border_is_shown_whole_in_a_tile_around_it(self, scene, tmp_path):
        shown = []

        class Looking(Seeing):
            def open(self, image):
                session = super().open(image)
                segment = session.segment

                def looking(prompts, *, candidates=False):
                    shown.extend(prompt.mask_pixels for prompt in prompts)
                    return segment(prompts, candidates=candidates)

                session.__dict__["segment"] = looking
                return session

        path = features(tmp_path / "a.geojson", [(62, 42), (158, 42), (110, 58)])
        annotate(scene, pipeline=pipeline_of(Looking()), out=tmp_path / "out", prompts_from=path, **TILES)
        with ps.open_raster(scene) as raster:
            (shape,) = read_scene(path, raster)
        assert [mask.area for mask in shown] == [shape.area]
        assert isinstance(shown[0], Mask)


def test_each_cell_of_a_drawn_scene_is_answered_as_by_a_tiled_session(tmp_path):
    """The points of the documentation's scene, in tiles so small that borders cut most of the cells."""
    from promptseg.testing.drawn_scenes import write_scene

    pytest.importorskip("rasterio", reason="rasterio is not installed")

    class Cells(Seeing):
        def open(self, image):
            dark = np.asarray(image)[..., 1] < 182  # Cells are darker than the ground.
            return super().open(np.repeat(np.where(dark, 255, 0).astype(np.uint8)[..., None], 3, axis=2))

    things = write_scene(tmp_path / "scene.tif", side=512)
    settings = {"tile": 160, "overlap": 16}
    points = tmp_path / "points.geojson"
    annotate(tmp_path / "scene.tif", pipeline=pipeline_of(Cells()), out=tmp_path / "out", prompts_from=points, **settings)
    with ps.open_raster(tmp_path / "scene.tif") as raster, pipeline_of(Cells()).open_tiled(raster, **settings) as session:
        prompts = [each.prompt for each in read_prompts(points, raster)]
        asked = session.segment(prompts)
        written = read_scene(tmp_path / "out" / "objects.geojson", raster)
    assert len(asked) == len(things[::3])
    assert {mask.box for mask in written} == {mask.box for mask in asked}
    assert isinstance(asked.to_masks(), Masks)
