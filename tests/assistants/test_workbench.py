"""What an assistant can do, without a protocol: the same masks as the Python call, within the allowed folders."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from fake_pipelines import built, detections
from promptseg.assistants import workbench as module
from promptseg.assistants.allowed_folders import AllowedFolders
from promptseg.assistants.answers import Box, Example, Point
from promptseg.assistants.workbench import Workbench
from promptseg.errors import IncompatibleStagesError, InputError, OutputError, PromptError
from promptseg.images import load_image
from promptseg.masks import Mask
from promptseg.models.sam.cache import EmbeddingCache
from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import parse_config
from promptseg.prompts import Prompt
from promptseg.testing import FakeConceptSegmenter, FakeSegmenter

FOUND = detections(("dog", (5, 5, 20, 20), 0.9), ("dog", (30, 5, 50, 20), 0.8), ("cat", (5, 25, 20, 38), 0.7))


@pytest.fixture
def folder(tmp_path, photo):
    """An allowed folder with an image of 60 x 40 pixels, in a folder with another one."""
    folder = tmp_path / "allowed"
    folder.mkdir()
    Image.fromarray(photo(40, 60)).save(folder / "a.png")
    Image.fromarray(photo(40, 60, 1)).save(tmp_path / "b.png")
    return folder


@pytest.fixture
def bench(folder):
    return Workbench(lambda: built(FOUND), AllowedFolders([folder]))


def masks_of(answer):
    return [Mask.from_coco_rle(entry.rle) for entry in answer.masks]


class TestOpening:
    def test_a_file_and_its_bytes_are_the_same_image(self, bench, folder):
        text = base64.b64encode((folder / "a.png").read_bytes()).decode()
        opened = bench.open_image("a.png")
        assert (opened.name, opened.width, opened.height) == ("a.png", 60, 40)
        for given in (text, f"data:image/png;base64,{text}"):
            again = bench.open_image(content_base64=given, name="../../x.png")
            assert (again.image_id, again.name) == (opened.image_id, "x.png")

    @pytest.mark.parametrize("path", ["../b.png", "link.png", "/etc/hostname", "absent.png"])
    def test_a_path_outside_is_refused(self, bench, folder, path):
        (folder / "link.png").symlink_to(folder.parent / "b.png")
        with pytest.raises(InputError):
            bench.open_image(path)

    @pytest.mark.parametrize("text", ["", "%%%", "abc", base64.b64encode(b"no image").decode(), "data:image/png;base64,"])
    def test_what_is_no_image_in_base64_is_refused(self, bench, text):
        with pytest.raises(InputError):
            bench.open_image(content_base64=text)

    def test_an_image_of_too_many_pixels_is_refused_before_its_pixels_are_made(self, bench, folder):
        file = io.BytesIO()
        Image.new("1", (1, 1)).save(file, "BMP")
        content = bytearray(file.getvalue())
        content[18:26] = (60_000).to_bytes(4, "little") * 2  # Width and height.
        (folder / "huge.bmp").write_bytes(content)
        for given in ({"path": "huge.bmp"}, {"content_base64": base64.b64encode(content).decode()}):
            with pytest.raises(InputError, match="larger than"):
                bench.open_image(**given)

    def test_one_of_path_and_bytes_is_needed(self, bench):
        for given in ({}, {"path": "a.png", "content_base64": "AAAA"}):
            with pytest.raises(InputError, match="give one of them"):
                bench.open_image(**given)


class TestSegmenting:
    def test_the_masks_are_those_of_the_python_call(self, bench, folder):
        image_id, image, pipeline = bench.open_image("a.png").image_id, load_image(folder / "a.png"), built(FOUND)
        points, box = [Point(x=12, y=10), Point(x=50, y=30, label=0)], Box(x0=4, y0=4, x1=30, y1=30)
        clicks = Prompt.points([(12, 10), (50, 30)], [1, 0])
        answers = [
            (bench.segment_object(image_id, points, with_rle=True), [clicks]),
            (bench.segment_object(image_id, points, box, with_rle=True), [clicks + Prompt.box(4, 4, 30, 30)]),
            (bench.segment_object(image_id, box=box, with_rle=True), [Prompt.box(4, 4, 30, 30)]),
            (bench.segment_text(image_id, ["dog", "cat"], with_rle=True), [Prompt.text("dog", "cat")]),
            (bench.segment_everything(image_id, 4, with_rle=True), [Prompt.everything(4)]),
        ]
        for answer, prompts in answers:
            expected = pipeline(image, *prompts).masks
            assert masks_of(answer) == [Mask(mask.size, mask.counts) for mask in expected]
            assert [(entry.label, entry.score) for entry in answer.masks] == [(mask.label, mask.score) for mask in expected]
            assert [entry.box for entry in answer.masks] == expected.boxes.tolist()
            assert answer.masks_total == len(expected) > 0

    def test_candidates_are_all_masks_of_a_point(self, bench):
        image_id = bench.open_image("a.png").image_id
        assert len(bench.segment_object(image_id, [Point(x=12, y=10)], candidates=True).masks) == 3

    def test_an_example_may_lie_in_another_image(self, folder):
        config = parse_config({"segment": {"model": "fake"}, "concept": {"model": "fake"}})
        pipeline = BuiltPipeline(config, None, FakeSegmenter(), FakeConceptSegmenter())
        bench = Workbench(lambda: pipeline, AllowedFolders([folder.parent]))
        a, b = bench.open_image("allowed/a.png").image_id, bench.open_image("b.png").image_id
        here, there = Example(box=Box(x0=2, y0=2, x1=9, y1=9)), Example(box=Box(x0=20, y0=20, x1=30, y1=30), image_id=b)
        answer = bench.segment_like(a, [here, there], "cell", with_rle=True)
        image, other = load_image(folder / "a.png"), load_image(folder.parent / "b.png")
        asked = Prompt.example(None, Prompt.box(2, 2, 9, 9), label="cell") + Prompt.example(other, Prompt.box(20, 20, 30, 30), label="cell")
        assert masks_of(answer) == [Mask(mask.size, mask.counts) for mask in pipeline(image, asked).masks]
        assert {entry.label for entry in answer.masks} == {"cell"}
        with pytest.raises(PromptError, match="positive example"):
            bench.segment_like(a, [Example(box=here.box, positive=False)])

    def test_what_cannot_be_asked_is_refused(self, bench, folder):
        image_id = bench.open_image("a.png").image_id
        with pytest.raises(PromptError, match="points, a box, or both"):
            bench.segment_object(image_id)
        with pytest.raises(PromptError, match="lies outside the image"):
            bench.segment_object(image_id, [Point(x=600, y=4)])
        with pytest.raises(InputError, match="no image with id"):
            bench.segment_everything("../a.png")
        without = Workbench(built, AllowedFolders([folder]))
        with pytest.raises(IncompatibleStagesError, match="--detector NAME"):
            without.segment_text(without.open_image("a.png").image_id, ["dog"])

    def test_an_answer_lists_no_more_masks_than_its_limit(self, bench, monkeypatch):
        monkeypatch.setattr(module, "MAX_LISTED", 5)
        answer = bench.segment_everything(bench.open_image("a.png").image_id, 4)
        assert (len(answer.masks), answer.masks_total) == (5, 16)

    @pytest.mark.weights
    def test_an_image_is_encoded_once_for_all_prompts(self, mini_sam, folder):
        class Counting(EmbeddingCache):
            stored = 0

            def put(self, key, features):
                self.stored += 1
                super().put(key, features)

        cache = Counting()
        pipeline = BuiltPipeline(parse_config({"segment": {"model": "mini-sam"}}), None, mini_sam).with_cache(cache)
        bench = Workbench(lambda: pipeline, AllowedFolders([folder]))
        image_id = bench.open_image("a.png").image_id
        box = Box(x0=5, y0=6, x1=28, y1=32)
        first = bench.segment_object(image_id, box=box, with_rle=True)
        bench.segment_object(image_id, [Point(x=15, y=18)])
        bench.segment_like(image_id, [Example(box=box)])
        assert cache.stored == 1
        expected = pipeline(load_image(folder / "a.png"), Prompt.box(5, 6, 28, 32)).masks
        assert masks_of(first) == [Mask(mask.size, mask.counts) for mask in expected]


class TestLooking:
    def test_an_overlay_is_the_image_with_the_chosen_masks(self, bench):
        image_id = bench.open_image("a.png").image_id
        result_id = bench.segment_text(image_id, ["dog"]).result_id
        shown = {str(masks): bench.show_overlay(result_id, 64, masks) for masks in (None, [0], [0, 1], [])}
        assert shown["None"] == shown["[0, 1]"]
        assert len({content for content, _ in shown.values()}) == 3
        content, told = shown["None"]
        assert Image.open(io.BytesIO(content)).size == (told.width, told.height) == (60, 40)
        with pytest.raises(InputError, match="has no mask 2: it has 2 masks"):
            bench.show_overlay(result_id, 64, [2])

    def test_a_reduced_image_tells_its_scale(self, folder, bench, photo):
        Image.fromarray(photo(300, 400)).save(folder / "large.png")
        image_id = bench.open_image("large.png").image_id
        result_id = bench.segment_text(image_id, ["dog"]).result_id
        for _, told in (bench.show_image(image_id, 100), bench.show_overlay(result_id, 100)):
            assert (told.width, told.height, told.scale, told.full_width, told.full_height) == (100, 75, 4, 400, 300)

    def test_objects_are_counted_by_label(self, bench):
        image_id = bench.open_image("a.png").image_id
        by_text = bench.segment_text(image_id, ["dog", "cat", "bird"]).result_id
        assert bench.count_objects(by_text).counts == {"dog": 2, "cat": 1, "bird": 0}
        assert bench.count_objects(by_text, 0.99).total == 0
        everything = bench.segment_everything(image_id, 2).result_id
        assert bench.count_objects(everything).counts == {"object": 4}


class TestExport:
    @pytest.fixture
    def results(self, bench):
        image_id = bench.open_image("a.png").image_id
        return [bench.segment_text(image_id, ["dog"]).result_id, bench.segment_text(image_id, ["cat"]).result_id]

    def test_the_results_of_an_image_become_one_annotation(self, bench, results, folder):
        told = bench.export_masks(results, "coco", "out/masks")
        assert (told.path, told.images, told.masks) == (str(folder.resolve() / "out/masks/coco.json"), 1, 3)
        content = json.loads((folder / "out/masks/coco.json").read_text())
        assert [image["file_name"] for image in content["images"]] == ["a.png"]
        assert [each["name"] for each in content["categories"]] == ["dog", "cat"]
        assert bench.export_masks(results, "labelme", "out/masks").files == 1  # A second format beside it.

    def test_images_that_were_given_as_bytes_are_exported_by_names_of_their_own(self, bench, folder):
        ids = []
        for value in (0, 255):
            file = io.BytesIO()
            Image.new("RGB", (60, 40), (value,) * 3).save(file, "PNG")
            opened = bench.open_image(content_base64=base64.b64encode(file.getvalue()).decode(), name="same.png")
            ids.append(bench.segment_text(opened.image_id, ["dog"]).result_id)
        assert bench.export_masks(ids, "yolo-seg", "out").images == 2
        images = sorted((folder / "out" / "yolo-seg" / "images").iterdir())
        assert [int(np.asarray(Image.open(path)).max()) for path in images] in ([0, 255], [255, 0])

    @pytest.mark.parametrize("out", ["../out", "/tmp/elsewhere", "link", "a.png"])
    def test_another_place_is_refused(self, bench, results, folder, out):
        (folder / "link").symlink_to(folder.parent / "behind")
        with pytest.raises(OutputError):
            bench.export_masks(results, "coco", out)
        assert sorted(path.name for path in folder.parent.iterdir()) == ["allowed", "b.png"]

    def test_a_folder_with_files_of_others_is_kept_also_one_of_an_earlier_run(self, bench, results, folder):
        bench.export_masks(results, "coco", "before")
        before = (folder / "before" / "coco.json").read_bytes()
        later = Workbench(lambda: built(FOUND), AllowedFolders([folder]))
        result_id = later.segment_text(later.open_image("a.png").image_id, ["dog"]).result_id
        for out in ("before", "."):
            with pytest.raises(OutputError, match="not exported here"):
                later.export_masks([result_id], "coco", out)
        assert (folder / "before" / "coco.json").read_bytes() == before


def test_the_models_are_loaded_when_they_are_first_needed(folder):
    loads = []
    bench = Workbench(lambda: loads.append(1) or built(FOUND), AllowedFolders([folder]))
    image_id = bench.open_image("a.png").image_id
    bench.show_image(image_id, 64)
    assert not loads
    bench.segment_text(image_id, ["dog"])
    bench.segment_text(image_id, ["cat"])
    assert len(loads) == 1
