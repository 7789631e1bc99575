"""`bench` times the steps of each kind of model, and keeps the figures."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from promptseg.errors import ConfigError, InputError
from promptseg.registry import list_models
from promptseg.speed import bench, measuring
from promptseg.speed.figures import read_figures
from promptseg.testing import FakeConceptSegmenter, FakeDetector, FakeSegmenter


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("PROMPTSEG_HOME", str(tmp_path / "home"))


class Features:
    provenance = FakeSegmenter().provenance

    def features(self, image):
        return np.zeros((4, 4, 8), np.float32)


@pytest.mark.parametrize(
    ("kind", "model", "accepts", "steps"),
    [
        ("segmenter", FakeSegmenter(), {"point", "everything"}, ["load", "encode", "prompt", "everything"]),
        ("detector", FakeDetector({}), {"text"}, ["load", "detect"]),
        ("concept", FakeConceptSegmenter(), {"text", "example"}, ["load", "find"]),
        ("features", Features(), set(), ["load", "features"]),
    ],
)
def test_each_kind_of_model_has_its_steps(add_model, kind, model, accepts, steps):
    add_model("one", kind, lambda _: model, accepts=frozenset(accepts))
    figure = bench("one", rounds=1)
    assert [*figure.seconds] == steps
    assert all(seconds >= 0 for seconds in figure.seconds.values())
    assert (figure.model, figure.engine, figure.size) == ("one", "fake", (400, 600))
    assert read_figures() == (figure,)


def test_the_median_of_the_rounds_after_a_warm_up_counts(add_model, monkeypatch):
    ticks = itertools.accumulate(itertools.chain([0, 5], *([0, each] for each in (3, 1, 2))))
    add_model("one", "detector", lambda _: FakeDetector({}), accepts=frozenset({"text"}))
    monkeypatch.setattr(measuring, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    assert bench("one", rounds=3).seconds == {"load": 5.0, "detect": 2.0}


def test_everything_mode_can_be_left_out(add_model):
    add_model("one", "segmenter", lambda _: FakeSegmenter(), accepts=frozenset({"point", "everything"}))
    assert "everything" not in bench("one", rounds=1, everything=False).seconds


def test_figures_with_options_are_those_of_another_model_and_not_kept(add_model):
    add_model("one", "segmenter", lambda _: FakeSegmenter(), accepts=frozenset({"point"}), options={"threads": None})
    bench("one", rounds=1, threads=1)
    bench("one", rounds=1, keep=False)
    assert read_figures() == ()


def test_figures_of_your_own_weights_are_not_those_of_the_model(add_model, monkeypatch, tmp_path):
    (tmp_path / "w.bin").write_bytes(b"weights")
    add_model("one", "segmenter", lambda _: FakeSegmenter(), accepts=frozenset({"point"}))
    model = list_models()["one"]
    monkeypatch.setitem(list_models(), "one", replace(model, engines=(replace(model.engines[0], checkpoint="w.bin"),)))
    assert bench("one", weights=tmp_path / "w.bin", rounds=1).model == "one"
    assert read_figures() == ()


def test_what_cannot_be_timed_is_refused(add_model):
    add_model("tracker", "video", lambda _: None)
    with pytest.raises(ConfigError, match="'tracker' is a video model, and what is timed are segmenters"):
        bench("tracker")
    with pytest.raises(ConfigError, match="rounds"):
        bench("tracker", rounds=0)
    with pytest.raises(InputError):
        bench("tracker", image="absent.png")
