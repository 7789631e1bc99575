"""The builder and the pipeline that it builds, on fakes."""

import gc
import io
import json
import threading
import weakref
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg import pipeline as pipeline_module
from promptseg import registry
from promptseg.config import PipelineConfig, parse_config
from promptseg.detections import Detections
from promptseg.errors import (
    ConfigError,
    IncompatibleStagesError,
    InputError,
    LicenceError,
    MissingDependencyError,
    OutOfMemoryError,
    PromptError,
    UnknownModelError,
)
from promptseg.fallback import FallbackSegmenter
from promptseg.masks import Mask, Masks
from promptseg.pipeline import BuiltPipeline, Pipeline
from promptseg.prompts import Prompt
from promptseg.testing import FakeDetector, FakeSegmenter
from promptseg.weights import WeightFile

HEIGHT, WIDTH = 40, 60
BLANK = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def built(found=None, *, segmenter=True, **config):
    """A pipeline of fakes; `found` is what the detector finds, `config` the values of the configuration."""
    detector = None if found is None else FakeDetector(found)
    stages = {} if found is None else {"detect": {"model": "fake", **config.pop("detect", {})}}
    if segmenter:
        stages["segment"] = {"model": "fake"}
    return BuiltPipeline(parse_config({**stages, **config}), detector, FakeSegmenter() if segmenter else None)


def detections(*rows):
    """Detections from ``(label, box, score)``."""
    labels, boxes, scores = zip(*rows, strict=True)
    return Detections((HEIGHT, WIDTH), boxes, scores, labels)


class Spy:
    """Counts calls of a model and passes them on."""

    def __init__(self, model):
        self.model, self.provenance = model, model.provenance
        self.opened, self.asked = 0, []

    def open(self, image):
        self.opened += 1
        return self.model.open(image)

    def detect(self, image, phrases=None):
        self.asked.append(phrases)
        return self.model.detect(image, phrases)


class TestBuilder:
    def test_each_method_returns_a_new_pipeline_and_leaves_the_old_one(self):
        empty = Pipeline()
        segmenting = empty.segment("superpixel")
        cleaning = segmenting.clean(min_area=5)
        assert empty.config == PipelineConfig()
        assert segmenting.config.clean is None
        assert cleaning.config.segment == segmenting.config.segment
        assert cleaning.config.clean.min_area == 5

    def test_two_pipelines_from_one_beginning_do_not_disturb_each_other(self):
        base = Pipeline().segment("superpixel")
        small, large = base.clean(min_area=5), base.clean(min_area=500)
        assert (small.config.clean.min_area, large.config.clean.min_area) == (5, 500)

    def test_options_are_copied_so_that_a_later_change_of_the_dictionary_changes_nothing(self):
        options = {"n_segments": 50}
        pipeline = Pipeline().segment("superpixel", options=options)
        options["n_segments"] = 7
        assert pipeline.config.segment.options == {"n_segments": 50}

    def test_a_setting_that_does_not_exist_is_refused_at_once_with_the_nearest(self):
        with pytest.raises(ConfigError, match=r"'detect\.treshold'.*Did you mean 'threshold'"):
            Pipeline().detect("yolo11n", treshold=0.5)

    def test_a_value_out_of_range_is_refused_at_once(self):
        with pytest.raises(ConfigError, match=r"clean\.min_area.*got -1"):
            Pipeline().clean(min_area=-1)

    @pytest.mark.parametrize(
        "pipeline",
        [
            Pipeline(),
            Pipeline().segment(),
            Pipeline().segment("superpixel", options={"n_segments": 50}),
            Pipeline().segment("sam-vit-h", fallback=["sam-vit-l", "sam-vit-b"]),
            Pipeline().detect("grounding-dino-swin-t", threshold=0.4, nms=None).segment("mini-sam", weights="my/weights", engine="onnx"),
            Pipeline().detect("yolo11n", thresholds={"car|automobile": 0.2, "dog": 0.5}),
            Pipeline().segment("mini-sam", score="mask", min_mask_score=0.5, failed_mask="drop"),
            Pipeline().segment().clean(fill_holes=True, min_island=3, min_area=4, nms=0.5, merge=True, max_masks=7),
            Pipeline(parse_config({"segment": {}, "device": "cpu", "licences": ["MIT", "Apache-2.0"]})),
        ],
    )
    def test_to_config_gives_plain_values_from_which_the_same_pipeline_is_made(self, pipeline):
        values = pipeline.to_config()
        assert Pipeline.from_config(values) == pipeline
        assert Pipeline.from_config(json.loads(json.dumps(values))) == pipeline

    def test_to_config_leaves_out_what_is_default(self):
        assert Pipeline().segment("superpixel", weights=None).clean(nms=0.5).to_config() == {
            "segment": {"model": "superpixel"},
            "clean": {"nms": 0.5},
        }

    @pytest.mark.parametrize("as_path", [str, lambda path: path])
    def test_a_file_gives_the_pipeline_that_code_would(self, as_path, tmp_path):
        (tmp_path / "a.yaml").write_text("segment: {model: superpixel}\nclean: {min_area: 64, fill_holes: true}\n")
        expected = Pipeline().segment("superpixel").clean(min_area=64, fill_holes=True)
        assert Pipeline.from_config(as_path(tmp_path / "a.yaml")) == expected


