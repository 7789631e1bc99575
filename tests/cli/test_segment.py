"""``promptseg segment``: exit statuses, what is printed where, and which files are written."""

import errno
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from promptseg.detections import Detections
from promptseg.errors import OutOfMemoryError
from promptseg.masks import Mask
from promptseg.registry import list_models
from promptseg.runtime import files
from promptseg.runtime.home import cache_dir
from promptseg.testing import FakeDetector, FakeSegmenter


@pytest.fixture
def fakes(add_model):
    """Models ``cutter`` and ``finder`` that answer with geometry."""
    add_model("cutter", "segmenter", lambda _: FakeSegmenter())
    add_model("finder", "detector", lambda _: FakeDetector({"dog": [(5, 5, 20, 20), (40, 10, 60, 30)], "red car": (50, 40, 70, 55)}))


def written(folder="."):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def assert_wrong_usage(result, *parts):
    assert (result.exit_code, result.stdout) == (2, "")
    assert all(part in result.stderr for part in parts), result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("fakes")
class TestPrompts:
    def masks(self, run, save_image, *words):
        result = run("segment", save_image("a.png"), "--model", "cutter", "--json", *words)
        assert (result.exit_code, result.stderr) == (0, "")
        return json.loads(result.stdout)["masks"]

    def test_a_point(self, run, save_image):
        (mask,) = self.masks(run, save_image, "--point", "20,30")
        assert Mask.from_coco_rle(mask["segmentation"]).array[30, 20]

    def test_a_background_point_belongs_to_the_same_object(self, run, save_image):
        (mask,) = self.masks(run, save_image, "--point", "20,30", "--point", "23,30,0")
        assert not Mask.from_coco_rle(mask["segmentation"]).array[30, 23]

    def test_several_boxes_are_several_objects(self, run, save_image):
        boxes = [mask["box"] for mask in self.masks(run, save_image, "--box", "10,10,30,30", "--box", "40,20,70,50")]
        assert boxes == [[10, 10, 30, 30], [40, 20, 70, 50]]

    def test_a_box_with_a_point_is_one_object(self, run, save_image):
        (mask,) = self.masks(run, save_image, "--box", "10,10,30,30", "--point", "60,40")
        assert mask["box"][2] > 60

    def test_everything_with_its_density(self, run, save_image):
        assert len(self.masks(run, save_image, "--everything", "--points-per-side", "3")) == 9

    def test_all_candidates(self, run, save_image):
        assert len(self.masks(run, save_image, "--point", "20,30", "--candidates")) == 3

    def test_text_with_a_detector(self, run, save_image):
        masks = self.masks(run, save_image, "--text", "dog, red car, cow", "--detector", "finder")
        assert [(mask["label"], mask["box"]) for mask in masks] == [
            ("dog", [5, 5, 20, 20]),
            ("dog", [40, 10, 60, 30]),
            ("red car", [50, 40, 70, 55]),
        ]

    def test_a_detector_without_prompts_finds_all_it_knows(self, run, save_image):
        assert len(self.masks(run, save_image, "--detector", "finder")) == 3

    def test_a_pipeline_file_in_place_of_models(self, run, save_image):
        Path("pipeline.toml").write_text("[segment]\nmodel = 'cutter'\n[clean]\nmin_area = 500")
        words = "--config", "pipeline.toml", "--box", "10,10,30,30", "--box", "30,10,60,50", "--json"
        result = run("segment", save_image("a.png"), *words)
        assert [mask["area"] for mask in json.loads(result.stdout)["masks"]] == [1200]

    def test_own_weights_and_the_device_reach_the_model(self, run, save_image, add_model):
        requests = []
        add_model("owned", "segmenter", lambda request: requests.append(request) or FakeSegmenter())
        Path("own.pt").write_bytes(b"weights")
        run("segment", save_image("a.png"), "--model", "owned=own.pt", "--device", "cuda", "--point", "1,1", "--json")
        assert (list(requests[0].weights.files.values()), requests[0].device) == ([Path("own.pt")], "cuda")


