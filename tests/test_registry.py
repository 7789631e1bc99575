import ast
import dataclasses
import importlib
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import promptseg
from promptseg import registry
from promptseg.errors import (
    BackendError,
    ConfigError,
    MissingDependencyError,
    PromptError,
    UnknownModelError,
    WeightsNotFoundError,
)
from promptseg.registry import BackendSpec, Engine, LoadRequest, ModelSpec, backend_of, find_model, load, models
from promptseg.weights import ModelWeights, WeightFile

# SPDX identifiers of licences that models are published under.
LICENCES = {"MIT", "Apache-2.0", "BSD-3-Clause", "AGPL-3.0", "AGPL-3.0-only", "CC-BY-NC-4.0"}


class Point:
    """A stand-in for an entry point."""

    def __init__(self, name, loaded):
        self.name, self.value, self._loaded = name, f"stranger:{name}", loaded

    def load(self):
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


@pytest.fixture
def installed(monkeypatch):
    """Pretends that packages with these entry points are installed."""

    def clear():
        registry.backends.cache_clear()
        registry.models.cache_clear()

    def install(*points):
        clear()

        def entry_points(*, group):
            assert group == "promptseg.backends"
            return list(points)

        monkeypatch.setattr(registry, "entry_points", entry_points)

    yield install
    clear()


@pytest.fixture
def stranger(installed, monkeypatch):
    """Installs a backend ``"stranger"`` with a model ``"strange"``; returns the requests that its factory was called with."""
    requests = []
    module = types.ModuleType("stranger")
    module.load = lambda request: requests.append(request) or "the model"
    module.prepare = requests.append
    monkeypatch.setitem(sys.modules, "stranger", module)
    file = WeightFile("w.bin", "0" * 64, ("file:/absent",))
    model = ModelSpec("strange", "A model", "MIT", (Engine("one", "stranger", "v"), Engine("two", "stranger", "v2", (file,))))
    spec = BackendSpec("stranger", "segmenter", "stranger:load", frozenset({"point"}), models=(model,))
    module.spec, module.requests = spec, requests
    installed(Point("stranger", spec))
    return module


class TestCatalogue:
    def test_every_model_parses(self):
        assert len(models()) >= 10
        for name, model in models().items():
            assert model.name == name
            assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name)
            assert model.summary
            assert model.licence in LICENCES
            assert model.engines
            assert len({engine.name for engine in model.engines}) == len(model.engines)

    @pytest.mark.parametrize("file", [f for m in models().values() for e in m.engines for f in e.files], ids=lambda file: file.name)
    def test_every_weights_file_is_pinned(self, file):
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert Path(file.name).name == file.name
        assert file.size is None or file.size > 1000
        for source in file.sources:
            assert re.fullmatch(r"https://[^\s/]+/\S+|hf:[^\s/]+/[^\s/]+/\S+|npm:(@[^\s/@]+/)?[^\s/@]+@\d[^\s/]*/\S+", source)

    def test_the_weights_of_a_default_engine_have_a_source(self):
        assert all(file.sources for model in models().values() for file in model.engines[0].files)

    def test_one_hash_belongs_to_one_file(self):
        names = {}
        for model in models().values():
            for engine in model.engines:
                for file in engine.files:
                    assert names.setdefault(file.sha256, file.name) == file.name

    def test_the_default_model_needs_nothing_that_is_optional(self):
        model = find_model(registry.DEFAULT_MODEL)
        assert not backend_of(model).missing()
        assert model.engines[0].files

    def test_every_built_in_backend_names_a_module_of_ours_and_how_to_install_it(self):
        for spec in registry.BUILT_IN:
            assert re.fullmatch(r"promptseg\.backends\.\w+:\w+", spec.factory)
            assert spec.install.startswith("pip install")