class TestBuild:
    def test_a_pipeline_without_stages_is_refused(self):
        with pytest.raises(IncompatibleStagesError, match=r"no stage: add \.segment"):
            Pipeline().clean(min_area=5).build()

    def test_an_unknown_model_is_refused_with_the_nearest(self):
        with pytest.raises(UnknownModelError, match=r"'mini-sma'\. Did you mean 'mini-sam'\?"):
            Pipeline().segment("mini-sma").build()

    def test_a_segmenter_cannot_detect_and_a_detector_cannot_segment(self, add_model):
        add_model("finder", "detector", lambda _: FakeDetector({}))
        with pytest.raises(IncompatibleStagesError, match="'superpixel' is a segmenter, this stage needs a detector"):
            Pipeline().detect("superpixel").segment("superpixel").build()
        with pytest.raises(IncompatibleStagesError, match="'finder' is a detector, this stage needs a segmenter"):
            Pipeline().segment("finder").build()

    def test_the_models_are_those_of_the_stages(self, add_model):
        detector, segmenter = FakeDetector({"dog": (1, 2, 3, 4)}), FakeSegmenter()
        add_model("finder", "detector", lambda _: detector)
        add_model("cutter", "segmenter", lambda _: segmenter)
        pipeline = Pipeline().detect("finder").segment("cutter").build()
        assert pipeline.detector is detector
        assert pipeline.segmenter is segmenter

    def test_device_and_options_reach_the_backend(self, add_model):
        requests = []
        add_model("cutter", "segmenter", lambda request: requests.append(request) or FakeSegmenter())
        pipeline = Pipeline.from_config({"segment": {"model": "cutter", "options": {"n": 5}}, "device": "cuda"})
        pipeline.build()
        built = pipeline.build("cpu")
        assert [(request.device, request.options) for request in requests] == [("cuda", {"n": 5}), ("cpu", {"n": 5})]
        assert built.config.device == "cpu"

    def test_a_device_among_the_options_of_one_model_is_refused(self, add_model):
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())
        with pytest.raises(ConfigError, match="device is a setting of the whole pipeline"):
            Pipeline().segment("cutter", options={"device": "cpu"}).build()

    @pytest.mark.parametrize("name", ["weights", "engine", "fallback"])
    def test_a_setting_of_the_stage_among_the_options_is_refused(self, name, add_model):
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())
        with pytest.raises(ConfigError, match=f"{name} is a setting of the stage, not an option of its backend"):
            Pipeline().segment("cutter", options={name: "x"}).build()

    def test_a_missing_package_is_found_before_anything_is_loaded(self, add_model, monkeypatch):
        add_model("finder", "detector", lambda _: pytest.fail("loaded"))
        add_model("cutter", "segmenter", lambda _: pytest.fail("loaded"))
        lacking = registry.BackendSpec("cutter backend", "segmenter", "x:y", requires=("no_such_module",), install="pip install it")
        monkeypatch.setitem(registry.backends(), lacking.name, lacking)
        with pytest.raises(MissingDependencyError, match="no_such_module, which is not installed: pip install it"):
            Pipeline().detect("finder").segment("cutter").build()

    def test_nothing_is_loaded_of_a_pipeline_that_is_refused(self, add_model):
        loaded = []
        add_model("finder", "detector", lambda _: loaded.append("finder"))
        with pytest.raises(UnknownModelError):
            Pipeline().detect("finder").segment("nosuch").build()
        add_model("copyleft", "segmenter", lambda _: loaded.append("copyleft"), licence="AGPL-3.0")
        with pytest.raises(LicenceError):
            Pipeline().detect("finder").segment("copyleft").build(licences="permissive")
        assert loaded == []

    @pytest.mark.parametrize(
        ("policy", "licence", "allowed"),
        [
            ("any", "AGPL-3.0", True),
            ("permissive", "Apache-2.0", True),
            ("permissive", "MIT", True),
            ("permissive", "AGPL-3.0", False),
            ("permissive", "unknown", False),
            (("AGPL-3.0", "MIT"), "AGPL-3.0", True),
            (["MIT"], "Apache-2.0", False),
            ((), "MIT", False),
        ],
    )
    @pytest.mark.parametrize("stage", ["detect", "segment"])
    def test_the_licence_policy_holds_for_every_stage(self, stage, policy, licence, allowed, add_model):
        add_model("model", "detector" if stage == "detect" else "segmenter", lambda _: FakeSegmenter(), licence)
        pipeline = getattr(Pipeline(), stage)("model")
        if allowed:
            pipeline.build(licences=policy)
        else:
            with pytest.raises(LicenceError, match=f"'model' is licensed under {licence}"):
                pipeline.build(licences=policy)

    def test_the_policy_of_the_configuration_holds_unless_build_says_otherwise(self, add_model):
        add_model("copyleft", "segmenter", lambda _: FakeSegmenter(), licence="AGPL-3.0")
        pipeline = Pipeline.from_config({"segment": {"model": "copyleft"}, "licences": "permissive"})
        with pytest.raises(LicenceError):
            pipeline.build()
        pipeline.build(licences="any")

    def test_own_weights_in_the_name_do_not_hide_the_model_from_the_checks(self, add_model):
        add_model("copyleft", "segmenter", lambda _: FakeSegmenter(), licence="AGPL-3.0")
        with pytest.raises(LicenceError):
            Pipeline().segment("copyleft=my/weights").build(licences="permissive")


class TestWeightsThatChooseTheEngine:
    """Weights that are given say which engine is meant; the checks before loading are of that engine."""

    @pytest.fixture
    def both(self, add_model, monkeypatch):
        """A model ``both`` with an engine that finds, the default, and one that segments and reads ``.pt`` files."""
        add_model("finder", "detector", lambda _: FakeDetector({}))
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())
        engines = (
            registry.Engine("onnx", "finder backend", "", (WeightFile("w.onnx", "0" * 64, ()),)),
            registry.Engine("torch", "cutter backend", "", (WeightFile("w.pt", "0" * 64, ()),)),
        )
        monkeypatch.setitem(registry.models(), "both", registry.ModelSpec("both", "For a test", "MIT", engines))

    @pytest.mark.parametrize("form", ["name", "setting"])
    def test_the_stage_takes_the_model_by_the_engine_of_its_weights(self, form, both, tmp_path):
        path = tmp_path / "mine.pt"
        path.touch()
        pipeline = Pipeline().segment(f"both={path}") if form == "name" else Pipeline().segment("both", weights=str(path))
        assert isinstance(pipeline.build().segmenter, FakeSegmenter)
        with pytest.raises(IncompatibleStagesError, match="'both' is a segmenter, this stage needs a detector"):
            Pipeline().detect(f"both={path}").build()

    def test_without_weights_it_is_the_default_engine(self, both):
        with pytest.raises(IncompatibleStagesError, match="'both' is a detector, this stage needs a segmenter"):
            Pipeline().segment("both").build()