class TestPipelineFile:
    """Detections and what becomes of them, as a pipeline file says."""

    @pytest.fixture
    def masks(self, run, save_image, add_model):
        """Runs a pipeline file on an image of 80 x 60 pixels: ``masks(found, settings, *words)`` is the JSON object."""
        image = save_image("a.png")

        def masks(found, settings, *words):
            add_model("finder", "detector", lambda _: found if hasattr(found, "detect") else FakeDetector(found))
            add_model("cutter", "segmenter", lambda _: FakeSegmenter())
            stages = {"detect": {"model": "finder"}, "segment": {"model": "cutter"}}
            values = {key: {**stages.get(key, {}), **settings.get(key, {})} for key in {**stages, **settings}}
            Path("pipeline.json").write_text(json.dumps(values))
            result = run("segment", image, "--config", "pipeline.json", "--json", *words)
            assert (result.exit_code, result.stderr) == (0, "")
            return json.loads(result.stdout)

        return masks

    def test_nothing_found_is_a_result_without_masks(self, masks):
        values = masks({"dog": (5, 5, 20, 20)}, {"clean": {"merge": True, "nms": 0.5}}, "--text", "unicorn")
        assert (values["masks"], values["size"]) == ([], {"height": 60, "width": 80})
        assert values["detections"] == {"boxes": [], "scores": [], "labels": [], "masks": None}

    def test_a_thousand_detections_are_cut_to_the_cap_and_the_rest_is_told(self, masks):
        found = {"dot": [(x, y, x + 1, y + 1) for y in range(20) for x in range(50)]}
        values = masks(found, {})
        assert (len(values["masks"]), values["dropped"]) == (300, {"max_detections": 700})
        assert len(masks(found, {"detect": {"max_detections": 2000}}, "--text", "dot")["masks"]) == 1000

    def test_boxes_over_the_border_end_at_it(self, masks):
        values = masks({"dog": [(-9, -9, 20, 20), (60, 40, 99, 99)]}, {"detect": {"box_padding": 0.5}})
        assert [mask["box"] for mask in values["masks"]] == [[0, 0, 30, 30], [50, 30, 80, 60]]
        assert values["detections"]["boxes"] == [[0, 0, 20, 20], [60, 40, 80, 60]]

    def test_boxes_without_an_area_are_dropped_and_counted(self, masks):
        found = Detections((60, 80), [(5, 5, 20, 20), (9, 9, 9, 30), (30, 30, 20, 20)], [0.9] * 3, ["dog"] * 3)
        finder = SimpleNamespace(provenance=FakeDetector({}).provenance, detect=lambda *_: found)
        values = masks(finder, {})
        assert (len(values["masks"]), values["dropped"]) == (1, {"no_area": 2})

    def test_thresholds_by_phrase(self, masks):
        found = Detections((60, 80), [(5, 5, 20, 20), (40, 10, 60, 30)], [0.4, 0.2], ["dog", "red car"])
        assert [mask["label"] for mask in masks(found, {})["masks"]] == ["dog"]
        settings = {"detect": {"thresholds": {"dog": 0.5, "red car": 0.1, "cow": 0.9}}}
        assert [mask["label"] for mask in masks(found, settings, "--text", "dog, red car")["masks"]] == ["red car"]

    def test_a_mask_that_fails_is_told_from_others(self, masks, run):
        settings = {"segment": {"min_mask_score": 0.99, "score": "detector"}}  # The fake's masks have the score 0.95.
        values = masks({"dog": (5.5, 5, 20, 20)}, settings)
        assert [(mask["from_box"], mask["box"], mask["score"]) for mask in values["masks"]] == [(True, [5, 5, 20, 20], pytest.approx(0.9))]
        assert run("segment", "a.png", "--config", "pipeline.json").stdout.startswith(
            "a.png: 1 mask, of which 1 is only a filled box (read "
        )
        values = masks({"dog": (5.5, 5, 20, 20)}, {"segment": {**settings["segment"], "failed_mask": "drop"}})
        assert (values["masks"], values["dropped"]) == ([], {"failed_mask": 1})

    @pytest.mark.parametrize("text", ["", " ", ",", " . "])
    def test_a_blank_phrase_is_wrong_usage(self, text, run):
        Path("pipeline.yaml").write_text("detect: {model: finder}")
        assert_wrong_usage(run("segment", "a.png", "--config", "pipeline.yaml", "--text", text), "a phrase is text that is not blank")

    def test_a_threshold_out_of_range_is_named_with_its_phrase(self, run):
        Path("pipeline.yaml").write_text("detect: {model: finder, thresholds: {red car: 1.5}}")
        result = run("segment", "a.png", "--config", "pipeline.yaml", "--text", "red car")
        assert_wrong_usage(result, "detect.thresholds.red car", "got 1.5")