class TestFinding:
    @pytest.mark.parametrize(
        ("wrong", "near"), [("sam-vit-hh", "sam-vit-h"), ("Mini-SAM", "mini-sam"), ("sam2.1-hiera-tinny", "sam2.1-hiera-tiny")]
    )
    def test_an_unknown_model_names_the_nearest_and_all_that_are_known(self, wrong, near):
        with pytest.raises(UnknownModelError, match=f"no model '{re.escape(wrong)}'. Did you mean '{re.escape(near)}'?") as caught:
            find_model(wrong)
        assert all(name in str(caught.value) for name in models())

    def test_a_name_that_resembles_none_gets_the_list_alone(self):
        with pytest.raises(UnknownModelError) as caught:
            load("xqzw")
        assert "Did you mean" not in str(caught.value)

    def test_an_unknown_engine_names_those_that_there_are(self):
        with pytest.raises(ConfigError, match=r"no engine 'tensorrt': it has torch, onnx"):
            load("sam-vit-h", engine="tensorrt")

    def test_the_first_engine_is_the_default(self):
        assert find_model("sam-vit-h").engine(None).name == "torch"
        assert find_model("sam-vit-h").engine("onnx").backend == "onnx_sam"

    def test_a_model_whose_backend_is_not_there_is_refused_before_its_weights_are_fetched(self, installed):
        model = ModelSpec("lost", "", "MIT", (Engine("torch", "no_such_backend", "v"),))
        installed(Point("some", BackendSpec("some", "segmenter", "x:y", models=(model,))))
        with pytest.raises(ConfigError, match="needs backend 'no_such_backend'"):
            load("lost")


class TestEntryPoints:
    def test_a_backend_of_another_package_brings_its_models(self, stranger):
        assert registry.backends()["stranger"] is stranger.spec
        assert find_model("strange").licence == "MIT"
        assert set(models()) > {"mini-sam", "strange"}
        assert stranger.requests == []

    def test_one_that_cannot_be_loaded_is_named_with_its_error(self, installed):
        error = ImportError("no module named 'wonder'")
        installed(Point("wonder", error))
        with pytest.raises(ConfigError, match=r"'wonder' \(stranger:wonder\) cannot be loaded: no module named 'wonder'") as caught:
            registry.backends()
        assert caught.value.__cause__ is error

    @pytest.mark.parametrize("loaded", [None, "a string", BackendSpec, BackendSpec("another_name", "segmenter", "x:y")], ids=str)
    def test_one_that_is_no_backend_of_its_name_is_refused(self, loaded, installed):
        installed(Point("wonder", loaded))
        with pytest.raises(ConfigError, match=r"'wonder' \(stranger:wonder\) must be a BackendSpec of that name"):
            registry.backends()

    def test_one_that_takes_a_name_of_ours_is_refused(self, installed):
        installed(Point("onnx_sam", BackendSpec("onnx_sam", "segmenter", "x:y")))
        with pytest.raises(ConfigError, match=r"two backends are named 'onnx_sam'.*stranger:onnx_sam"):
            registry.backends()

    def test_two_that_share_a_name_are_refused(self, installed):
        spec = BackendSpec("wonder", "segmenter", "x:y")
        installed(Point("wonder", spec), Point("wonder", spec))
        with pytest.raises(ConfigError, match="two backends are named 'wonder'"):
            registry.backends()

    def test_a_model_that_takes_a_name_of_ours_is_refused(self, installed):
        model = ModelSpec("mini-sam", "", "MIT", (Engine("e", "wonder", "v"),))
        installed(Point("wonder", BackendSpec("wonder", "segmenter", "x:y", models=(model,))))
        with pytest.raises(ConfigError, match="two models are named 'mini-sam'; one comes with backend 'wonder'"):
            models()


class TestLoading:
    def test_the_factory_gets_the_model_the_engine_the_device_and_the_options(self, stranger):
        assert load("strange", device="cpu", threads=2) == "the model"
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
        stranger.given = lambda *arguments: asked.append(arguments) or "what is in the folder"
        installed(Point("stranger", dataclasses.replace(stranger.spec, given="stranger:given")))
        load("strange", weights=tmp_path, engine="two")
        model = models()["strange"]
        assert asked == [(tmp_path, model, model.engine("two"))]
        assert stranger.requests[0].weights == "what is in the folder"