class TestFallback:
    class Small(FakeSegmenter):
        """Takes images of at most 100 pixels."""

        def open(self, image):
            if image.size > 300:
                raise OutOfMemoryError("100 pixels and no more")
            return super().open(image)

    @pytest.fixture
    def models(self, add_model):
        """Models ``small``, which runs out of memory at larger images, and ``other``; returns what was loaded."""
        loaded = []
        add_model("small", "segmenter", lambda _: loaded.append("small") or self.Small())
        add_model("other", "segmenter", lambda _: loaded.append("other") or FakeSegmenter())
        return loaded

    def test_the_result_says_what_did_not_fit(self, models):
        pipeline = Pipeline().segment("small", fallback=["other"]).build()
        assert pipeline(BLANK[:10, :10], Prompt.point(3, 3)).provenance[0].fallback_from == ()
        assert models == ["small"]
        with pytest.warns(RuntimeWarning, match="small does not fit into memory, going on with other: 100 pixels"):
            result = pipeline(BLANK, Prompt.point(30, 30))
        assert result.provenance[0].fallback_from == ("small",)
        assert json.loads(json.dumps(result.to_dict()))["provenance"][0]["fallback_from"] == ["small"]
        assert pipeline(BLANK[:10, :10], Prompt.point(3, 3)).provenance[0].fallback_from == ("small",)
        assert models == ["small", "other"]

    def test_a_file_can_ask_for_it(self, models, tmp_path):
        (tmp_path / "a.toml").write_text('segment = {model = "small", fallback = ["other"]}')
        assert isinstance(Pipeline.from_config(tmp_path / "a.toml").build().segmenter, FallbackSegmenter)

    def test_a_result_without_a_mask_names_the_segmenter_too(self, models, add_model):
        add_model("finder", "detector", lambda _: FakeDetector({}))
        result = Pipeline().detect("finder").segment("small", fallback=["other"]).build()(BLANK, Prompt.text("dog"))
        assert [of.model for of in result.provenance] == ["fake-detector", "fake-segmenter"]

    def test_a_result_made_while_another_thread_steps_down_names_its_own_model(self, models):
        pipeline = Pipeline().segment("small", fallback=["other"]).build()
        segmenter, opened = pipeline.segmenter, pipeline.segmenter.open_with_provenance

        def overtaken(pixels):
            found = opened(pixels)
            with pytest.warns(RuntimeWarning, match="going on with other"):
                opened(BLANK)
            return found

        segmenter.open_with_provenance = overtaken
        assert pipeline(BLANK[:10, :10], Prompt.point(3, 3)).provenance[0].fallback_from == ()
        assert segmenter.provenance.fallback_from == ("small",)

    @pytest.mark.parametrize(
        ("fallback", "error"),
        [(["othr"], UnknownModelError), (["finder"], IncompatibleStagesError), (["small"], ConfigError), (["copyleft"], LicenceError)],
    )
    def test_a_wrong_one_is_refused_before_anything_is_loaded(self, fallback, error, models, add_model):
        add_model("finder", "detector", lambda _: models.append("finder"))
        add_model("copyleft", "segmenter", lambda _: models.append("copyleft"), licence="AGPL-3.0")
        with pytest.raises(error, match=fallback[0]):
            Pipeline().detect("finder").segment("small", fallback=["other", *fallback]).build(licences="permissive")
        assert models == []

    def test_a_detector_has_none(self):
        with pytest.raises(ConfigError, match=r"unknown key 'detect\.fallback'"):
            Pipeline().detect("yolo11n", fallback=["yolo11s"])


class TestPrompts:
    def test_spatial_prompts_give_one_mask_each_in_their_order(self):
        result = built()(BLANK, Prompt.box(30, 5, 50, 20), Prompt.point(10, 10), Prompt.box(0, 0, 5, 5))
        assert [mask.prompt_index for mask in result.masks] == [0, 1, 2]
        assert result.masks[0].box.tolist() == [30, 5, 50, 20]
        assert result.masks[1].array[10, 10]
        assert result.masks[2].box.tolist() == [0, 0, 5, 5]

    def test_candidates_are_all_given_with_the_index_of_their_prompt(self):
        result = built()(BLANK, Prompt.box(30, 5, 50, 20), Prompt.point(10, 10), candidates=True)
        assert [mask.prompt_index for mask in result.masks] == [0, 1, 1, 1]
        assert result.masks[1:].areas.tolist() == sorted(result.masks[1:].areas.tolist())

    def test_everything_comes_after_the_spatial_prompts_and_keeps_the_index_of_its_prompt(self):
        result = built()(BLANK, Prompt.everything(2), Prompt.point(10, 10))
        assert [mask.prompt_index for mask in result.masks] == [1, 0, 0, 0, 0]
        assert result.masks[1:].areas.sum() == HEIGHT * WIDTH

    def test_masks_of_prompts_come_before_those_of_detections_whatever_the_order_of_the_prompts(self):
        pipeline = built({"dog": (30, 5, 50, 20)})
        result = pipeline(BLANK, Prompt.text("dog"), Prompt.everything(1), Prompt.point(10, 10), Prompt.box(1, 1, 4, 4))
        assert [mask.prompt_index for mask in result.masks] == [2, 3, 1, None]
        assert [mask.label for mask in result.masks] == [None, None, None, "dog"]

    def test_an_image_is_encoded_once_for_all_its_prompts(self):
        segmenter = Spy(FakeSegmenter())
        pipeline = BuiltPipeline(parse_config({"detect": {"model": "fake"}}), FakeDetector({"dog": (30, 5, 50, 20)}), segmenter)
        pipeline(BLANK, Prompt.text("dog"), Prompt.everything(1), Prompt.point(10, 10))
        assert segmenter.opened == 1

    def test_no_prompt_without_a_detector_is_refused(self):
        with pytest.raises(PromptError, match="nothing to segment"):
            built()(BLANK)

    def test_a_text_prompt_without_a_detector_is_refused(self):
        with pytest.raises(IncompatibleStagesError, match=r"Prompt\.text\('dog'\) needs a detector: add \.detect"):
            built()(BLANK, Prompt.point(1, 1), Prompt.text("dog"))

    @pytest.mark.parametrize("prompt", [Prompt.point(1, 1), Prompt.box(1, 1, 5, 5), Prompt.everything()])
    def test_a_prompt_for_a_segmenter_is_refused_where_there_is_none(self, prompt):
        with pytest.raises(IncompatibleStagesError, match="needs a segmenter"):
            built({"dog": (1, 1, 5, 5)}, segmenter=False)(BLANK, prompt)

    @pytest.mark.parametrize("wrong", [(10, 10), "a dog", [Prompt.point(1, 1)], None])
    def test_what_is_not_a_prompt_is_refused_with_its_place(self, wrong):
        with pytest.raises(PromptError, match=rf"prompt 1 is not a Prompt but {type(wrong).__name__}"):
            built()(BLANK, Prompt.point(1, 1), wrong)

    def test_a_prompt_outside_the_image_is_refused(self):
        with pytest.raises(PromptError, match=r"\(60, 10\) lies outside the image"):
            built()(BLANK, Prompt.point(60, 10))

    def test_prompts_are_checked_before_the_image_is_read(self):
        with pytest.raises(IncompatibleStagesError):
            built()("no-such-photo.jpg", Prompt.text("dog"))

    def test_an_image_that_cannot_be_read_is_refused(self):
        with pytest.raises(InputError, match=r"no-such-photo\.jpg"):
            built()("no-such-photo.jpg", Prompt.point(1, 1))


