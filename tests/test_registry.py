import ast
import dataclasses
import hashlib
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
    IncompatibleStagesError,
    MissingDependencyError,
    OutOfMemoryError,
    PromptError,
    UnknownModelError,
    WeightsMismatchError,
    WeightsNotFoundError,
)
from promptseg.pipeline import Pipeline
from promptseg.registry import BackendSpec, Engine, ModelSpec, catalog, choice, files, find_model, list_models, load, manifest
from promptseg.registry.builtin import BUILT_IN
from promptseg.registry.catalog import backend_for, memory_need
from promptseg.registry.choice import fallback_chain
from promptseg.testing import FakeSegmenter
from promptseg.weights import ModelWeights, WeightFile

# SPDX identifiers of licences that models are published under.
LICENCES = {"MIT", "Apache-2.0", "BSD-3-Clause", "AGPL-3.0", "AGPL-3.0-only", "CC-BY-NC-4.0"}


class Point:
    """A stand-in for an entry point."""

    def __init__(self, name, loaded):
        self.name, self.value, self._loaded = name, f"stranger:{name}", loaded
        self.dist = types.SimpleNamespace(name="stranger-package")

    def load(self):
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


@pytest.fixture
def installed(monkeypatch):
    """Pretends that packages with these entry points are installed."""

    def clear():
        registry.backends.cache_clear()
        registry.list_models.cache_clear()

    def install(*points):
        clear()

        def entry_points(*, group):
            assert group == "promptseg.backends"
            return list(points)

        monkeypatch.setattr(catalog, "entry_points", entry_points)

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
    spec = BackendSpec("stranger", "segmenter", "stranger:load", frozenset({"point"}), {"threads": 2}, models=(model,))
    module.spec, module.requests = spec, requests
    installed(Point("stranger", spec))
    return module


class TestCatalogue:
    def test_every_model_parses(self):
        assert len(list_models()) >= 10
        for name, model in list_models().items():
            assert model.name == name
            assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name)
            assert model.summary
            assert model.licence in LICENCES or all(not engine.files for engine in model.engines)
            assert model.engines
            assert len({engine.name for engine in model.engines}) == len(model.engines)

    @pytest.mark.parametrize("file", [f for m in list_models().values() for e in m.engines for f in e.files], ids=lambda file: file.name)
    def test_every_weights_file_is_pinned(self, file):
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert Path(file.name).name == file.name
        assert file.size is None or file.size > 1000
        for source in file.sources:
            assert re.fullmatch(r"https://[^\s/]+/\S+|hf:[^\s/]+/[^\s/]+/\S+|npm:(@[^\s/@]+/)?[^\s/@]+@\d[^\s/]*/\S+", source)

    def test_the_weights_of_a_default_engine_have_a_source(self):
        assert all(file.sources for model in list_models().values() for file in model.engines[0].files)

    def test_one_hash_belongs_to_one_file(self):
        names = {}
        for model in list_models().values():
            for engine in model.engines:
                for file in engine.files:
                    assert names.setdefault(file.sha256, file.name) == file.name

    def test_every_torch_model_of_the_sam_family_says_what_memory_it_needs(self):
        needs = {m.name: e.memory for m in list_models().values() for e in m.engines if e.backend in ("sam", "mobile_sam", "sam2")}
        assert len(needs) >= 13
        assert all(isinstance(need, int) and need > 100 for need in needs.values())
        for family in (("mini-sam", "sam-vit-b", "sam-vit-l", "sam-vit-h"), ("sam2.1-hiera-tiny", "sam2.1-hiera-large")):
            assert [needs[name] for name in family] == sorted(needs[name] for name in family)

    def test_the_default_model_needs_nothing_that_is_optional(self):
        model = find_model(registry.DEFAULT_MODEL)
        assert not backend_for(model, model.engines[0]).missing()
        assert model.engines[0].files

    def test_every_built_in_backend_names_a_module_of_ours_and_how_to_install_it(self):
        for spec in BUILT_IN:
            assert re.fullmatch(r"promptseg\.backends\.\w+:\w+", spec.factory)
            assert spec.install.startswith("pip install")


class TestFinding:
    @pytest.mark.parametrize(
        ("wrong", "near"), [("sam-vit-hh", "sam-vit-h"), ("Mini-SAM", "mini-sam"), ("sam2.1-hiera-tinny", "sam2.1-hiera-tiny")]
    )
    def test_an_unknown_model_names_the_nearest_and_all_that_are_known(self, wrong, near):
        with pytest.raises(UnknownModelError, match=f"no model '{re.escape(wrong)}'. Did you mean '{re.escape(near)}'?") as caught:
            find_model(wrong)
        assert all(name in str(caught.value) for name in list_models())

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