class TestEngineOfGivenWeights:
    """Where a model has several engines, the weights that are given say which one is meant."""

    @pytest.fixture
    def model(self):
        pair = tuple(WeightFile(name, "0" * 64, ()) for name in ("encoder.onnx", "sam.onnx"))
        checkpoint = (WeightFile("model.pt", "0" * 64, ()),)
        return ModelSpec("both", "For a test", "MIT", (Engine("onnx", "a", "x", pair), Engine("torch", "b", "x", checkpoint)))

    def test_one_file_is_for_the_engine_that_takes_one_of_its_suffix(self, model, tmp_path):
        assert registry._engine_for(model, tmp_path / "mine.pt").name == "torch"

    def test_a_folder_is_for_the_engine_whose_files_it_holds(self, model, tmp_path):
        (tmp_path / "model.pt").touch()
        assert registry._engine_for(model, tmp_path).name == "torch"
        for name in ("encoder.onnx", "sam.onnx"):
            (tmp_path / name).touch()
        assert registry._engine_for(model, tmp_path).name == "onnx"

    def test_anything_else_is_for_the_default_which_says_what_it_wants(self, model, tmp_path):
        assert registry._engine_for(model, tmp_path / "sam.onnx").name == "onnx"


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
    def test_the_weights_say_which_engine_and_which_files_are_meant(self, both, folder, names, given, engine, expected):
        load("strange", weights=folder(*names) / given, engine=engine)
        (request,) = both.requests
        assert (request.engine.name, tuple(request.weights.files)) == expected

    @pytest.mark.parametrize(
        ("names", "given", "engine", "message"),
        [
            ((), "absent.pt", None, r"there is no weights file .*absent\.pt$"),
            ((), "", "torch", r"there is no weights file .*encoder\.onnx, .*sam\.onnx$"),
            (("sam.onnx",), "sam.onnx", "torch", r"sam\.onnx is one file; this model needs a folder with encoder\.onnx, sam\.onnx$"),
            (("sam.onnx",), "", "torch", r"there is no weights file .*encoder\.onnx$"),
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


class TestOptions:
    REQUEST = LoadRequest(
        ModelSpec("m", "", "MIT", (Engine("e", "b", "v"),)), Engine("e", "b", "v"), ModelWeights({}, {}), options={"threads": 2}
    )

    def test_options_that_are_not_given_have_their_defaults(self):
        assert self.REQUEST.take(threads=1, cache=None) == {"threads": 2, "cache": None}

    def test_an_unknown_option_names_the_nearest(self):
        with pytest.raises(ConfigError, match=r"no option 'threads' \(options: cache, thread\). Did you mean 'thread'?"):
            self.REQUEST.take(thread=1, cache=None)


class TestNamespace:
    def test_all_public_names_can_be_had_and_are_listed_once(self):
        assert len(set(promptseg.__all__)) == len(promptseg.__all__)
        for name in promptseg.__all__:
            assert getattr(promptseg, name) is not None
        assert dir(promptseg) == sorted(promptseg.__all__)

    def test_a_lazy_name_is_the_one_of_its_module(self):
        for name, home in promptseg._HOMES.items():
            assert getattr(promptseg, name) is getattr(importlib.import_module(f"promptseg.{home}"), name)

    def test_type_checkers_see_the_names_that_are_loaded_lazily(self):
        tree = ast.parse(Path(promptseg.__file__).read_text("utf-8"))
        (block,) = [node for node in tree.body if isinstance(node, ast.If)]
        seen = {alias.asname: (node.module, alias.name) for node in block.body for alias in node.names}
        assert seen == {name: (home, name) for name, home in promptseg._HOMES.items()}

    def test_an_unknown_name_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="'promptseg' has no attribute 'segmnt'"):
            _ = promptseg.segmnt

    def test_importing_promptseg_loads_no_library_that_is_slow_or_optional(self):
        code = (
            "import sys, promptseg\n"
            "print(*{'torch', 'onnxruntime', 'onnx', 'cv2', 'numpy', 'PIL', 'pydantic', 'requests', 'skimage'} & set(sys.modules))"
        )
        assert in_a_fresh_interpreter(code) == ""

    def test_listing_the_models_loads_no_backend(self):
        code = (
            "import sys, promptseg\n"
            "assert promptseg.models()\n"
            "print(*{'torch', 'onnxruntime', 'onnx', 'cv2', 'skimage', 'requests'} & set(sys.modules))\n"
            "print(*[name for name in sys.modules if name.startswith('promptseg.backends')])"
        )
        assert in_a_fresh_interpreter(code) == ""


def in_a_fresh_interpreter(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()