class TestDetections:
    def test_each_detection_gives_a_mask_of_its_box_with_its_label_best_first(self):
        found = detections(("cat", (0, 0, 10, 10), 0.5), ("dog", (20, 5, 40, 30), 0.9))
        result = built(found)(BLANK, Prompt.text("cat", "dog"))
        assert result.masks.labels == ("dog", "cat")
        assert result.masks.boxes.tolist() == [[20, 5, 40, 30], [0, 0, 10, 10]]
        assert [mask.prompt_index for mask in result.masks] == [None, None]

    def test_the_score_of_a_mask_is_that_of_its_box_times_that_of_its_outline(self):
        result = built(detections(("dog", (20, 5, 40, 30), 0.8)))(BLANK, Prompt.text("dog"))
        assert result.masks.scores.tolist() == pytest.approx([0.8 * 0.95])
        assert result.detections.scores.tolist() == pytest.approx([0.8])

    def test_only_the_phrases_that_were_asked_for_are_looked_for_each_once(self):
        detector = Spy(FakeDetector({"dog": (0, 0, 9, 9), "cat": (20, 20, 30, 30), "cow": (40, 0, 50, 9)}))
        pipeline = BuiltPipeline(parse_config({"detect": {"model": "fake"}}), detector, FakeSegmenter())
        result = pipeline(BLANK, Prompt.text("cat", "dog"), Prompt.text("dog"))
        assert set(result.masks.labels) == {"cat", "dog"}
        assert detector.asked == [("cat", "dog")]

    def test_no_prompt_asks_for_every_class(self):
        detector = Spy(FakeDetector({"dog": (0, 0, 9, 9), "cat": (20, 20, 30, 30)}))
        result = BuiltPipeline(parse_config({"detect": {"model": "fake"}}), detector, FakeSegmenter())(BLANK)
        assert result.masks.labels == ("dog", "cat")
        assert detector.asked == [None]

    def test_a_detector_is_not_run_for_spatial_prompts_alone(self):
        detector = Spy(FakeDetector({"dog": (0, 0, 9, 9)}))
        result = BuiltPipeline(parse_config({"detect": {"model": "fake"}}), detector, FakeSegmenter())(BLANK, Prompt.point(30, 30))
        assert detector.asked == []
        assert result.detections is None
        assert len(result.masks) == 1

    def test_detections_under_the_threshold_are_dropped_and_those_at_it_kept(self):
        found = detections(("a", (0, 0, 5, 5), 0.25), ("b", (10, 0, 15, 5), 0.5), ("c", (20, 0, 25, 5), 0.49))
        result = built(found, detect={"threshold": 0.5})(BLANK)
        assert result.detections.labels == ("b",)

    def test_overlapping_boxes_of_one_label_are_duplicates_and_of_two_labels_are_not(self):
        found = detections(
            ("dog", (0, 0, 20, 20), 0.6), ("dog", (0, 0, 20, 21), 0.9), ("cat", (0, 0, 20, 20), 0.5), ("dog", (30, 0, 50, 20), 0.4)
        )
        result = built(found)(BLANK)
        assert result.detections.labels == ("dog", "cat", "dog")
        assert result.detections.scores.tolist() == pytest.approx([0.9, 0.5, 0.4])

    def test_without_nms_duplicates_stay(self):
        found = detections(("dog", (0, 0, 20, 20), 0.6), ("dog", (0, 0, 20, 20), 0.9))
        assert len(built(found, detect={"nms": None})(BLANK).masks) == 2

    def test_the_best_detections_are_kept_where_there_are_too_many(self):
        found = detections(*((f"{i}", (i * 6, 0, i * 6 + 5, 5), score) for i, score in enumerate((0.4, 0.9, 0.5, 0.8, 0.6))))
        assert built(found, detect={"max_detections": 3})(BLANK).detections.labels == ("1", "3", "4")

    def test_padding_widens_each_box_by_its_share_and_stops_at_the_image(self):
        result = built({"dog": [(20, 10, 40, 20), (0, 30, 10, 40)]}, detect={"box_padding": 0.1})(BLANK)
        assert result.masks.boxes.tolist() == [[18, 9, 42, 21], [0, 29, 11, 40]]
        assert result.detections.boxes.tolist() == [[20, 10, 40, 20], [0, 30, 10, 40]]

    def test_a_box_without_area_is_dropped(self):
        class Broken:
            provenance = FakeDetector({}).provenance

            def detect(self, image, phrases=None):
                boxes = [(5, 5, 5, 20), (5, 5, 20, 5), (70, 10, 90, 20), (30, 30, 20, 20), (1, 1, 2, 2)]
                return Detections((HEIGHT, WIDTH), boxes, [0.9] * 5, ["line", "line", "outside", "reversed", "dot"])

        result = BuiltPipeline(parse_config({"detect": {"model": "fake"}}), Broken(), FakeSegmenter())(BLANK, Prompt.text("dog"))
        assert result.masks.labels == ("dot",)
        assert len(result.detections) == 1
        assert result.dropped == {"no_area": 4}

    def test_no_detections_give_no_masks_of_the_right_size_and_encode_nothing(self):
        segmenter = Spy(FakeSegmenter())
        config = parse_config({"detect": {"model": "fake"}, "clean": {"nms": 0.5, "merge": True}})
        pipeline = BuiltPipeline(config, FakeDetector({}), segmenter)
        result = pipeline(BLANK, Prompt.text("unicorn"))
        assert (len(result.masks), result.masks.size, result.size) == (0, (HEIGHT, WIDTH), (HEIGHT, WIDTH))
        assert len(result.detections) == 0
        assert segmenter.opened == 0
        assert result.dropped == {}

    def test_boxes_over_the_border_are_cut_to_it(self):
        found = detections(("a", (-20, -5, 10, 10), 0.9), ("b", (50, 30, 99, 99), 0.8), ("whole", (-1, -1, 61, 41), 0.7))
        result = built(found)(BLANK)
        assert result.masks.boxes.tolist() == [[0, 0, 10, 10], [50, 30, 60, 40], [0, 0, 60, 40]]
        assert result.detections.boxes.tolist() == result.masks.boxes.tolist()

    def test_a_thousand_detections_are_asked_for_in_one_call(self):
        calls = []

        class Counting(FakeSegmenter):
            def open(self, image):
                session = super().open(image)

                class Session:
                    size, timings = session.size, session.timings

                    def segment(self, prompts, *, candidates=False):
                        calls.append(len(prompts))
                        return session.segment(prompts, candidates=candidates)

                return Session()

        config = parse_config({"detect": {"model": "fake", "max_detections": 1000}})
        boxes = [(x, y, x + 1, y + 1) for y in range(25) for x in range(40)]
        BuiltPipeline(config, FakeDetector({"dot": boxes}), Counting())(BLANK)
        assert calls == [1000]

    def test_too_many_are_cut_and_the_result_says_how_many(self):
        boxes = [(x, y, x + 1, y + 1) for y in range(25) for x in range(40)]
        result = built({"dot": boxes})(BLANK)
        assert (len(result.masks), result.dropped) == (300, {"max_detections": 700})

    def test_a_thousand_detections_give_a_thousand_masks(self):
        boxes = [(x, y, x + 1, y + 1) for y in range(25) for x in range(40)]
        result = built({"dot": boxes}, detect={"max_detections": 1000})(BLANK)
        assert len(result.masks) == 1000
        assert result.masks.boxes.tolist() == [list(box) for box in boxes]
        assert result.masks.union().area == 1000

    def test_a_detector_without_a_segmenter_gives_its_own_masks(self):
        pixels = np.zeros((2, HEIGHT, WIDTH), bool)
        pixels[0, :5, :5] = pixels[1, 10:20, 10:30] = True
        own = Masks([Mask.from_array(array, score=0.1) for array in pixels])

        class WithMasks:
            provenance = FakeDetector({}).provenance

            def detect(self, image, phrases=None):
                return Detections((HEIGHT, WIDTH), own.boxes, [0.4, 0.7], ["cat", "dog"], own)

        result = BuiltPipeline(parse_config({"detect": {"model": "fake"}}), WithMasks())(BLANK, Prompt.text("cat", "dog"))
        assert list(result.masks) == [own[1], own[0]]
        assert result.masks.labels == ("dog", "cat")
        assert result.masks.scores.tolist() == pytest.approx([0.7, 0.4])

    def test_a_detector_of_boxes_alone_needs_a_segmenter(self):
        with pytest.raises(IncompatibleStagesError, match=r"no masks of its own: add \.segment"):
            built({"dog": (1, 1, 5, 5)}, segmenter=False)(BLANK, Prompt.text("dog"))
        assert len(built({"dog": (1, 1, 5, 5)}, segmenter=False)(BLANK, Prompt.text("cat")).masks) == 0


