"""The builder, and the build of its stages."""

import json

import pytest

from promptseg import registry
from promptseg.errors import (
    ConfigError,
    IncompatibleStagesError,
    LicenseError,
    MissingDependencyError,
    UnknownModelError,
)
from promptseg.pipeline import Pipeline
from promptseg.pipeline.config import PipelineConfig, parse_config
from promptseg.testing import FakeDetector, FakeSegmenter
from promptseg.weights.store import WeightFile


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

    def test_a_check_finds_what_a_build_would_and_loads_nothing(self, add_model):
        def load(_):
            raise AssertionError("it was loaded")

        add_model("cutter", "segmenter", load)
        Pipeline().segment("cutter").check()
        for wrong in (Pipeline(), Pipeline().segment("cuter"), Pipeline().detect("cutter")):
            with pytest.raises(ConfigError):
                wrong.check()

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
            Pipeline(parse_config({"segment": {}, "device": "cpu", "licenses": ["MIT", "Apache-2.0"]})),
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
        with pytest.raises(UnknownModelError, match=r"'mini-sma'\. Did you mean 'mini-sam'"):
            Pipeline().segment("mini-sma").build()

    def test_a_segmenter_cannot_detect_and_a_detector_cannot_segment(self, add_model):
        add_model("finder", "detector", lambda _: FakeDetector({}))
        with pytest.raises(
            IncompatibleStagesError, match="takes a detector, and model 'superpixel' is a segmenter: a segmenter is for stage segment"
        ):
            Pipeline().detect("superpixel").segment("superpixel").build()
        with pytest.raises(
            IncompatibleStagesError, match="takes a segmenter, and model 'finder' is a detector: a detector is for stage detect"
        ):
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
        add_model("cutter", "segmenter", lambda request: requests.append(request) or FakeSegmenter(), options={"n": 1})
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

    def test_nothing_is_loaded_where_a_later_stage_has_an_unknown_option(self, add_model):
        add_model("finder", "detector", lambda _: pytest.fail("loaded"))
        add_model("cutter", "segmenter", lambda _: pytest.fail("loaded"), options={"size": 1})
        with pytest.raises(ConfigError, match=r"model 'cutter' has no option 'sise'.*Did you mean 'size'"):
            Pipeline().detect("finder").segment("cutter", options={"sise": 5}).build()

    def test_nothing_is_loaded_of_a_pipeline_that_is_refused(self, add_model):
        loaded = []
        add_model("finder", "detector", lambda _: loaded.append("finder"))
        with pytest.raises(UnknownModelError):
            Pipeline().detect("finder").segment("nosuch").build()
        add_model("copyleft", "segmenter", lambda _: loaded.append("copyleft"), license="AGPL-3.0")
        with pytest.raises(LicenseError):
            Pipeline().detect("finder").segment("copyleft").build(licenses="permissive")
        assert loaded == []

    @pytest.mark.parametrize(
        ("policy", "spdx", "allowed"),
        [
            ("any", "AGPL-3.0", True),
            ("permissive", "Apache-2.0", True),
            ("permissive", "MIT", True),
            ("permissive", "AGPL-3.0", False),
            ("permissive", "unknown", False),
            (("AGPL-3.0", "MIT"), "AGPL-3.0", True),
            (["MIT"], "Apache-2.0", False),
            (["mit"], "MIT", True),
            ("permissive", "MIT AND Apache-2.0", True),
            ("permissive", "MIT AND GPL-3.0", False),
            (["MIT AND GPL-3.0"], "MIT AND GPL-3.0", True),
            ((), "MIT", False),
        ],
    )
    @pytest.mark.parametrize("stage", ["detect", "segment"])
    def test_the_license_policy_holds_for_every_stage(self, stage, policy, spdx, allowed, add_model):
        add_model("model", "detector" if stage == "detect" else "segmenter", lambda _: FakeSegmenter(), spdx)
        pipeline = getattr(Pipeline(), stage)("model")
        if allowed:
            pipeline.build(licenses=policy)
        else:
            with pytest.raises(LicenseError, match=f"'model' is licensed under {spdx}"):
                pipeline.build(licenses=policy)

    def test_the_policy_of_the_configuration_holds_unless_build_says_otherwise(self, add_model):
        add_model("copyleft", "segmenter", lambda _: FakeSegmenter(), license="AGPL-3.0")
        pipeline = Pipeline.from_config({"segment": {"model": "copyleft"}, "licenses": "permissive"})
        with pytest.raises(LicenseError):
            pipeline.build()
        pipeline.build(licenses="any")

    def test_own_weights_in_the_name_do_not_hide_the_model_from_the_checks(self, add_model):
        add_model("copyleft", "segmenter", lambda _: FakeSegmenter(), license="AGPL-3.0")
        with pytest.raises(LicenseError):
            Pipeline().segment("copyleft=my/weights").build(licenses="permissive")


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
        monkeypatch.setitem(registry.list_models(), "both", registry.ModelSpec("both", "For a test", "MIT", engines))

    @pytest.mark.parametrize("form", ["name", "setting"])
    def test_the_stage_takes_the_model_by_the_engine_of_its_weights(self, form, both, tmp_path):
        path = tmp_path / "mine.pt"
        path.touch()
        pipeline = Pipeline().segment(f"both={path}") if form == "name" else Pipeline().segment("both", weights=str(path))
        assert isinstance(pipeline.build().segmenter, FakeSegmenter)
        with pytest.raises(IncompatibleStagesError, match="takes a detector, and model 'both' is a segmenter"):
            Pipeline().detect(f"both={path}").build()

    def test_without_weights_it_is_the_default_engine(self, both):
        with pytest.raises(IncompatibleStagesError, match="takes a segmenter, and model 'both' is a detector"):
            Pipeline().segment("both").build()


@pytest.mark.parametrize("source", [5, None, b"a.yaml", ["a.yaml"]], ids=repr)
def test_what_describes_no_pipeline_is_refused(source):
    with pytest.raises(ConfigError, match="a pipeline is described by a path or a mapping, got"):
        Pipeline.from_config(source)


@pytest.mark.parametrize("model", [5, None, []], ids=repr)
def test_a_model_that_is_no_text_is_refused(model):
    with pytest.raises(ConfigError, match=r"segment\.model: Input should be a valid string"):
        Pipeline().segment(model)
