"""A fallback chain at work: which model is loaded when, which warnings are given, and threads that fail together."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from promptseg.errors import OutOfMemoryError, WeightsOfflineError
from promptseg.prompts import Prompt
from promptseg.protocols import BatchSegmenter
from promptseg.registry.fallback import FallbackChain, FallbackSegmenter
from promptseg.testing import FakeSegmenter

IMAGE = np.zeros((40, 60, 3), np.uint8)


class Model:
    """A fake segmenter with a name, which runs out of memory on images of more than `most` pixels."""

    accepts = FakeSegmenter().accepts

    def __init__(self, name, most=None, failed=(), cache="its own"):
        self.most, self.cache = most, cache
        self.provenance = replace(FakeSegmenter().provenance, model=name, fallback_from=failed)

    def with_cache(self, cache):
        return Model(self.provenance.model, self.most, self.provenance.fallback_from, cache)

    def open(self, image):
        if self.most is not None and image.shape[0] * image.shape[1] > self.most:
            raise OutOfMemoryError(f"{self.provenance.model} holds {self.most} pixels")
        session = FakeSegmenter(provenance=self.provenance).open(image)
        return replace(session, timings={f"cache {self.cache}": 0.0})


class Loaders(dict):
    """Loaders of a fallback chain, which record the models that they load.

    Each model is given as its ``most`` pixels, or as an error to raise at loading.
    """

    def __init__(self, **models):
        self.loaded, self.most = [], models
        super().__init__({name: self.loader(name) for name in models})

    def loader(self, name):
        def load(failed):
            self.loaded.append(name)
            if isinstance(self.most[name], Exception):
                raise self.most[name]
            return Model(name, self.most[name], failed)

        return load


def steps(*failed):
    """Expect one warning for each of these steps, given as ``"from to"``, and no other."""
    return Steps([tuple(step.split()) for step in failed])


class Steps:
    def __init__(self, expected):
        self.expected, self.caught = expected, pytest.warns(RuntimeWarning)

    def __enter__(self):
        self.warnings = self.caught.__enter__()

    def __exit__(self, *failure):
        self.caught.__exit__(*failure)
        messages = [str(warning.message).split(": ")[0] for warning in self.warnings]
        assert messages == [f"{failed} does not fit into memory, going on with {following}" for failed, following in self.expected]


def test_if_the_first_model_fits_no_other_is_loaded_and_there_is_no_warning():
    loaders = Loaders(large=None, small=None)
    segmenter = FallbackSegmenter(FallbackChain(loaders))
    assert segmenter.open(IMAGE).size == (40, 60)
    assert loaders.loaded == ["large"]
    assert (segmenter.provenance.model, segmenter.provenance.fallback_from) == ("large", ())


def test_a_model_that_cannot_be_loaded_is_skipped():
    loaders = Loaders(large=OutOfMemoryError("9 GB"), middle=OutOfMemoryError("5 GB"), small=None)
    with steps("large middle", "middle small"):
        segmenter = FallbackSegmenter(FallbackChain(loaders))
    assert loaders.loaded == ["large", "middle", "small"]
    assert (segmenter.provenance.model, segmenter.provenance.fallback_from) == ("small", ("large", "middle"))


def test_an_image_that_does_not_fit_is_opened_by_the_next_model():
    segmenter = FallbackSegmenter(FallbackChain(Loaders(large=1000, small=None)))
    with steps("large small"):
        session = segmenter.open(IMAGE)
    assert session.segment([Prompt.box(10, 10, 30, 30)])[0].box.tolist() == [10, 10, 30, 30]
    assert (segmenter.provenance.model, segmenter.provenance.fallback_from) == ("small", ("large",))


def test_the_warning_has_the_reason():
    with pytest.warns(RuntimeWarning, match="large does not fit into memory, going on with small: large holds 1000 pixels"):
        FallbackSegmenter(FallbackChain(Loaders(large=1000, small=None))).open(IMAGE)


def test_later_images_stay_with_the_model_that_was_reached():
    loaders = Loaders(large=1000, small=None)
    segmenter = FallbackSegmenter(FallbackChain(loaders))
    with steps("large small"):
        segmenter.open(IMAGE)
    segmenter.open(IMAGE[:10, :10])
    assert loaders.loaded == ["large", "small"]
    assert segmenter.provenance.model == "small"


def test_a_result_names_the_model_that_opened_its_image():
    segmenter = FallbackSegmenter(FallbackChain(Loaders(large=1000, small=None)))
    assert segmenter.open(IMAGE[:10, :10]).provenance.model == "large"
    with steps("large small"):
        assert segmenter.open(IMAGE).provenance.fallback_from == ("large",)


def test_an_open_file_reaches_every_model(tmp_path):
    from PIL import Image

    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    segmenter = FallbackSegmenter(FallbackChain(Loaders(large=0, middle=0, small=None)))
    with steps("large middle", "middle small"), (tmp_path / "a.png").open("rb") as file:
        assert segmenter.open(file).size == (40, 60)


def test_it_does_not_encode_several_images_together_which_may_not_fit_where_one_does():
    assert not isinstance(FallbackSegmenter(FallbackChain(Loaders(large=None))), BatchSegmenter)


@pytest.mark.parametrize("models", [{"large": 0, "small": OutOfMemoryError("small takes 3 GB")}, {"large": 0, "small": 1}])
def test_if_no_model_fits_the_error_has_each_with_its_reason(models):
    segmenter = FallbackSegmenter(FallbackChain(Loaders(**models)))
    with steps("large small"), pytest.raises(OutOfMemoryError) as caught:
        segmenter.open(IMAGE)
    first, *reasons = str(caught.value).splitlines()
    assert first == "no model of the fallback chain fits into memory:"
    assert reasons[0] == "  large: large holds 0 pixels"
    assert reasons[1].startswith("  small: small ")


def test_if_no_model_can_be_loaded_the_error_is_raised_at_once():
    with steps("large small"), pytest.raises(OutOfMemoryError, match=r"(?s)large: 9 GB.*small: 5 GB"):
        FallbackSegmenter(FallbackChain(Loaders(large=OutOfMemoryError("9 GB"), small=OutOfMemoryError("5 GB"))))


def test_the_last_model_works_again_when_an_image_fits():
    segmenter = FallbackSegmenter(FallbackChain(Loaders(large=0, small=1000)))
    with steps("large small"), pytest.raises(OutOfMemoryError):
        segmenter.open(IMAGE)
    assert segmenter.open(IMAGE[:10, :10]).size == (10, 10)


def test_the_last_model_is_loaded_anew_when_it_could_not_be():
    loaders = Loaders(large=0, small=OutOfMemoryError("5 GB"))
    segmenter = FallbackSegmenter(FallbackChain(loaders))
    with steps("large small"), pytest.raises(OutOfMemoryError):
        segmenter.open(IMAGE)
    loaders.most["small"] = None
    assert segmenter.open(IMAGE).size == (40, 60)
    assert loaders.loaded == ["large", "small", "small"]


def test_after_another_error_the_next_call_tries_the_same_model():
    loaders = Loaders(large=0, middle=WeightsOfflineError("not here"), small=None)
    segmenter = FallbackSegmenter(FallbackChain(loaders))
    with steps("large middle"), pytest.raises(WeightsOfflineError):
        segmenter.open(IMAGE)
    loaders.most["middle"] = None
    segmenter.open(IMAGE)
    assert segmenter.provenance.model == "middle"


def test_a_warning_that_is_made_an_error_leaves_a_chain_that_works():
    segmenter = FallbackSegmenter(FallbackChain(Loaders(large=0, small=None)))
    with pytest.raises(RuntimeWarning):  # pytest is set up to raise warnings.
        segmenter.open(IMAGE)
    assert segmenter.open(IMAGE).size == (40, 60)


def test_a_model_is_gone_before_the_next_is_loaded():
    alive = []

    def small(failed):
        gc.collect()
        alive.append(first() is not None)
        return Model("small", failed=failed)

    segmenter = FallbackSegmenter(FallbackChain({"large": lambda _: Model("large", 0), "small": small}))
    first = weakref.ref(segmenter._chain._link.segmenter)
    with steps("large small"):
        segmenter.open(IMAGE)
    assert alive == [False]


def test_with_cache_makes_a_new_segmenter_and_holds_for_every_model_of_the_chain():
    loaders = Loaders(large=1000, small=None)
    segmenter = FallbackSegmenter(FallbackChain(loaders))
    other = segmenter.with_cache("other")
    assert list(other.open(IMAGE[:10, :10]).timings) == ["cache other"]
    assert list(segmenter.open(IMAGE[:10, :10]).timings) == ["cache its own"]
    with steps("large small"):
        assert list(other.open(IMAGE).timings) == ["cache other"]
    assert list(segmenter.open(IMAGE).timings) == ["cache its own"]
    assert loaders.loaded == ["large", "small"]
    assert other.provenance.fallback_from == ("large",)


def test_threads_that_fail_together_go_on_to_the_next_model_once():
    together = threading.Barrier(8)

    class Crowded(Model):
        def open(self, image):
            together.wait()
            raise OutOfMemoryError("eight at once")

    loaded = []

    def small(failed):
        loaded.append("small")
        return Model("small", failed=failed)

    segmenter = FallbackSegmenter(
        FallbackChain({"large": lambda _: Crowded("large"), "small": small, "tiny": lambda _: pytest.fail("one step too far")})
    )
    with steps("large small"), ThreadPoolExecutor(8) as pool:
        provenances = list(pool.map(lambda _: segmenter.open(IMAGE).provenance, range(8)))
    assert loaded == ["small"]
    assert {(of.model, of.fallback_from) for of in provenances} == {("small", ("large",))}
