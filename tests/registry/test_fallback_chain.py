"""Resolution of a fallback chain, and loading it."""

import pytest

from promptseg import registry
from promptseg.errors import (
    ConfigError,
    IncompatibleStagesError,
    MissingDependencyError,
    OutOfMemoryError,
    UnknownModelError,
    WeightsNotFoundError,
)
from promptseg.registry import Engine, ModelSpec, load
from promptseg.registry.fallback import fallback_chain
from promptseg.testing import FakeSegmenter


class TestFallbackChain:
    """Models that replace one another if one does not fit into memory."""

    def chain(self, name, *fallback):
        return [choice.model.name for choice in fallback_chain(registry.choose(name), fallback)]

    def test_it_has_the_models_in_their_order(self):
        assert self.chain("sam-vit-h", "sam-vit-l", "mobile-sam") == ["sam-vit-h", "sam-vit-l", "mobile-sam"]

    def test_a_model_with_weights_of_its_own_is_for_the_engine_that_reads_them(self, tmp_path):
        (tmp_path / "mini.pt").touch()
        _, choice = fallback_chain(registry.choose("sam-vit-h"), [f"mini-sam={tmp_path / 'mini.pt'}"])
        assert (choice.engine.name, choice.weights) == ("torch", tmp_path / "mini.pt")

    @pytest.mark.parametrize("fallback", [["sam-vit-h"], ["sam-vit-l", "sam-vit-l"], ["sam-vit-l", "sam-vit-h=other.pth"]])
    def test_a_model_that_is_named_twice_is_refused_with_the_order(self, fallback):
        with pytest.raises(ConfigError, match=r"is twice in the fallback chain sam-vit-h → sam-vit-"):
            self.chain("sam-vit-h", *fallback)

    def test_one_that_is_no_segmenter_is_refused(self, add_model):
        add_model("finder", "detector", None)
        for names in (("sam-vit-h", "finder"), ("finder", "sam-vit-h")):
            with pytest.raises(IncompatibleStagesError, match="'finder' is a detector, and a fallback chain takes segmenters only"):
                self.chain(*names)

    def test_one_that_does_not_exist_is_refused_with_the_nearest(self):
        with pytest.raises(UnknownModelError, match=r"no model 'sam-vit-m'\. Did you mean 'sam-vit-"):
            self.chain("sam-vit-h", "sam-vit-m")

    def test_one_that_this_version_cannot_run_is_refused(self, monkeypatch):
        later = ModelSpec("later", "For a test", "MIT", (Engine("torch", "sam9", "t"),))
        monkeypatch.setitem(registry.list_models(), "later", later)
        with pytest.raises(ConfigError, match="'later' needs backend 'sam9', which this version does not have"):
            self.chain("sam-vit-h", "later")

    def test_weights_that_are_not_there_are_named(self):
        with pytest.raises(WeightsNotFoundError, match=r"no weights file absent\.pth for model 'sam-vit-b'"):
            self.chain("sam-vit-h", "sam-vit-b=absent.pth")

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
