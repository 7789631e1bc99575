"""Loading of models by their backends."""

import dataclasses

import pytest

from entry_points import Point
from promptseg import registry
from promptseg.errors import (
    BackendError,
    ConfigError,
    MissingDependencyError,
    PromptError,
    WeightsNotFoundError,
)
from promptseg.registry import BackendSpec, Engine, ModelSpec, list_models, load
from promptseg.registry.builtin_backends import BUILT_IN


class TestLoading:
    def test_the_factory_gets_the_model_the_engine_the_device_and_the_options(self, stranger):
        assert load("strange", device="cpu") == "the model"
        (request,) = stranger.requests
        assert request.model.name == "strange"
        assert request.engine.name == "one"
        assert request.device == "cpu"
        assert request.options == {"threads": 2}
        assert request.weights.files == {}

    @pytest.mark.parametrize("form", ["name", "argument", "path"])
    def test_own_weights_come_in_the_name_or_as_an_argument(self, form, stranger, tmp_path):
        path = tmp_path / "mine.bin"
        path.write_bytes(b"mine")
        if form == "name":
            load(f"strange={path}", engine="two")
        else:
            load("strange", engine="two", weights=path if form == "path" else str(path))
        assert stranger.requests[0].weights.files == {"w.bin": path}

    def test_own_files_that_the_backend_recognizes_may_have_any_names(self, installed, stranger, tmp_path):
        spec = BackendSpec("stranger", "segmenter", "stranger:load", recognizes=(".bin", ".txt"), models=stranger.spec.models)
        installed(Point("stranger", spec))
        for name in ("b.bin", "a.txt", "unrelated.json"):
            (tmp_path / name).write_bytes(name.encode())
        load("strange", engine="two", weights=tmp_path)
        assert stranger.requests[0].weights.files == {"a.txt": tmp_path / "a.txt", "b.bin": tmp_path / "b.bin"}
        (tmp_path / "w.bin").write_bytes(b"the name of the catalog goes first")
        load("strange", engine="two", weights=tmp_path)
        assert stranger.requests[1].weights.files == {"w.bin": tmp_path / "w.bin"}

    def test_weights_given_twice_are_refused(self, stranger):
        with pytest.raises(ConfigError, match=r"given twice: 'a.bin' in the name and 'b.bin'"):
            load("strange=a.bin", weights="b.bin")

    def test_weights_that_are_not_there_are_named(self, stranger, tmp_path):
        with pytest.raises(WeightsNotFoundError, match="absent"):
            load(f"strange={tmp_path / 'absent'}", engine="two")
        assert stranger.requests == []

    def test_a_missing_package_is_named_with_the_command_that_installs_it(self, installed):
        model = ModelSpec("m", "", "MIT", (Engine("e", "wonder", "v"),))
        spec = BackendSpec(
            "wonder", "segmenter", "x:y", requires=("numpy", "no_such_module"), install="pip install wonder", models=(model,)
        )
        installed(Point("wonder", spec))
        assert spec.missing() == ["no_such_module"]
        with pytest.raises(MissingDependencyError, match="needs no_such_module, which is not installed: pip install wonder"):
            load("m")

    def test_an_error_of_the_wrapped_library_becomes_a_backend_error_with_its_cause(self, stranger):
        error = RuntimeError("CUDA is on strike")

        def fail(request):
            raise error

        stranger.load = fail
        with pytest.raises(BackendError, match="'stranger' could not load model 'strange': CUDA is on strike") as caught:
            load("strange")
        assert caught.value.__cause__ is error

    def test_an_error_of_ours_passes_unchanged(self, stranger):
        def fail(request):
            raise PromptError("mine")

        stranger.load = fail
        with pytest.raises(PromptError, match="mine"):
            load("strange")

    def test_fetched_weights_are_prepared_by_the_backend(self, installed, stranger):
        spec = BackendSpec("stranger", "segmenter", "stranger:load", prepare="stranger:prepare", models=stranger.spec.models)
        installed(Point("stranger", spec))
        weights = registry.fetch("strange")
        assert stranger.requests == [weights]

    def test_weights_can_be_fetched_where_their_backend_is_not_installed(self, installed, stranger):
        spec = BackendSpec(
            "stranger", "segmenter", "x:y", requires=("no_such_module",), prepare="stranger:prepare", models=stranger.spec.models
        )
        installed(Point("stranger", spec))
        registry.fetch("strange")
        assert stranger.requests == []

    def test_a_backend_may_read_given_weights_in_its_own_way(self, installed, stranger, tmp_path):
        asked = []
        stranger.find_weights = lambda *arguments: asked.append(arguments) or "what is in the folder"
        installed(Point("stranger", dataclasses.replace(stranger.spec, find_weights="stranger:find_weights")))
        load("strange", weights=tmp_path, engine="two")
        model = list_models()["strange"]
        assert asked == [(tmp_path, model, model.engine("two"))]
        assert stranger.requests[0].weights == "what is in the folder"