@pytest.mark.usefixtures("fakes")
class TestFiles:
    def test_an_image_and_the_masks_are_written_and_named(self, run, save_image):
        result = run("segment", save_image("a.png"), "--model", "cutter", "--box", "10,10,30,30")
        assert (result.exit_code, result.stderr) == (0, "")
        assert written("promptseg-out") == ["a-masks.json", "a-overlay.png"]
        assert result.stdout.startswith("a.png: 1 mask (read ")
        assert all(str(Path("promptseg-out") / name) in result.stdout for name in ("a-masks.json", "a-overlay.png"))
        values = json.loads(Path("promptseg-out/a-masks.json").read_text("utf-8"))
        assert [mask["box"] for mask in values["masks"]] == [[10, 10, 30, 30]]
        with Image.open("promptseg-out/a-overlay.png") as overlay, Image.open("a.png") as original:
            changed = (np.asarray(overlay) != np.asarray(original)).any(axis=-1)
        assert changed[10:30, 10:30].mean() > 0.9
        assert not changed[35:, 35:].any()

    def test_each_mask_as_a_black_and_white_image(self, run, save_image):
        boxes = "--box", "10,10,30,30", "--box", "40,20,70,50"
        run("segment", save_image("a.png"), "--model", "cutter", *boxes, "--masks", "--out", "new/out")
        assert written("new/out") == ["a-mask-000.png", "a-mask-001.png", "a-masks.json", "a-overlay.png"]
        with Image.open("new/out/a-mask-001.png") as mask:
            pixels = np.asarray(mask.convert("L"))
        assert set(np.unique(pixels)) == {0, 255}
        assert Mask.from_array(pixels).box.tolist() == [40, 20, 70, 50]

    def test_crops_and_cutouts_as_images_of_the_boxes(self, run, save_image):
        boxes = "--box", "10,10,30,30", "--box", "40,20,70,50"
        result = run("segment", save_image("a.png"), "--model", "cutter", *boxes, "--save-crops", "--save-cutouts", "--out", "out")
        parts = ["a-crop-000.png", "a-crop-001.png", "a-cutout-000.png", "a-cutout-001.png"]
        assert written("out") == [*parts, "a-masks.json", "a-overlay.png"]
        assert [line.strip() for line in result.stdout.splitlines()[-4:]] == [str(Path("out") / part) for part in parts]
        with Image.open("a.png") as image, Image.open("out/a-crop-001.png") as crop, Image.open("out/a-cutout-001.png") as cutout:
            assert (crop.mode, cutout.mode, cutout.size) == ("RGB", "RGBA", (30, 30))
            assert np.array_equal(crop, np.asarray(image.convert("RGB"))[20:50, 40:70])
            assert (np.asarray(cutout)[..., 3] == 255).all()

    def test_an_input_is_never_replaced_by_a_crop(self, run, save_image):
        Path("out").mkdir()
        save_image("a.png"), save_image("out/a-crop-000.png")
        result = run("segment", "a.png", "out/a-crop-000.png", "--model", "cutter", "--box", "1,1,9,9", "--save-crops", "--out", "out")
        assert result.exit_code == 1
        assert "a-crop-000.png" in result.stderr
        assert written("out") == ["a-crop-000.png"]

    @pytest.mark.parametrize(("name", "kind"), [("overlay.png", "PNG"), ("new/overlay.JPG", "JPEG")])
    def test_out_may_name_one_image(self, name, kind, run, save_image):
        result = run("segment", save_image("a.png"), "--model", "cutter", "--box", "10,10,30,30", "--out", name)
        assert result.exit_code == 0
        assert written() == sorted(["a.png", name])
        with Image.open(name) as overlay:
            assert (overlay.format, overlay.size) == (kind, (80, 60))

    def test_json_writes_no_files_unless_out_says_where(self, run, save_image):
        words = "--model", "cutter", "--box", "10,10,30,30", "--json"
        run("segment", save_image("a.png"), *words)
        assert written() == ["a.png"]
        result = run("segment", "a.png", *words, "--out", "out")
        assert written("out") == ["a-masks.json", "a-overlay.png"]
        assert {**json.loads(result.stdout), "timings": 0} == {**json.loads(Path("out/a-masks.json").read_text()), "timings": 0}

    @pytest.mark.parametrize(("owner", "function"), [(files.os, "fsync"), (files.Path, "replace")])
    def test_a_full_or_read_only_disk_leaves_nothing_half_written(self, owner, function, run, save_image, monkeypatch):
        save_image("a.png")

        def fail(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(owner, function, fail)
        result = run("segment", "a.png", "--model", "cutter", "--box", "10,10,30,30", "--out", "out")
        assert result.exit_code == 1
        assert result.stderr == (
            f"promptseg: cannot write {Path('out/a-overlay.png')}: No space left on device; nothing half-written is left there\n"
        )
        assert written() == ["a.png"]

    def test_out_that_is_a_file_is_named(self, run, save_image):
        Path("out").write_text("I was here")
        result = run("segment", save_image("a.png"), "--model", "cutter", "--box", "10,10,30,30", "--out", "out")
        assert result.exit_code == 1
        assert "cannot write out" in result.stderr
        assert Path("out").read_text() == "I was here"

    def test_the_source_is_never_written_to(self, run, save_image):
        before = Path(save_image("a.png")).read_bytes()
        run("segment", "a.png", "--model", "cutter", "--box", "10,10,30,30", "--out", ".")
        assert Path("a.png").read_bytes() == before


@pytest.mark.usefixtures("fakes")
class TestSeveralImages:
    WORDS = "--model", "cutter", "--box", "10,10,30,30"

    def test_each_is_written_and_one_that_cannot_be_read_does_not_stop_the_others(self, run, save_image):
        save_image("a.png")
        Path("b.png").write_bytes(b"not an image")
        save_image("c.png")
        result = run("segment", "a.png", "b.png", "absent.png", "c.png", *self.WORDS)
        assert result.exit_code == 1
        assert written("promptseg-out") == ["a-masks.json", "a-overlay.png", "c-masks.json", "c-overlay.png"]
        about_b, about_absent = result.stderr.splitlines()
        assert about_b.startswith("promptseg: b.png is not an image")
        assert about_absent.startswith("promptseg: cannot read image absent.png: ")
        assert "b.png" not in result.stdout

    def test_json_is_one_object_with_results_and_failures(self, run, save_image):
        save_image("a.png")
        save_image("c.png")
        Path("b.png").touch()
        result = run("segment", "a.png", "b.png", "c.png", *self.WORDS, "--json")
        assert result.exit_code == 1
        values = json.loads(result.stdout)
        assert [entry["source"] for entry in values["results"]] == ["a.png", "c.png"]
        assert values["failed"] == [{"source": "b.png", "error": "b.png is empty: get the image again"}]
        assert result.stderr == "promptseg: b.png is empty: get the image again\n"

    def test_a_prompt_that_fits_one_image_and_not_another_fails_for_that_one(self, run, save_image):
        save_image("large.png", 100, 100)
        save_image("small.png", 20, 20)
        result = run("segment", "large.png", "small.png", "--model", "cutter", "--point", "50,50", "--json")
        assert result.exit_code == 1
        values = json.loads(result.stdout)
        assert [entry["source"] for entry in values["results"]] == ["large.png"]
        assert "point (50, 50) lies outside the image, which is 20 wide and 20 high" in values["failed"][0]["error"]

    def test_json_of_one_image_that_fails_is_one_object_too(self, run):
        result = run("segment", "absent.png", *self.WORDS, "--json")
        assert result.exit_code == 1
        values = json.loads(result.stdout)
        assert values["results"] == []
        assert [entry["source"] for entry in values["failed"]] == ["absent.png"]

    def test_all_is_well_where_all_is_well(self, run, save_image):
        result = run("segment", save_image("a.png"), save_image("b.png", seed=1), *self.WORDS, "--json")
        assert result.exit_code == 0
        assert json.loads(result.stdout)["failed"] == []

    def test_images_of_one_name_do_not_overwrite_one_another(self, run, save_image):
        for folder in ("x", "y"):
            Path(folder).mkdir()
        images = [save_image(name) for name in ("x/a.png", "y/a.png", "a.jpg", "a-2.png", "b.png")]
        result = run("segment", *images, *self.WORDS)
        assert result.exit_code == 0
        sources = {
            name: json.loads(Path("promptseg-out", name).read_text())["source"] for name in written("promptseg-out") if "masks" in name
        }
        assert sorted(sources.values()) == sorted(str(Path(image)) for image in images)
        assert sources["a-masks.json"] == str(Path("x/a.png"))
        assert sources["b-masks.json"] == "b.png"
        assert len(written("promptseg-out")) == 10

    def test_the_model_is_loaded_once(self, run, save_image, add_model):
        requests = []
        add_model("counted", "segmenter", lambda request: requests.append(request) or FakeSegmenter())
        run("segment", save_image("a.png"), save_image("b.png"), "--model", "counted", "--point", "1,1", "--json")
        assert len(requests) == 1


class TestThreshold:
    """``--threshold``: the minimum score of a detection."""

    @pytest.fixture(autouse=True)
    def _models(self, add_model):
        found = Detections((60, 80), [(5, 5, 20, 20), (40, 10, 60, 30)], [0.4, 0.2], ["dog", "red car"])
        add_model("finder", "detector", lambda _: SimpleNamespace(provenance=FakeDetector({}).provenance, detect=lambda *_: found))
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())

    def labels(self, run, save_image, *words):
        result = run("segment", save_image("a.png"), "--json", *words)
        assert (result.exit_code, result.stderr) == (0, "")
        return [mask["label"] for mask in json.loads(result.stdout)["masks"]]

    @pytest.mark.parametrize(
        ("words", "labels"), [((), ["dog"]), (("--threshold", "0.1"), ["dog", "red car"]), (("--threshold", "0.5"), [])]
    )
    def test_detections_below_it_are_dropped(self, words, labels, run, save_image):
        assert self.labels(run, save_image, "--model", "cutter", "--detector", "finder", *words) == labels

    def test_it_replaces_that_of_a_pipeline_file_and_those_of_its_phrases(self, run, save_image):
        Path("p.toml").write_text("[detect]\nmodel = 'finder'\nthreshold = 0.9\nthresholds = {dog = 0.8}\n[segment]\nmodel = 'cutter'")
        assert self.labels(run, save_image, "--config", "p.toml") == []
        assert self.labels(run, save_image, "--config", "p.toml", "--threshold", "0.3") == ["dog"]

    @pytest.mark.parametrize("value", ["-0.1", "1.5", "nan"])
    def test_a_value_that_is_no_score_is_refused(self, value, run):
        result = run("segment", "a.png", "--model", "cutter", "--detector", "finder", "--threshold", value)
        assert_wrong_usage(result, "--threshold is the minimum score of a detection, from 0 to 1, got")

    @pytest.mark.parametrize("words", [("--model", "cutter"), ("--config", "p.toml")])
    @pytest.mark.parametrize("option", [("--threshold", "0.2"), ("--detector-engine", "fake")])
    def test_without_a_detector_it_is_refused(self, words, option, run):
        Path("p.toml").write_text("[segment]\nmodel = 'cutter'")
        result = run("segment", "a.png", "--point", "1,1", *words, *option)
        assert_wrong_usage(result, f"{' '.join(option)} is for a detector, and there is none: give --detector, or --config with one")