class TestLadder:
    """Models that take one another's place where one does not fit into memory."""

    def ladder(self, name, *fallback):
        return [rung.model.name for rung in fallback_chain(registry.choose(name), fallback)]

    def test_it_has_the_models_in_their_order(self):
        assert self.ladder("sam-vit-h", "sam-vit-l", "mobile-sam") == ["sam-vit-h", "sam-vit-l", "mobile-sam"]

    def test_one_that_brings_weights_is_for_the_engine_that_reads_them(self, tmp_path):
        (tmp_path / "mini.pt").touch()
        _, rung = fallback_chain(registry.choose("sam-vit-h"), [f"mini-sam={tmp_path / 'mini.pt'}"])
        assert (rung.engine.name, rung.weights) == ("torch", tmp_path / "mini.pt")

    @pytest.mark.parametrize("fallback", [["sam-vit-h"], ["sam-vit-l", "sam-vit-l"], ["sam-vit-l", "sam-vit-h=other.pth"]])
    def test_a_model_that_falls_back_to_itself_is_refused_with_the_order(self, fallback):
        with pytest.raises(ConfigError, match=r"is in its own fallback: sam-vit-h → sam-vit-"):
            self.ladder("sam-vit-h", *fallback)

    def test_one_that_is_no_segmenter_is_refused(self, add_model):
        add_model("finder", "detector", None)
        for names in (("sam-vit-h", "finder"), ("finder", "sam-vit-h")):
            with pytest.raises(IncompatibleStagesError, match="'finder' is a detector, and a fallback is from segmenter to segmenter"):
                self.ladder(*names)

    def test_one_that_does_not_exist_is_refused_with_the_nearest(self):
        with pytest.raises(UnknownModelError, match=r"no model 'sam-vit-m'\. Did you mean 'sam-vit-"):
            self.ladder("sam-vit-h", "sam-vit-m")

    def test_one_that_this_version_cannot_run_is_refused(self, monkeypatch):
        later = ModelSpec("later", "For a test", "MIT", (Engine("torch", "sam9", "t"),))
        monkeypatch.setitem(registry.list_models(), "later", later)
        with pytest.raises(ConfigError, match="'later' needs backend 'sam9', which this version does not have"):
            self.ladder("sam-vit-h", "later")

    def test_weights_that_are_not_there_are_named(self):
        with pytest.raises(WeightsNotFoundError, match=r"no weights file absent\.pth for model 'sam-vit-b'"):
            self.ladder("sam-vit-h", "sam-vit-b=absent.pth")

    def test_one_name_is_not_taken_for_its_letters(self):
        with pytest.raises(ConfigError, match=r"fallback is a list of model names: write \['sam-vit-b'\]"):
            load("sam-vit-h", fallback="sam-vit-b")

    def test_load_goes_on_with_the_next_model_which_gets_the_same_device_and_options(self, add_model):
        requests = []

        def too_large(request):
            requests.append(request)
            raise OutOfMemoryError("9 GB")

        def small(request):
            requests.append(request)
            return FakeSegmenter(provenance=request.provenance("1.0"))

        add_model("large", "segmenter", too_large, options={"threads": 1})
        add_model("small", "segmenter", small, options={"threads": 1})
        with pytest.warns(RuntimeWarning, match="large does not fit into memory, going on with small: 9 GB"):
            segmenter = load("large", device="cpu", fallback=["small"], threads=2)
        assert [(of.model.name, of.device, of.options) for of in requests] == [(name, "cpu", {"threads": 2}) for name in ("large", "small")]
        assert segmenter.provenance.fallback_from == ("large",)

    def test_nothing_is_loaded_where_a_later_model_lacks_its_package(self, add_model, monkeypatch):
        add_model("large", "segmenter", lambda _: pytest.fail("loaded"))
        add_model("small", "segmenter", lambda _: pytest.fail("loaded"))
        backend = registry.BackendSpec("small backend", "segmenter", "x:y", requires=("no_such_module",), install="pip install it")
        monkeypatch.setitem(registry.backends(), backend.name, backend)
        with pytest.raises(MissingDependencyError, match="no_such_module"):
            load("large", fallback=["small"])