class TestLoadVideo:
    """`load_video` finds the backend that tracks with a model."""

    @pytest.fixture
    def made(self, monkeypatch, add_model):
        """A segmenter ``plain``, one ``own`` that has a tracker of its own, and a model ``tracker``; the requests that trackers got."""
        requests = []
        add_model("plain", "segmenter", lambda request: "segmenter")
        add_model("own", "segmenter", lambda request: "segmenter")
        declared = {"memory": 1, "segmenter": None}
        add_model("tracker", "video", lambda request: requests.append(request) or "tracker", options=declared)
        own = dataclasses.replace(registry.backends()["own backend"], video="tracker backend")
        monkeypatch.setitem(registry.backends(), "own backend", own)
        return requests

    def test_a_model_tracks_by_the_backend_that_its_segmenter_names(self, made):
        assert registry.load_video("own", device="cpu", memory=3) == "tracker"
        assert registry.load("own") == "segmenter"
        (request,) = made
        assert (request.model.name, request.device, request.options["memory"]) == ("own", "cpu", 3)

    def test_a_model_that_only_tracks_is_loaded_either_way(self, made):
        assert registry.load_video("tracker") == registry.load("tracker") == "tracker"

    def test_a_tracker_can_be_asked_for(self, made):
        assert registry.load_video("plain", tracker="tracker backend") == "tracker"
        (request,) = made
        assert request.options["segmenter"] == "segmenter"

    def test_a_tracker_that_takes_no_segmenter_is_refused_for_another_model_before_anything_is_loaded(self, made, add_model):
        loaded = []
        add_model("other", "segmenter", lambda request: loaded.append(request) or "segmenter")
        add_model("own only", "video", lambda request: loaded.append(request) or "tracker", options={"memory": 1})
        with pytest.raises(ConfigError, match=r"model 'other' has no option 'segmenter' \(options: memory\)"):
            registry.load_video("other", tracker="own only backend")
        assert loaded == []

    def test_a_detector_cannot_track(self):
        with pytest.raises(ConfigError, match=r"model 'yolov8n' with engine 'torch' is a detector, and cannot track"):
            registry.load_video("yolov8n")

    def test_a_tracker_that_does_not_exist_is_refused_with_those_that_do(self, made):
        with pytest.raises(ConfigError, match=r"there is no tracker 'sam2': expected sam2_video.*Did you mean 'sam2_video'\?"):
            registry.load_video("own", tracker="sam2")

    def test_every_tracker_that_a_backend_names_is_there(self):
        for backend in BUILT_IN:
            assert backend.video is None or registry.backends()[backend.video].kind == "video"


class TestTypedLoading:
    @pytest.fixture(autouse=True)
    def cataloged(self, add_model):
        add_model("cutter", "segmenter", lambda _: "a segmenter")
        add_model("finder", "detector", lambda _: "a detector")

    def test_each_loads_models_of_its_kind(self):
        assert registry.load_segmenter("cutter") == "a segmenter"
        assert registry.load_detector("finder") == "a detector"

    def test_a_model_of_another_kind_is_refused_by_its_kind(self):
        with pytest.raises(ConfigError, match="model 'finder' is a detector, not a segmenter"):
            registry.load_segmenter("finder")
        with pytest.raises(ConfigError, match="model 'cutter' is a segmenter, not a detector"):
            registry.load_detector("cutter")

    def test_a_detector_runs_with_the_engine_that_is_asked_for(self, add_model):
        add_model("finder", "detector", lambda request: request.engine.name)
        model = list_models()["finder"]
        (engine,) = model.engines
        engines = (engine, dataclasses.replace(engine, name="other"))
        list_models()["finder"] = dataclasses.replace(model, engines=engines)  # `add_model` takes it out again.
        assert [registry.load_detector("finder", engine=name) for name in (None, "other")] == ["fake", "other"]