class TestEngine:
    """``--engine`` and ``--detector-engine``."""

    @pytest.fixture(autouse=True)
    def requests(self, add_model, monkeypatch):
        """The requests by which models were loaded."""
        requests = []
        add_model("cutter", "segmenter", lambda request: requests.append(request) or FakeSegmenter())
        add_model("finder", "detector", lambda request: requests.append(request) or FakeDetector({"dog": (5, 5, 20, 20)}))
        for name in ("cutter", "finder"):
            model = list_models()[name]
            monkeypatch.setitem(list_models(), name, replace(model, engines=(*model.engines, replace(model.engines[0], name="second"))))
        return requests

    @pytest.mark.parametrize("words", [("--model", "cutter", "--detector", "finder"), ("--config", "p.toml")])
    def test_each_model_runs_on_the_engine_that_is_named(self, words, requests, run, save_image):
        Path("p.toml").write_text("[detect]\nmodel = 'finder'\n[segment]\nmodel = 'cutter'\nengine = 'fake'")
        run("segment", save_image("a.png"), *words, "--engine", "second", "--json")
        assert {request.model.name: request.engine.name for request in requests} == {"finder": "fake", "cutter": "second"}
        run("segment", "a.png", *words, "--detector-engine", "second", "--json")
        assert {request.model.name: request.engine.name for request in requests[2:]} == {"finder": "second", "cutter": "fake"}

    @pytest.mark.parametrize(("option", "model"), [("--engine", "cutter"), ("--detector-engine", "finder")])
    def test_an_unknown_engine_is_named_with_those_that_exist(self, option, model, run):
        result = run("segment", "a.png", "--model", "cutter", "--detector", "finder", option, "onx")
        assert_wrong_usage(result, f"model '{model}' has no engine 'onx': it has fake, second.")

    def test_an_engine_without_a_segmenter_is_refused(self, run):
        Path("p.toml").write_text("[detect]\nmodel = 'finder'")
        assert_wrong_usage(run("segment", "a.png", "--config", "p.toml", "--engine", "second"), "--engine second is for a segmenter")