class TestMemory:
    @pytest.fixture
    def catalogue(self, monkeypatch):
        """Makes these the only models, ``name=(engine, backend, MiB)``, and returns what ``this`` needs."""

        def set_to(**models):
            files = (WeightFile("a", "0" * 64, (), 5), WeightFile("b", "0" * 64, (), 6), WeightFile("c", "0" * 64, ()))
            specs = {
                name: ModelSpec(name, "", "MIT", (Engine(engine, of, "v", files, memory=mib),))
                for name, (engine, of, mib) in models.items()
            }
            monkeypatch.setattr(catalog, "list_models", lambda: specs)
            return memory_need(specs["this"], specs["this"].engines[0])

        return set_to

    def test_a_need_is_that_of_the_engine_with_the_known_sizes_of_its_weights(self, catalogue):
        need = catalogue(this=("torch", "sam", 90))
        assert (need.model, need.mib, need.checkpoint, need.lighter) == ("this", 90, 11, ())

    def test_models_that_need_less_come_with_it_the_largest_first(self, catalogue):
        need = catalogue(tiny=("torch", "sam", 10), this=("torch", "sam", 90), larger=("torch", "sam", 99), small=("torch", "sam", 80))
        assert [(other.model, other.mib, other.checkpoint) for other in need.lighter] == [("small", 80, 11), ("tiny", 10, 11)]

    def test_those_of_its_own_backend_come_before_larger_ones_of_others(self, catalogue):
        need = catalogue(tiny=("torch", "sam", 10), other=("torch", "sam2", 80), this=("torch", "sam", 90), small=("torch", "sam", 20))
        assert [other.model for other in need.lighter] == ["small", "tiny", "other"]

    def test_one_whose_need_backend_or_kind_does_not_suit_is_left_out(self, catalogue, add_model):
        add_model("finder", "detector", None)
        need = catalogue(
            unknown=("torch", "sam", None),
            other=("onnx", "onnx_sam", 10),
            later=("torch", "of a later version", 10),
            finder=("torch", "finder backend", 10),
            this=("torch", "sam", 90),
        )
        assert need.lighter == ()

    def test_beside_a_need_that_is_not_known_none_is_less(self, catalogue):
        need = catalogue(tiny=("torch", "sam", 10), this=("torch", "sam", None))
        assert (need.mib, need.lighter) == (None, ())


