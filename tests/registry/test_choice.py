"""Resolution of a name or weights to a model, its engine and its backend."""

import re
from pathlib import Path

import pytest

from entry_points import Point
from promptseg import registry
from promptseg.errors import (
    ConfigError,
    UnknownModelError,
    WeightsMismatchError,
    WeightsNotFoundError,
)
from promptseg.registry import BackendSpec, Engine, ModelSpec, choice, find_model, load
from promptseg.weights.store import WeightFile


class TestChoosing:
    def test_a_name_stands_for_a_model_its_engine_and_backend(self):
        chosen = registry.choose("sam-vit-b")
        assert (chosen.model.name, chosen.engine.name, chosen.backend.name, chosen.weights) == ("sam-vit-b", "torch", "sam", None)

    @pytest.mark.parametrize("form", ["name", "argument"])
    def test_given_weights_choose_the_engine_that_reads_them(self, form):
        chosen = registry.choose("mini-sam=my.pt") if form == "name" else registry.choose("mini-sam", weights="my.pt")
        assert (chosen.engine.name, chosen.backend.name, chosen.weights) == ("torch", "mobile_sam", Path("my.pt"))

    def test_an_engine_that_is_named_wins(self):
        assert registry.choose("mini-sam", weights="my.pt", engine="onnx").backend.name == "onnx_sam"


class TestEngineOfGivenWeights:
    """Given weights determine the engine of a model with several engines."""

    @pytest.fixture
    def model(self):
        pair = tuple(WeightFile(name, "0" * 64, ()) for name in ("encoder.onnx", "sam.onnx"))
        checkpoint = (WeightFile("model.pt", "0" * 64, ()),)
        return ModelSpec("both", "For a test", "MIT", (Engine("onnx", "a", "x", pair), Engine("torch", "b", "x", checkpoint)))

    def test_one_file_is_for_the_engine_that_takes_one_of_its_suffix(self, model, tmp_path):
        assert choice._engine_for(model, tmp_path / "mine.pt").name == "torch"

    def test_a_folder_is_for_the_engine_whose_files_it_holds(self, model, tmp_path):
        (tmp_path / "model.pt").touch()
        assert choice._engine_for(model, tmp_path).name == "torch"
        for name in ("encoder.onnx", "sam.onnx"):
            (tmp_path / name).touch()
        assert choice._engine_for(model, tmp_path).name == "onnx"

    def test_a_folder_under_other_names_is_for_the_engine_that_recognizes_its_files(self, tmp_path):
        model = find_model("sam-vit-b")
        for name in ("mine.onnx", "yours.onnx"):
            assert choice._engine_for(model, tmp_path) is None
            (tmp_path / name).touch()
        assert choice._engine_for(model, tmp_path).name == "onnx"
        (tmp_path / "and one more.onnx").touch()
        assert choice._engine_for(model, tmp_path) is None

    def test_anything_else_is_for_the_default_engine_which_names_its_files(self, tmp_path):
        assert registry.choose("sam-vit-b", weights=tmp_path / "sam.onnx").engine.name == "torch"

    @pytest.mark.parametrize(("name", "own"), [("sam-vit-b", "sam"), ("d-fine-n", "onnx_detector (d_fine), d_fine")])
    def test_a_folder_of_another_model_is_said_to_be_one(self, name, own, tmp_path):
        (tmp_path / "config.json").write_text('{"model_type": "sam2"}', "utf-8")
        (tmp_path / "model.safetensors").touch()
        with pytest.raises(WeightsMismatchError, match=rf"is read by hf_sam \(sam2\), and model '{name}' by {re.escape(own)}"):
            registry.choose(name, weights=tmp_path)