class TestRefining:
    """A detector that makes masks, in front of a segmenter that is shown them."""

    FOUND = Detections(
        (HEIGHT, WIDTH), [(10, 10, 30, 30)], [0.8], ["dog"], Masks([Mask.from_crop(np.ones((10, 20), bool), (10, 10), (HEIGHT, WIDTH))])
    )

    def result(self, **settings):
        detector = SimpleNamespace(provenance=FakeSegmenter().provenance, detect=lambda image, phrases=None: self.FOUND)
        values = {"detect": {"model": "fake"}, "segment": {"model": "fake", **settings}}
        return BuiltPipeline(parse_config(values), detector, FakeSegmenter(radius=1))(BLANK)

    def test_the_segmenter_is_shown_the_mask_of_the_detector(self):
        assert self.result(refine=True).masks[0].box.tolist() == [10, 10, 30, 20]

    def test_by_default_it_is_shown_the_box_alone(self):
        assert self.result().masks[0].box.tolist() == [10, 10, 30, 30]

    def test_a_segmenter_that_takes_no_masks_is_refused_when_the_pipeline_is_built(self, add_model):
        pytest.importorskip("skimage", reason="scikit-image is not installed")
        add_model("finder", "detector", "none:load")
        with pytest.raises(IncompatibleStagesError, match=r"refine prompts with masks and points, and model 'superpixel' takes no mask$"):
            Pipeline().detect("finder").segment("superpixel", refine=True).build()

    def test_so_is_a_pipeline_without_a_detector(self):
        pytest.importorskip("skimage", reason="superpixels need scikit-image")
        with pytest.raises(IncompatibleStagesError, match=r"refine is about a detector's masks: add \.detect"):
            Pipeline().segment("superpixel", refine=True).build()


class Failing:
    """A segmenter whose masks in boxes that begin left of `x` are empty, with the score 0.1."""

    provenance = FakeSegmenter().provenance

    def __init__(self, x):
        self.x = x

    def open(self, image):
        session, x = FakeSegmenter().open(image), self.x

        class Session:
            size, timings = session.size, session.timings

            def segment(self, prompts, *, candidates=False):
                empty = Masks([], session.size).union().counts
                answers = zip(session.segment(prompts), prompts, strict=True)
                return Masks(
                    (replace(mask, counts=empty, score=0.1) if prompt.xyxy[0] < x else mask for mask, prompt in answers), session.size
                )

        return Session()


class TestFailedMasks:
    FOUND = detections(("dog", (0, 0, 10, 10), 0.9), ("cat", (20, 0, 30, 10), 0.8), ("cow", (5, 20, 15, 30), 0.7))

    def result(self, clean=None, **segment):
        config = parse_config({"detect": {"model": "fake"}, "segment": {"model": "fake", **segment}, "clean": clean})
        return BuiltPipeline(config, FakeDetector(self.FOUND), Failing(20))(BLANK)

    def aligned(self, result):
        """The labels of the detections that the masks are of; as the masks say themselves."""
        labels = tuple(result.detections.labels[mask.detection_index] for mask in result.masks)
        assert labels == result.masks.labels
        return labels

    def test_the_box_takes_the_place_of_an_empty_mask_and_the_result_says_where(self):
        result = self.result()
        assert self.aligned(result) == ("dog", "cat", "cow")
        assert [mask.from_box for mask in result.masks] == [True, False, True]
        assert result.masks.boxes.tolist() == [[0, 0, 10, 10], [20, 0, 30, 10], [5, 20, 15, 30]]
        values = json.loads(json.dumps(result.to_dict()))
        assert [(mask["from_box"], mask["detection_index"]) for mask in values["masks"]] == [(True, 0), (False, 1), (True, 2)]

    def test_it_can_be_dropped_or_left_empty(self):
        dropped, empty = self.result(failed_mask="drop"), self.result(failed_mask="empty")
        assert self.aligned(dropped) == ("cat",)
        assert len(dropped.detections) == 3
        assert dropped.to_dict()["dropped"] == {"failed_mask": 2}
        assert self.aligned(empty) == ("dog", "cat", "cow")
        assert empty.masks.areas.tolist() == [0, 100, 0]

    def test_cleaning_keeps_masks_and_detections_together(self):
        assert self.aligned(self.result({"max_masks": 1})) == ("cat",)
        assert self.aligned(self.result({"min_area": 1}, failed_mask="empty")) == ("cat",)

    def test_a_merged_mask_tells_of_a_box_in_it(self):
        result = self.result({"merge": True})
        assert [(mask.from_box, mask.detection_index) for mask in result.masks] == [(True, None), (False, None), (True, None)]

    def test_a_prompt_of_the_user_has_the_mask_that_the_model_gave(self):
        config = parse_config({"segment": {"model": "fake", "min_mask_score": 0.9}})
        (mask,) = BuiltPipeline(config, None, Failing(20))(BLANK, Prompt.box(0, 0, 10, 10)).masks
        assert (mask.area, mask.from_box, mask.detection_index, mask.prompt_index) == (0, False, None, 0)