class TestQuantize:
    """``--quantize``, an option of the segmenter."""

    @pytest.fixture(autouse=True)
    def requests(self, add_model):
        """The requests by which models were loaded."""
        requests = []
        options = {"quantize": None, "threads": None}
        add_model("cutter", "segmenter", lambda request: requests.append(request) or FakeSegmenter(), options=options)
        add_model("other", "segmenter", lambda request: requests.append(request) or FakeSegmenter())
        add_model("finder", "detector", lambda request: requests.append(request) or FakeDetector({"dog": (5, 5, 20, 20)}))
        return requests

    @pytest.mark.parametrize("words", [("--model", "cutter", "--point", "5,5"), ("--config", "p.toml", "--point", "5,5")])
    def test_it_reaches_the_segmenter_beside_the_options_of_a_file(self, words, requests, run, save_image):
        Path("p.toml").write_text("[segment]\nmodel = 'cutter'\n[segment.options]\nthreads = 2")
        assert run("segment", save_image("a.png"), *words, "--quantize", "int8", "--json").exit_code == 0
        assert requests[0].options == {"quantize": "int8", "threads": 2 if "p.toml" in words else None}

    def test_a_model_that_has_no_such_option_says_so(self, run, save_image):
        result = run("segment", save_image("a.png"), "--model", "other", "--point", "5,5", "--quantize", "int8")
        assert_wrong_usage(result, "model 'other' has no option 'quantize'")

    def test_without_a_segmenter_it_is_refused(self, run):
        Path("p.toml").write_text("[detect]\nmodel = 'finder'")
        assert_wrong_usage(run("segment", "a.png", "--config", "p.toml", "--quantize", "int8"), "--quantize int8 is for a segmenter")