class TestEntryPoints:
    def test_a_backend_of_another_package_brings_its_models(self, stranger):
        assert registry.backends()["stranger"] is stranger.spec
        assert find_model("strange").licence == "MIT"
        assert set(list_models()) > {"mini-sam", "strange"}
        assert stranger.requests == []

    def test_one_that_cannot_be_loaded_is_left_out_with_a_warning_that_names_its_package(self, installed):
        installed(Point("wonder", ImportError("no module named 'wonder'")), Point("fine", BackendSpec("fine", "segmenter", "x:y")))
        expected = r"'wonder' \(stranger:wonder\) of package 'stranger-package' cannot be loaded: ImportError: no module named 'wonder'"
        with pytest.warns(RuntimeWarning, match=expected):
            found = registry.backends()
        assert "wonder" not in found
        assert {"fine", "onnx_sam"} <= set(found)

    def test_the_models_of_the_others_are_there(self, installed, stranger):
        installed(Point("wonder", ImportError("no module named 'wonder'")), Point("stranger", stranger.spec))
        with pytest.warns(RuntimeWarning, match="wonder"):
            assert {"mini-sam", "strange"} <= set(list_models())
        assert load("strange") == "the model"

    @pytest.mark.parametrize("loaded", [None, "a string", BackendSpec, BackendSpec("another_name", "segmenter", "x:y")], ids=str)
    def test_one_that_is_no_backend_of_its_name_is_left_out(self, loaded, installed):
        installed(Point("wonder", loaded))
        with pytest.warns(
            RuntimeWarning, match=r"'wonder' \(stranger:wonder\) of package 'stranger-package' must be a BackendSpec of that name"
        ):
            assert set(registry.backends()) == {spec.name for spec in BUILT_IN}

    def test_one_that_takes_a_name_of_ours_is_left_out(self, installed):
        installed(Point("onnx_sam", BackendSpec("onnx_sam", "segmenter", "x:y")))
        with pytest.warns(RuntimeWarning, match=r"'onnx_sam' \(stranger:onnx_sam\) .* has the name of another backend"):
            assert registry.backends()["onnx_sam"] in BUILT_IN

    def test_of_two_that_share_a_name_the_first_stays(self, installed):
        first, second = (BackendSpec("wonder", "segmenter", factory) for factory in ("x:y", "x:z"))
        installed(Point("wonder", first), Point("wonder", second))
        with pytest.warns(RuntimeWarning, match="has the name of another backend"):
            assert registry.backends()["wonder"] is first

    def test_a_model_that_takes_a_name_of_ours_is_left_out(self, installed):
        model = ModelSpec("mini-sam", "", "MIT", (Engine("e", "wonder", "v"),))
        installed(Point("wonder", BackendSpec("wonder", "segmenter", "x:y", models=(model,))))
        with pytest.warns(RuntimeWarning, match="model 'mini-sam' of backend 'wonder' has the name of another model"):
            assert list_models()["mini-sam"].engines[0].backend == "onnx_sam"


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

    def test_own_files_that_the_backend_recognises_may_have_any_names(self, installed, stranger, tmp_path):
        spec = BackendSpec("stranger", "segmenter", "stranger:load", recognises=(".bin", ".txt"), models=stranger.spec.models)
        installed(Point("stranger", spec))
        for name in ("b.bin", "a.txt", "unrelated.json"):
            (tmp_path / name).write_bytes(name.encode())
        load("strange", engine="two", weights=tmp_path)
        assert stranger.requests[0].weights.files == {"a.txt": tmp_path / "a.txt", "b.bin": tmp_path / "b.bin"}
        (tmp_path / "w.bin").write_bytes(b"the name of the catalogue goes first")
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
        stranger.given = lambda *arguments: asked.append(arguments) or "what is in the folder"
        installed(Point("stranger", dataclasses.replace(stranger.spec, given="stranger:given")))
        load("strange", weights=tmp_path, engine="two")
        model = list_models()["strange"]
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
        assert choice._engine_for(model, tmp_path / "mine.pt").name == "torch"

    def test_a_folder_is_for_the_engine_whose_files_it_holds(self, model, tmp_path):
        (tmp_path / "model.pt").touch()
        assert choice._engine_for(model, tmp_path).name == "torch"
        for name in ("encoder.onnx", "sam.onnx"):
            (tmp_path / name).touch()
        assert choice._engine_for(model, tmp_path).name == "onnx"

    def test_a_folder_under_other_names_is_for_the_engine_that_recognises_its_files(self, tmp_path):
        model = find_model("sam-vit-b")
        for name in ("mine.onnx", "yours.onnx"):
            assert choice._engine_for(model, tmp_path).name == "torch"
            (tmp_path / name).touch()
        assert choice._engine_for(model, tmp_path).name == "onnx"
        (tmp_path / "and one more.onnx").touch()
        assert choice._engine_for(model, tmp_path).name == "torch"

    def test_anything_else_is_for_the_default_which_says_what_it_wants(self, model, tmp_path):
        assert choice._engine_for(model, tmp_path / "sam.onnx").name == "onnx"