class TestCheckpointInPlaceOfSeveralFiles:
    """An engine may take one file in place of those that are published."""

    PAIR = ("encoder.onnx", "sam.onnx")

    @pytest.fixture
    def folder(self, tmp_path):
        """Makes a folder with files of these names."""

        def make(*names):
            for name in names:
                (tmp_path / name).touch()
            return tmp_path

        return make

    @pytest.fixture
    def both(self, stranger, installed):
        """The model ``"strange"`` with two engines on the same pair, of which the second also takes a checkpoint."""
        files = tuple(WeightFile(name, "0" * 64, ()) for name in self.PAIR)
        engines = (Engine("onnx", "stranger", "x", files), Engine("torch", "stranger", "y", files, checkpoint="model.pt"))
        installed(
            Point("stranger", BackendSpec("stranger", "segmenter", "stranger:load", models=(ModelSpec("strange", "", "MIT", engines),)))
        )
        return stranger

    @pytest.mark.parametrize(
        ("names", "given", "engine", "expected"),
        [
            (("mine.pt",), "mine.pt", None, ("torch", ("model.pt",))),
            (("mine.pth",), "mine.pth", "torch", ("torch", ("model.pt",))),
            (("model.pt",), "", None, ("torch", ("model.pt",))),
            (PAIR, "", None, ("onnx", PAIR)),
            ((*PAIR, "model.pt"), "", None, ("onnx", PAIR)),
            (PAIR, "", "torch", ("torch", PAIR)),
            ((*PAIR, "model.pt"), "", "torch", ("torch", PAIR)),
            (("encoder.onnx", "model.pt"), "", None, ("torch", ("model.pt",))),
        ],
    )
    def test_the_weights_determine_the_engine_and_its_files(self, both, folder, names, given, engine, expected):
        load("strange", weights=folder(*names) / given, engine=engine)
        (request,) = both.requests
        assert (request.engine.name, tuple(request.weights.files)) == expected

    @pytest.mark.parametrize(
        ("names", "given", "engine", "message"),
        [
            ((), "absent.pt", None, r"there is no weights file .*absent\.pt: check the path$"),
            ((), "", "torch", r"there is no weights file .*encoder\.onnx, .*sam\.onnx: check the path$"),
            (
                ("sam.onnx",),
                "sam.onnx",
                "torch",
                r"sam\.onnx is one file; this model needs a folder with encoder\.onnx, sam\.onnx$",
            ),
            (("sam.onnx",), "", "torch", r"there is no weights file .*encoder\.onnx: check the path$"),
        ],
    )
    def test_what_is_missing_is_named(self, both, folder, names, given, engine, message):
        with pytest.raises(WeightsNotFoundError, match=message):
            load("strange", weights=folder(*names) / given, engine=engine)
        assert both.requests == []

    def test_a_path_in_the_home_folder_is_found(self, both, folder, monkeypatch):
        home = folder("mine.pt", *self.PAIR)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("USERPROFILE", str(home))
        for given in ("~/mine.pt", "~"):
            load("strange", weights=given)
        assert [request.engine.name for request in both.requests] == ["torch", "onnx"]

    def test_mini_sam_is_one_download_for_both_of_its_engines(self):
        onnx, torch = find_model("mini-sam").engines
        assert onnx.files == torch.files
        assert torch.checkpoint == "mobile_sam.pt"


class TestHostile:
    @pytest.mark.parametrize("name", [None, 5, "", b"mini-sam", [], ["mini-sam"], 1.5], ids=repr)
    def test_what_is_no_name_is_refused_with_its_value(self, name):
        with pytest.raises(ConfigError, match="a model is named by text"):
            load(name)

    @pytest.mark.parametrize(
        "name", ["x" * 10**6, "a\0b", "\ud800", "~nobodyxx/a", "x/" * 5000], ids=["long", "null", "surrogate", "user", "path"]
    )
    def test_a_name_that_no_model_has_is_refused_briefly(self, name):
        with pytest.raises(UnknownModelError, match="there is no model") as caught:
            load(name)
        assert len(str(caught.value)) < 1000

    @pytest.mark.parametrize("path", ["~nobodyxx/a", "", "a\0b", "x/" * 5000], ids=["user", "empty", "null", "long"])
    @pytest.mark.parametrize("form", ["name", "argument"])
    def test_weights_at_what_is_no_path_are_refused(self, path, form):
        with pytest.raises(ConfigError, match=r"the weights of model 'mini-sam' is|NAME=PATH, got 'mini-sam=': give both"):
            registry.choose(f"mini-sam={path}") if form == "name" else registry.choose("mini-sam", weights=path)

    def test_a_path_object_names_a_model_folder_as_text_does(self):
        assert registry.choose(Path("superpixel")).model.name == "superpixel"

    @pytest.mark.parametrize(
        "arguments",
        [{"weights": 5}, {"device": 5}, {"device": None}, {"engine": []}, {"fallback": 5}, {"fallback": [5]}, {"fallback": {"mini-sam"}}],
        ids=repr,
    )
    def test_an_argument_of_another_kind_is_refused(self, arguments):
        with pytest.raises(ConfigError):
            load("superpixel", **arguments)

    @pytest.mark.parametrize("arguments", [{"tracker": 5}, {"tracker": []}, {"device": 5}], ids=repr)
    def test_an_argument_of_another_kind_is_refused_for_videos(self, arguments):
        pytest.importorskip("skimage", reason="superpixels need scikit-image")
        with pytest.raises(ConfigError):
            registry.load_video("superpixel", **arguments)