class TestWrongUsage:
    @pytest.fixture(autouse=True)
    def _no_model_may_be_loaded(self, add_model):
        def fail(_):
            raise AssertionError("the command line was wrong, and yet a model was loaded")

        add_model("cutter", "segmenter", fail)
        add_model("finder", "detector", fail)

    @pytest.mark.parametrize(
        ("words", "parts"),
        [
            ([], ["nothing to segment", "--point, --box, --text, --like or --everything"]),
            (["--point", "7"], ["--point", "'7'"]),
            (["--point", "7,x"], ["--point", "'7,x'"]),
            (["--point", "7,8,5"], ["--point", "'7,8,5'"]),
            (["--box", "1,2,3"], ["--box", "'1,2,3'"]),
            (["--box", "9,2,3,8"], ["x0 < x1", "9.0"]),
            (["--point", "7,8", "--box", "1,2,3,4", "--box", "5,6,7,8"], ["points can be combined with one box at most"]),
            (["--text", "dog"], ["'dog'", "--detector"]),
            (["--text", " ", "--detector", "finder"], ["phrase", "' '"]),
            (["--points-per-side", "5", "--point", "1,1"], ["--points-per-side needs --everything"]),
            (["--everything", "--points-per-side", "0"], ["points_per_side", "got 0"]),
            (["--everything", "--points-per-side", "many"], ["--points-per-side"]),
            (["--nosuch"], ["--nosuch"]),
        ],
    )
    def test_what_is_wrong_is_named_with_its_value(self, words, parts, run):
        assert_wrong_usage(run("segment", "a.png", "--model", "cutter", *words), *parts)

    def test_an_unknown_model_or_detector_is_named_with_the_nearest(self, run):
        assert_wrong_usage(run("segment", "a.png", "--point", "1,1", "--model", "cuter"), "no model 'cuter'. Did you mean 'cutter'?")
        words = "--text", "dog", "--model", "cutter", "--detector", "fnder"
        assert_wrong_usage(run("segment", "a.png", *words), "no model 'fnder'. Did you mean 'finder'?")

    def test_a_fallback_that_cannot_work_is_refused(self, run):
        words = "segment", "a.png", "--point", "1,1", "--model", "cutter", "--fallback"
        assert_wrong_usage(run(*words, "finder"), "'finder' is a detector")
        assert_wrong_usage(run(*words, "cutter"), "'cutter' is twice in the fallback chain")

    def test_models_of_the_wrong_kind_are_refused(self, run):
        assert_wrong_usage(run("segment", "a.png", "--point", "1,1", "--model", "finder"), "'finder' is a detector")
        assert_wrong_usage(run("segment", "a.png", "--text", "dog", "--detector", "cutter"), "'cutter' is a segmenter")

    def test_a_pipeline_file_and_models_exclude_each_other(self, run):
        for words in (["--model", "cutter"], ["--detector", "finder"], ["--fallback", "cutter"]):
            assert_wrong_usage(
                run("segment", "a.png", "--point", "1,1", "--config", "a.yaml", *words), "leave out --model, --fallback, --detector and"
            )

    def test_a_pipeline_file_that_is_not_there_or_wrong_is_named(self, run):
        assert_wrong_usage(run("segment", "a.png", "--point", "1,1", "--config", "absent.yaml"), "absent.yaml", "No such file")
        Path("wrong.yaml").write_text("segmnt: {}")
        assert_wrong_usage(run("segment", "a.png", "--point", "1,1", "--config", "wrong.yaml"), "'segmnt'", "Did you mean 'segment'?")

    def test_several_images_cannot_be_one_image(self, run):
        result = run("segment", "a.png", "b.png", "--point", "1,1", "--out", "all.png")
        assert_wrong_usage(result, "--out all.png names one image file", "several files")

    def test_each_mask_cannot_go_into_one_image(self, run):
        for part in ("--masks", "--save-crops", "--save-cutouts"):
            result = run("segment", "a.png", "--point", "1,1", "--out", "all.gif", part)
            assert_wrong_usage(result, "--out all.gif names one image file", "several files")

    def test_text_needs_a_detector_in_the_pipeline_file_too(self, run):
        Path("points.yaml").write_text("segment:\n  model: superpixel\n")
        assert_wrong_usage(run("segment", "a.png", "--text", "a dog", "--config", "points.yaml"), "--text 'a dog'", "--detector")
        assert_wrong_usage(run("segment", "a.png", "--config", "points.yaml"), "nothing to segment")

    def test_no_image_is_wrong_usage(self, run):
        assert run("segment", "--point", "1,1").exit_code == 2