class TestThresholdsOfTheDetector:
    """A detector that holds back low scores, as all do, is told where the stage wants to see them."""

    @pytest.fixture
    def options(self, add_model):
        """The options that the detector ``finder`` was last loaded with; it knows those given."""
        seen = {}

        def load(request):
            seen.clear()
            seen.update(request.take(**dict.fromkeys(("threshold", "max_detections", "size"))))
            return FakeDetector({})

        def load_without(request):
            seen.clear()
            seen.update(request.take(size=None))
            return FakeDetector({})

        def load_with_threshold(request):
            seen.clear()
            seen.update(request.take(threshold=0.05))
            return FakeDetector({})

        add_model("finder", "detector", load)
        add_model("plain", "detector", load_without)
        add_model("half", "detector", load_with_threshold)
        return seen

    @pytest.mark.parametrize(
        ("settings", "threshold", "most"),
        [
            ({}, None, None),
            ({"threshold": 0.05, "max_detections": 300}, None, None),
            ({"threshold": 0.02}, 0.02, None),
            ({"thresholds": {"dog": 0.01, "cat": 0.7}}, 0.01, None),
            ({"max_detections": 1000}, None, 1000),
            ({"threshold": 0.0, "max_detections": 301}, 0.0, 301),
            ({"threshold": 0.01, "options": {"threshold": 0.03}}, 0.03, None),
        ],
    )
    def test_a_stage_that_wants_more_than_usual_says_so(self, settings, threshold, most, options):
        Pipeline().detect("finder", **settings).build()
        assert options == {"threshold": threshold, "max_detections": most, "size": None}

    def test_a_detector_without_such_options_is_loaded_as_it_is(self, options):
        built = Pipeline().detect("plain", threshold=0.01, max_detections=400, options={"size": 5}).build()
        assert options == {"size": 5}
        assert built.config.detect.options == {"size": 5}

    def test_one_with_some_of_them_is_told_those(self, options):
        Pipeline().detect("half", threshold=0.01, max_detections=400).build()
        assert options == {"threshold": 0.01}

    def test_an_option_that_is_wrong_is_still_refused(self, options):
        with pytest.raises(ConfigError, match=r"no option 'sise'.*Did you mean 'size'"):
            Pipeline().detect("plain", threshold=0.01, options={"sise": 5}).build()


class TestClean:
    HOLED = np.zeros((HEIGHT, WIDTH), bool)
    HOLED[10:30, 10:30] = True
    HOLED[15:18, 15:18] = False  # A hole of nine pixels,
    HOLED[25, 12] = False  # one of one pixel,
    HOLED[2, 2:5] = True  # and an island of three.

    def cleaned(self, *prompts, **steps):
        return built(clean=steps)(BLANK, *(prompts or (Prompt.mask(self.HOLED),))).masks

    def test_without_steps_nothing_changes(self):
        assert np.array_equal(self.cleaned()[0].array, self.HOLED)

    @pytest.mark.parametrize(
        ("steps", "area"),
        [
            ({"fill_holes": True}, 403),
            ({"fill_holes": 1}, 394),
            ({"fill_holes": 9}, 403),
            ({"min_island": 4}, 390),
            ({"min_island": 3}, 393),
            ({"fill_holes": True, "min_island": 4}, 400),
        ],
    )
    def test_holes_and_islands(self, steps, area):
        assert self.HOLED.sum() == 393
        assert self.cleaned(**steps).areas.tolist() == [area]

    def test_small_masks_are_dropped(self):
        prompts = Prompt.box(0, 0, 5, 5), Prompt.box(10, 10, 20, 20)
        assert self.cleaned(*prompts, min_area=26).areas.tolist() == [100]
        assert self.cleaned(*prompts, min_area=25).areas.tolist() == [25, 100]

    def test_small_masks_are_dropped_after_their_islands(self):
        assert len(self.cleaned(min_island=4, min_area=391)) == 0

    def test_duplicates_are_dropped(self):
        kept = self.cleaned(Prompt.box(0, 0, 10, 10), Prompt.box(0, 0, 10, 11), Prompt.box(30, 0, 40, 10), nms=0.7)
        assert [mask.prompt_index for mask in kept] == [0, 2]

    def test_masks_of_one_label_are_merged(self):
        result = built({"dog": [(0, 0, 10, 10), (20, 0, 30, 10)], "cat": (40, 20, 50, 30)}, clean={"merge": True})(BLANK)
        assert result.masks.labels == ("dog", "cat")
        assert result.masks.areas.tolist() == [200, 100]

    def test_the_best_masks_are_kept(self):
        kept = self.cleaned(Prompt.point(10, 10), Prompt.box(30, 10, 40, 20), Prompt.point(50, 30), max_masks=1)
        assert [mask.prompt_index for mask in kept] == [1]


class TestResult:
    def test_stages_are_timed_in_the_order_in_which_they_ran(self):
        result = built({"dog": (1, 1, 9, 9)}, clean={"min_area": 1})(BLANK, Prompt.text("dog"), Prompt.point(30, 30), Prompt.everything(2))
        assert list(result.timings) == ["read", "detect", "encode", "segment", "everything", "clean"]
        assert all(seconds >= 0 for seconds in result.timings.values())

    def test_stages_that_did_not_run_are_not_timed(self):
        assert list(built()(BLANK, Prompt.point(30, 30)).timings) == ["read", "encode", "segment"]

    def test_every_model_is_named(self):
        assert [entry.model for entry in built({"dog": (1, 1, 9, 9)})(BLANK).provenance] == ["fake-detector", "fake-segmenter"]
        assert [entry.model for entry in built()(BLANK, Prompt.point(1, 1)).provenance] == ["fake-segmenter"]

    def test_the_prompts_and_the_image_are_kept(self, photo):
        image, prompts = photo(), (Prompt.point(10, 10), Prompt.box(1, 1, 9, 9))
        result = built()(image, *prompts)
        assert result.prompts == prompts
        assert np.array_equal(result.image, image)
        assert result.source is None
        assert result.size == image.shape[:2]

    def test_the_path_of_an_image_is_kept(self, tmp_path, photo):
        Image.fromarray(photo()).save(tmp_path / "photo.png")
        assert built()(tmp_path / "photo.png", Prompt.point(1, 1)).source == str(tmp_path / "photo.png")

    def test_threads_may_share_a_pipeline(self):
        pipeline = built({"dog": (1, 1, 9, 9)})
        boxes = [(x, 3, x + 5, 9 + x % 7) for x in range(40)]
        answers = {}

        def work(offset):
            for index in range(offset, len(boxes), 4):
                answers[index] = pipeline(BLANK, Prompt.box(*boxes[index]), Prompt.text("dog")).masks.boxes.tolist()

        threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answers[i] for i in range(40)] == [[list(box), [1, 1, 9, 9]] for box in boxes]