class TestExportedWeights:
    """A folder that promptseg exported says itself which engine reads it."""

    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("strange.encoder.onnx", "strange.decoder.onnx"):
            (tmp_path / name).write_bytes(name.encode())
        return tmp_path

    @pytest.fixture
    def note(self, folder, stranger):
        def write(**changes):
            digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.onnx")}
            values = {"model": "strange", "backend": "stranger", "variant": "exported", "sha256": digests, **changes}
            manifest.Manifest(**values).write(folder)

        return write

    @pytest.mark.parametrize("engine", [None, "onnx"])
    def test_it_is_run_as_it_says_although_the_catalogue_has_no_such_engine(self, engine, note, folder, stranger):
        note()
        load("strange", weights=folder, engine=engine)
        (request,) = stranger.requests
        assert (request.engine.name, request.engine.backend, request.engine.variant) == ("onnx", "stranger", "exported")
        assert request.weights.files == {path.name: path for path in folder.glob("*.onnx")}

    def test_its_path_alone_says_which_model_it_is(self, note, folder, stranger, monkeypatch):
        note()
        monkeypatch.chdir(folder.parent)
        for path in (str(folder), folder.name):
            assert registry.choose(path).model.name == "strange"
        load(str(folder))
        assert stranger.requests[0].engine.variant == "exported"

    @pytest.mark.parametrize("path", ["no-such-folder", "a" * 5000, "~nobody-of-this-name/x", "a\0b"])
    def test_a_path_of_nothing_is_an_unknown_model(self, path):
        with pytest.raises(UnknownModelError, match="there is no model"):
            registry.choose(path)

    def test_a_decoder_comes_with_the_published_files_that_it_builds_on(self, note, folder, stranger, monkeypatch, tmp_path):
        published = tmp_path / "published.bin"
        published.write_bytes(b"weights")
        (catalogued,) = list_models()["strange"].engine("two").files
        note(base={catalogued.name: catalogued.sha256}, engine="torch")
        monkeypatch.setattr(
            files, "fetch_weights", lambda *_: ModelWeights({catalogued.name: published}, {catalogued.name: catalogued.sha256})
        )
        load("strange", weights=folder)
        assert stranger.requests[0].weights.files == {catalogued.name: published, **{path.name: path for path in folder.glob("*.onnx")}}
        assert next(iter(stranger.requests[0].weights.files)) == catalogued.name
        assert stranger.requests[0].engine.name == "torch"

    def test_a_pipeline_checks_the_backend_that_reads_it(self, note, folder, stranger):
        note(backend="of_another_version")
        with pytest.raises(ConfigError, match="needs backend 'of_another_version'"):
            Pipeline().segment("strange", weights=str(folder)).build()
        with pytest.raises(ConfigError, match="needs backend 'of_another_version'"):
            Pipeline().segment(f"strange={folder}").build()

    def test_the_weights_of_another_model_are_refused(self, note, folder, stranger):
        note(model="mini-sam")
        with pytest.raises(WeightsMismatchError, match="holds 'mini-sam' as promptseg wrote it, not 'strange'"):
            load("strange", weights=folder)

    def test_a_file_that_changed_since_is_refused_with_its_path(self, note, folder, stranger):
        note()
        (folder / "strange.encoder.onnx").write_bytes(b"something else")
        with pytest.raises(WeightsMismatchError, match=r"strange\.encoder\.onnx changed since the folder was written"):
            load("strange", weights=folder)
        assert stranger.requests == []

    def test_a_file_that_is_missing_is_named(self, note, folder, stranger):
        note()
        (folder / "strange.decoder.onnx").unlink()
        with pytest.raises(WeightsNotFoundError, match=r"strange\.decoder\.onnx"):
            load("strange", weights=folder)

    def test_another_engine_does_not_read_it(self, note, folder, stranger):
        note()
        with pytest.raises(WeightsNotFoundError, match=r"w\.bin"):
            load("strange", weights=folder, engine="two")


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

    def test_mini_sam_is_one_download_for_both_of_its_engines(self):
        onnx, torch = find_model("mini-sam").engines
        assert onnx.files == torch.files
        assert torch.checkpoint == "mobile_sam.pt"


class TestOptions:
    @pytest.fixture
    def requests(self, add_model):
        """The requests that model ``"m"``, with options ``cache`` and ``thread``, was loaded from."""
        requests = []
        add_model("m", "segmenter", lambda request: requests.append(request) or "the model", options={"cache": None, "thread": 1})
        return requests

    def test_options_that_are_not_given_have_their_defaults(self, requests):
        load("m", thread=2)
        assert requests[0].options == {"thread": 2, "cache": None}

    def test_an_unknown_option_names_the_nearest_and_nothing_is_loaded(self, requests):
        with pytest.raises(ConfigError, match=r"no option 'threads' \(options: cache, thread\). Did you mean 'thread'?"):
            load("m", threads=2)
        assert requests == []

    def test_an_unknown_option_is_refused_before_weights_are_fetched(self):
        with pytest.raises(ConfigError, match="no option 'thread'"):
            load("sam-vit-h", engine="onnx", thread=2)

    def test_a_backend_that_forwards_options_gets_those_that_it_does_not_declare(self, add_model):
        requests = []
        add_model("m", "video", lambda request: requests.append(request) or "the model", forwards_options=True, options={"segmenter": "x"})
        load("m", threads=2)
        assert requests[0].options == {"segmenter": "x", "threads": 2}


class TestTypedLoading:
    @pytest.fixture(autouse=True)
    def catalogued(self, add_model):
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
            "assert promptseg.list_models()\n"
            "print(*{'torch', 'onnxruntime', 'onnx', 'cv2', 'skimage', 'requests'} & set(sys.modules))\n"
            "print(*[name for name in sys.modules if name.startswith('promptseg.backends')])"
        )
        assert in_a_fresh_interpreter(code) == ""


def in_a_fresh_interpreter(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


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

    def test_a_detector_cannot_track(self):
        with pytest.raises(ConfigError, match=r"model 'yolov8n' with engine 'torch' is a detector, and cannot track"):
            registry.load_video("yolov8n")

    def test_a_tracker_that_does_not_exist_is_refused_with_those_that_do(self, made):
        with pytest.raises(ConfigError, match=r"'sam2' is no backend that tracks; these are: .*sam2_video"):
            registry.load_video("own", tracker="sam2")

    def test_every_tracker_that_a_backend_names_is_there(self):
        for backend in BUILT_IN:
            assert backend.video is None or registry.backends()[backend.video].kind == "video"