class TestCache:
    @pytest.fixture
    def caches(self, add_model):
        """The embedding caches that the model ``cached`` is given, one after another."""
        caches = []

        class Cached(FakeSegmenter):
            def with_cache(self, cache):
                caches.append(cache)
                return self

        add_model("cached", "segmenter", lambda _: Cached())
        return caches

    def test_encoded_images_are_kept_on_the_disk(self, run, save_image, caches):
        run("segment", save_image("a.png"), "--model", "cached", "--point", "1,1", "--json")
        assert caches[-1].folder == cache_dir() / "embeddings"

    @pytest.mark.parametrize("words", [[], ["--no-cache"]])
    def test_so_it_is_for_the_model_of_a_fallback(self, words, run, save_image, caches, add_model):
        def too_large(_):
            raise OutOfMemoryError("9 GB")

        add_model("large", "segmenter", too_large)
        with pytest.warns(RuntimeWarning, match="large does not fit"):
            run("segment", save_image("a.png"), "--model", "large", "--fallback", "cached", "--point", "1,1", "--json", *words)
        assert caches[-1] is None if words else caches[-1].folder == cache_dir() / "embeddings"

    def test_so_it_is_for_a_pipeline_file_that_says_nothing_about_it(self, run, save_image, caches):
        Path("pipeline.yaml").write_text("segment: {model: cached}")
        run("segment", save_image("a.png"), "--config", "pipeline.yaml", "--point", "1,1", "--json")
        assert caches[-1].folder == cache_dir() / "embeddings"

    def test_a_pipeline_file_that_configures_the_cache_is_obeyed(self, run, save_image, caches, add_model):
        add_model("own", "segmenter", lambda _: FakeSegmenter(), options={"cache": None})
        Path("pipeline.yaml").write_text("segment: {model: own, options: {cache: memory}}")
        assert run("segment", save_image("a.png"), "--config", "pipeline.yaml", "--point", "1,1", "--json").exit_code == 0
        assert caches == []

    def test_no_cache_keeps_none(self, run, save_image, caches):
        run("segment", save_image("a.png"), "--model", "cached", "--point", "1,1", "--json", "--no-cache")
        assert caches[-1] is None


class TestFallback:
    @pytest.fixture(autouse=True)
    def _models(self, add_model):
        def too_large(request):
            raise OutOfMemoryError(f"{request.model.name} takes 9 GB")

        add_model("huge", "segmenter", too_large)
        add_model("large", "segmenter", too_large)
        add_model("small", "segmenter", lambda request: FakeSegmenter(provenance=request.provenance("1.0")))

    def test_the_models_are_tried_in_their_order_and_the_result_says_so(self, run, save_image):
        words = "--model", "huge", "--fallback", "large", "--fallback", "small", "--point", "1,1", "--json"
        with pytest.warns(RuntimeWarning) as warned:
            result = run("segment", save_image("a.png"), *words)
        assert len(warned) == 2
        assert result.exit_code == 0
        assert json.loads(result.stdout)["provenance"][0]["fallback_from"] == ["huge", "large"]

    def test_where_none_fits_the_whole_story_is_told(self, run, save_image):
        with pytest.warns(RuntimeWarning, match="huge does not fit into memory, going on with large"):
            result = run("segment", save_image("a.png"), "--model", "huge", "--fallback", "large", "--point", "1,1")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.splitlines() == [
            "promptseg: no model of the fallback chain fits into memory:",
            "  huge: huge takes 9 GB",
            "  large: large takes 9 GB",
        ]

    def test_a_warning_is_a_message_unless_it_is_a_librarys(self):
        from promptseg import cli
        from promptseg.registry import fallback

        assert cli._format_warning(RuntimeWarning("going on"), RuntimeWarning, fallback.__file__, 7) == "promptseg: going on\n"
        assert np.__file__ in cli._format_warning(RuntimeWarning("careful"), RuntimeWarning, np.__file__, 7)