class TestTimings:
    """On a clock that only the models move, so that every second has to turn up, and in its place."""

    @pytest.fixture
    def clock(self, monkeypatch):
        """The seconds since the start; add to ``clock[0]`` to let time pass."""
        now = [0.0]
        monkeypatch.setattr(pipeline_module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
        return now

    def slow(self, clock, told):
        """A pipeline whose detector takes 5 s, opening 3 s (of which the session tells `told`), segmenting 0.5 s, everything 7 s."""

        def passing(seconds, method):
            def wait(*arguments, **settings):
                clock[0] += seconds
                return method(*arguments, **settings)

            return wait

        class Slow(FakeSegmenter):
            def open(self, image):
                clock[0] += 3
                session = super().open(image)
                return SimpleNamespace(
                    size=session.size,
                    timings=told,
                    segment=passing(0.5, session.segment),
                    everything=passing(7, session.everything),
                )

            def open_all(self, images):
                return [self.open(image) for image in images]

        detector = FakeDetector({"dog": (1, 1, 9, 9)})
        finder = SimpleNamespace(provenance=detector.provenance, detect=passing(5, detector.detect))
        return BuiltPipeline(parse_config({"detect": {"model": "fake"}, "clean": {"min_area": 1}}), finder, Slow())

    @pytest.mark.parametrize("told", [{"encode": 2.5}, {"encode": 0.0}, {}])
    def test_every_second_of_a_call_is_told(self, told, clock, monkeypatch):
        def read(image):
            clock[0] += 1
            return image

        def clean(masks, stage):
            clock[0] += 2
            return masks

        monkeypatch.setattr(pipeline_module, "load_image", read)
        monkeypatch.setattr(pipeline_module, "clean", clean)
        result = self.slow(clock, told)(BLANK, Prompt.text("dog"), Prompt.point(30, 30), Prompt.everything(2))
        assert result.timings == {"read": 1, "detect": 5, "encode": 3, "segment": 1, "everything": 7, "clean": 2}
        assert sum(result.timings.values()) == clock[0]

    def test_opening_a_photo_that_was_encoded_before_is_told_as_the_session_tells_it(self, clock):
        result = self.slow(clock, {"cache": 0.1})(BLANK, Prompt.point(30, 30))
        assert list(result.timings) == ["read", "cache", "segment", "clean"]
        assert result.timings["cache"] == pytest.approx(3)

    def test_a_session_that_tells_more_than_one_stage_keeps_them(self, clock):
        result = self.slow(clock, {"encode": 2.0, "cache": 0.5})(BLANK, Prompt.point(30, 30))
        assert (result.timings["encode"], result.timings["cache"]) == (2, 1)

    @pytest.mark.parametrize("told", [{"encode": 2.5}, {}])
    def test_the_seconds_of_a_batch_are_shared_among_its_images(self, told, clock):
        results = list(self.slow(clock, told).run([BLANK] * 3, Prompt.text("dog"), batch_size=3))
        assert [result.timings["encode"] for result in results] == [3, 3, 3]
        assert sum(sum(result.timings.values()) for result in results) == clock[0]


class Batching(FakeSegmenter):
    """A segmenter that can open several images, and notes how many each time; of images of height 13 it has not memory for two."""

    def __init__(self):
        super().__init__()
        object.__setattr__(self, "calls", [])

    def open(self, image):
        self.calls.append(1)
        return super().open(image)

    def open_all(self, images):
        self.calls.append(len(images))
        if sum(image.shape[0] == 13 for image in images) > 1:
            raise OutOfMemoryError("too many of height 13")
        return [FakeSegmenter.open(self, image) for image in images]


class TestRun:
    SIZES = ((40, 60), (13, 20), (50, 30), (13, 21), (41, 61), (13, 22), (30, 30))

    @pytest.fixture
    def images(self, photo):
        return [photo(height, width, seed) for seed, (height, width) in enumerate(self.SIZES)]

    def pipeline(self, segmenter=None):
        config = parse_config({"detect": {"model": "fake"}, "clean": {"min_area": 2}})
        return BuiltPipeline(config, FakeDetector({"dog": [(1, 1, 9, 9), (12, 3, 19, 99)], "far": (45, 2, 50, 9)}), segmenter or Batching())

    def values(self, result):
        return {**result.to_dict(), "timings": list(result.timings)}

    @pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 100])
    def test_the_results_are_those_of_a_call_for_each_in_their_order(self, batch_size, images):
        pipeline, prompts = self.pipeline(), (Prompt.text("dog", "far"), Prompt.point(5, 5), Prompt.everything(2))
        results = list(pipeline.run(images, *prompts, batch_size=batch_size, candidates=True))
        assert [self.values(result) for result in results] == [self.values(pipeline(image, *prompts, candidates=True)) for image in images]
        assert all(np.array_equal(result.image, image) for result, image in zip(results, images, strict=True))

    def test_images_are_encoded_together_where_the_model_can_do_that(self, images):
        segmenter = Batching()
        list(self.pipeline(segmenter).run([images[0]] * 5, Prompt.point(5, 5), batch_size=2))
        assert segmenter.calls == [2, 2, 1]

    def test_where_a_batch_fails_its_images_are_tried_one_by_one(self, images):
        segmenter = Batching()
        results = list(self.pipeline(segmenter).run([images[1], images[3]], Prompt.point(5, 5)))
        assert segmenter.calls == [2, 1, 1]
        assert [result.size for result in results] == [(13, 20), (13, 21)]

    def test_an_image_without_detections_is_not_encoded(self, images):
        segmenter = Batching()
        results = list(self.pipeline(segmenter).run([images[0], images[1], images[4]], Prompt.text("far")))
        assert [len(result.masks) for result in results] == [1, 0, 1]
        assert segmenter.calls == [2]

    def test_a_model_without_batches_takes_them_one_by_one(self, images):
        segmenter = Spy(FakeSegmenter())
        assert len(list(self.pipeline(segmenter).run(images, Prompt.point(5, 5)))) == len(images)
        assert segmenter.opened == len(images)

    def test_a_fallback_takes_them_one_by_one_so_that_a_batch_never_costs_the_better_model(self, images):
        segmenter = Batching()
        results = list(self.pipeline(FallbackSegmenter({"first": lambda: segmenter})).run(images, Prompt.point(5, 5), batch_size=7))
        assert segmenter.calls == [1] * 7
        assert all(result.provenance[1].fallback_from == () for result in results)

    def test_no_images_give_no_results(self):
        assert list(self.pipeline().run([], Prompt.point(1, 1))) == []

    def test_no_more_images_are_read_than_a_batch(self, images):
        read = []

        def reading():
            for index, image in enumerate(images):
                read.append(index)
                yield image

        results = self.pipeline().run(reading(), Prompt.point(5, 5), batch_size=2)
        assert read == []
        next(results)
        assert read == [0, 1]
        next(results)
        next(results)
        assert read == [0, 1, 2, 3]

    def test_no_more_images_and_sessions_are_held_than_a_batch(self, images, tmp_path):
        seen = []

        class Watched(Batching):
            def open_all(self, images):
                sessions = super().open_all(images)
                seen.extend(weakref.ref(one) for one in [*images, *sessions])
                return sessions

        Image.fromarray(images[0]).save(tmp_path / "a.png")
        most = 0
        for result in self.pipeline(Watched()).run([tmp_path / "a.png"] * 9, Prompt.point(5, 5), batch_size=3):
            del result
            gc.collect()
            most = max(most, sum(one() is not None for one in seen))
        assert len(seen) == 18
        assert 0 < most <= 6

    def test_an_image_may_bring_prompts_of_its_own(self, images):
        pairs = [images[0], (images[0], Prompt.box(1, 1, 9, 9)), (images[0], [Prompt.point(20, 20), Prompt.box(2, 2, 5, 5)])]
        results = list(self.pipeline().run(pairs, Prompt.text("far")))
        assert [result.masks.labels for result in results] == [("far",), (None,), (None, None)]
        assert results[1].prompts == (pairs[1][1],)

    def test_the_first_image_that_fails_is_named_after_the_results_before_it(self, images, tmp_path):
        results = self.pipeline().run([images[0], tmp_path / "absent.png", images[0]], Prompt.point(5, 5))
        assert next(results).size == (40, 60)
        with pytest.raises(InputError, match=r"^image 1 \(.*absent\.png\): cannot read image .*absent\.png") as caught:
            next(results)
        assert isinstance(caught.value.__cause__, InputError)

    def test_an_array_that_fails_is_named_by_its_number(self, images):
        with pytest.raises(PromptError, match=r"^image 1: point \(5, 30\) lies outside the image"):
            list(self.pipeline().run(images, Prompt.point(5, 30)))

    def test_errors_can_take_the_place_of_results(self, images):
        wrong = [images[0], images[1], "absent.png", (images[0], None), (images[0], (), ()), (images[0], Prompt.point(1, 1))]
        outcomes = list(self.pipeline().run(wrong, Prompt.point(5, 30), on_error="return"))
        assert [type(outcome).__name__ for outcome in outcomes] == [
            "Result",
            "PromptError",
            "InputError",
            "PromptError",
            "InputError",
            "Result",
        ]
        assert [str(outcome).partition(":")[0] for outcome in outcomes[1:5]] == ["image 1", "image 2 (absent.png)", "image 3", "image 4"]

    def test_an_image_that_cannot_be_encoded_fails_alone(self, images):
        class Picky(Batching):
            def open(self, image):
                if image.shape[0] == 13:
                    raise OutOfMemoryError("not of height 13")
                return super().open(image)

        outcomes = list(self.pipeline(Picky()).run(images, Prompt.point(5, 5), batch_size=7, on_error="return"))
        assert [isinstance(outcome, OutOfMemoryError) for outcome in outcomes] == [height == 13 for height, _ in self.SIZES]

    def test_a_bug_is_not_taken_for_a_bad_image(self, images):
        broken = SimpleNamespace(provenance=FakeSegmenter().provenance, open=lambda image: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            list(self.pipeline(broken).run(images, Prompt.point(5, 5), on_error="return"))

    def test_what_cannot_work_for_any_image_is_refused_at_once(self, images):
        with pytest.raises(IncompatibleStagesError):
            built().run(images, Prompt.text("dog"))
        with pytest.raises(ConfigError, match="batch_size is a whole number of at least 1, got 0"):
            built().run(images, Prompt.point(1, 1), batch_size=0)
        with pytest.raises(ConfigError, match="'raise' or 'return', got 'skip'"):
            built().run(images, Prompt.point(1, 1), on_error="skip")

    @pytest.mark.parametrize("single", ["photo.jpg", Path("photo.jpg"), b"...", BLANK, BLANK[:, :, 0], io.BytesIO(), None])
    def test_one_image_in_the_place_of_several_is_refused(self, single):
        with pytest.raises(InputError, match=r"run\(\) takes several images"):
            built().run(single, Prompt.point(1, 1))

    def test_without_prompts_and_detector_each_image_needs_its_own(self, images):
        pairs = [(images[0], Prompt.point(1, 1)), images[0]]
        outcomes = list(built().run(pairs, on_error="return"))
        assert len(outcomes[0].masks) == 1
        assert str(outcomes[1]).startswith("image 1: nothing to segment")

    @pytest.mark.weights
    def test_a_real_model_gives_the_same_masks_in_a_batch(self, mini_sam, photo):
        pipeline = BuiltPipeline(parse_config({"segment": {}}), None, mini_sam)
        images = [photo(90, 130, seed) for seed in range(3)]
        results = pipeline.run(images, Prompt.point(44, 57), batch_size=3)
        mini_sam.cache, cache = None, mini_sam.cache
        try:
            for image, result in zip(images, results, strict=True):
                assert list(pipeline(image, Prompt.point(44, 57)).masks) == list(result.masks)
        finally:
            mini_sam.cache = cache


class TestSegment:
    @pytest.fixture(autouse=True)
    def _forget_models(self):
        pipeline_module._single.cache_clear()
        yield
        pipeline_module._single.cache_clear()

    def test_it_segments_with_one_call(self, add_model):
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())
        result = promptseg.segment(BLANK, Prompt.box(3, 4, 10, 12), model="cutter")
        assert result.best().box.tolist() == [3, 4, 10, 12]

    def test_a_model_stays_loaded_for_the_next_call(self, add_model):
        requests = []
        add_model("cutter", "segmenter", lambda request: requests.append(request) or FakeSegmenter())
        for _ in range(3):
            promptseg.segment(BLANK, Prompt.point(3, 4), model="cutter")
        assert len(requests) == 1
        promptseg.segment(BLANK, Prompt.point(3, 4), model="cutter", device="cpu")
        assert [request.device for request in requests] == ["auto", "cpu"]

    def test_own_weights_reach_the_backend(self, add_model, tmp_path):
        (tmp_path / "own.pt").write_bytes(b"weights")
        requests = []
        add_model("cutter", "segmenter", lambda request: requests.append(request) or FakeSegmenter())
        promptseg.segment(BLANK, Prompt.point(3, 4), model="cutter", weights=str(tmp_path / "own.pt"))
        assert list(requests[0].weights.files.values()) == [tmp_path / "own.pt"]

    def test_no_prompt_is_refused(self, add_model):
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())
        with pytest.raises(PromptError, match="nothing to segment"):
            promptseg.segment(BLANK, model="cutter")

    def test_an_unknown_model_or_engine_is_refused(self, add_model):
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())
        with pytest.raises(UnknownModelError, match="Did you mean 'cutter'"):
            promptseg.segment(BLANK, Prompt.point(1, 1), model="cuter")
        with pytest.raises(ConfigError, match="no engine 'tpu': it has fake"):
            promptseg.segment(BLANK, Prompt.point(1, 1), model="cutter", engine="tpu")

    @pytest.mark.weights
    def test_the_default_model_needs_no_choice(self, mini_sam, photo):
        result = promptseg.segment(photo(), Prompt.point(44, 57))
        assert [entry.model for entry in result.provenance] == ["mini-sam"]
        x, y = np.meshgrid(np.arange(160), np.arange(120))
        ellipse = ((x - 44) / 28) ** 2 + ((y - 57) / 33) ** 2 <= 1
        assert result.best().iou(Mask.from_array(ellipse)) > 0.9