class TestProcess:
    """Real runs, on superpixels: no weights are needed."""

    @pytest.fixture(autouse=True)
    def _superpixels(self):
        pytest.importorskip("skimage", reason="superpixels need scikit-image")

    def test_stdout_is_one_json_object_and_stderr_names_what_failed(self, run_apart, save_image):
        save_image("a.png")
        save_image("b.png", seed=1)
        result = run_apart("segment", "a.png", "absent.png", "b.png", "--model", "superpixel", "--point", "20,30", "--json")
        assert result.returncode == 1
        values = json.loads(result.stdout)
        assert [entry["source"] for entry in values["results"]] == ["a.png", "b.png"]
        assert [entry["source"] for entry in values["failed"]] == ["absent.png"]
        # No progress bar either: it belongs on a terminal.
        assert result.stderr == "promptseg: cannot read image absent.png: No such file or directory: check the path\n"
        assert all(Mask.from_coco_rle(entry["masks"][0]["segmentation"]).array[30, 20] for entry in values["results"])

    def test_files_are_written_and_named(self, run_apart, save_image):
        result = run_apart("segment", save_image("a.png"), "--model", "superpixel", "--point", "20,30", "--out", "out", "--masks")
        assert (result.returncode, result.stderr) == (0, "")
        assert written("out") == ["a-mask-000.png", "a-masks.json", "a-overlay.png"]
        assert [line.strip() for line in result.stdout.splitlines()[2:]] == [
            str(Path("out") / name) for name in ("a-overlay.png", "a-masks.json", "a-mask-000.png")
        ]

    def test_wrong_usage_is_status_2_and_a_message_without_a_traceback(self, run_apart):
        result = run_apart("segment", "a.png", "--model", "superpixel", "--point", "7")
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == "promptseg: --point takes x,y or x,y,0, got '7': write it without spaces, such as --point 290,160\n"

    def test_a_name_that_the_output_s_encoding_lacks_does_not_fail(self, run_apart, save_image):
        name = save_image("濡れた道→.png")
        result = run_apart("segment", name, "--model", "superpixel", "--point", "20,30", "--out", "out", PYTHONIOENCODING="cp1252")
        assert (result.returncode, result.stderr) == (0, "")
        assert len(written("out")) == 2


@pytest.mark.weights
def test_the_default_model_segments_an_image_and_finds_it_encoded_the_second_time(mini_sam, run, save_image, tmp_path, monkeypatch):
    save_image("a.png", 120, 160)
    monkeypatch.setattr("promptseg.models.sam.cache.cache_dir", lambda: tmp_path / "home")
    for stage in ("encode", "cache"):
        result = run("segment", "a.png", "--point", "44,57", "--json")
        assert (result.exit_code, result.stderr) == (0, "")
        values = json.loads(result.stdout)
        assert stage in values["timings"]
        (mask,) = values["masks"]
        assert Mask.from_coco_rle(mask["segmentation"]).array[57, 44]
        assert mask["predicted_iou"] > 0.8
        assert mask["score_kind"] == "calibrated"
        assert values["provenance"][0]["model"] == "mini-sam"
    assert written("home") != []


def test_in_a_log_a_line_says_now_and_then_how_far_a_folder_is(run, save_image, add_model, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("promptseg.runtime.progress.monotonic", lambda: now[0])

    class Slow(FakeSegmenter):
        def open(self, image):
            now[0] += 20
            return super().open(image)

    add_model("slow", "segmenter", lambda _: Slow())
    for index in range(4):
        save_image(f"{index}.png", seed=index)
    result = run("segment", *(f"{index}.png" for index in range(4)), "--model", "slow", "--point", "5,5", "--json", "--no-cache")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == ["promptseg: segment: 2 of 4 images", "promptseg: segment: 4 of 4 images"]
