"""Plans: the first models of an order that fit a budget, and a reason for each that does not."""

from dataclasses import replace

import pytest

import promptseg
from promptseg.errors import ConfigError
from promptseg.pipeline import plan as plans
from promptseg.pipeline.plan import Budget
from promptseg.registry.catalog import backends, list_models
from promptseg.registry.families import Ranking
from promptseg.registry.folders import needs_own_weights
from promptseg.runtime.host import processor_name, usable_processors
from promptseg.speed.figures import SpeedFigure, keep_figures


@pytest.fixture(autouse=True)
def catalog(monkeypatch, tmp_path, add_model):
    """A detector and three segmenters: large, medium and small."""
    monkeypatch.setenv("PROMPTSEG_HOME", str(tmp_path / "home"))
    for name, kind, terms, memory in (
        ("words", "detector", "MIT", 500),
        ("large", "segmenter", "Apache-2.0", 2000),
        ("medium", "segmenter", "AGPL-3.0", 800),
        ("small", "segmenter", "MIT", 100),
    ):
        add_model(name, kind, None, license=terms, requires=("no_such_torch",) if name == "large" else ())
        model = list_models()[name]
        monkeypatch.setitem(list_models(), name, replace(model, engines=(replace(model.engines[0], memory=memory),)))
    order = {"segment": Ranking("size", ("large", "medium", "small")), "text": Ranking("words", ("words",))}
    monkeypatch.setattr(plans, "rankings", lambda: order)


def measured(name, seconds):
    keep_figures(
        [
            SpeedFigure(
                name, "fake", "cpu", processor_name(), usable_processors(), (4, 4), {"load": 9.0, "encode": seconds}, "2026-11-29", "1"
            )
        ]
    )


def names(*given):
    return [stage.model.name for stage in promptseg.Pipeline.plan(*given).stages]


@pytest.mark.parametrize(
    ("budget", "chosen"),
    [
        ("", "large"),
        ("2 GB", "medium"),
        ("1 GiB", "medium"),
        ("0.5 GB", "small"),
        ("1 GB, permissive", "small"),
        ("1 GB, agpl-3.0", "medium"),
        ("installed", "medium"),
    ],
)
def test_the_first_that_fits_is_taken(budget, chosen):
    assert names(budget) == [chosen]


def test_what_was_passed_over_has_its_reason():
    found = promptseg.Pipeline.plan("1 GB, permissive")
    assert dict(found.passed_over) == {
        "large": "it takes 2,000 MiB, and the budget is 954 MiB",
        "medium": "its license is AGPL-3.0",
    }
    assert "not large: it takes 2,000 MiB" in str(found)
    assert "The order is by size." in str(found)


def test_the_reasons_against_the_engines_of_a_model_are_told_apart(monkeypatch):
    large = list_models()["large"]
    engines = (large.engines[0], replace(large.engines[0], name="lean", memory=1500), replace(large.engines[0], name="new", memory=None))
    monkeypatch.setitem(list_models(), "large", replace(large, engines=engines))
    over = dict(promptseg.Pipeline.plan("1 GB").passed_over)
    assert over["large"].startswith("engine fake: it takes 2,000 MiB, and the budget is 954 MiB; engine lean: it takes 1,500 MiB")
    assert "engine new: " in over["large"]


def test_the_models_of_a_pipeline_share_the_budget():
    assert names("2 GB", "text") == ["words", "medium"]
    assert names("1 GB", "text") == ["words", "small"]
    assert promptseg.Pipeline.plan("1 GB", "text").memory == 600
    with pytest.raises(ConfigError, match=r"words: with small, it takes 600 MiB, and the budget is 572 MiB"):
        promptseg.Pipeline.plan("600 MB", "text")


def test_a_time_is_that_of_the_benchmark():
    with pytest.raises(ConfigError, match="small: its speed is not known: promptseg bench small measures it"):
        promptseg.Pipeline.plan("1 s")
    measured("small", 0.5)
    measured("medium", 2.0)
    with pytest.raises(ConfigError, match=r"small: it takes 0\.5 s, and the budget is 0\.1 s"):
        promptseg.Pipeline.plan("100 ms")
    assert names("1 s") == ["small"]
    assert names("2500 ms") == ["medium"]
    assert promptseg.Pipeline.plan("1 s").seconds == 0.5


def test_a_time_of_the_catalog_is_scaled_by_that_of_the_default_model_here(monkeypatch):
    default = list_models()["mini-sam"]
    engines = (replace(default.engines[0], seconds=2.0), *default.engines[1:])
    monkeypatch.setitem(list_models(), "mini-sam", replace(default, engines=engines))
    large = list_models()["large"]
    monkeypatch.setitem(list_models(), "large", replace(large, engines=(replace(large.engines[0], seconds=6.0),)))
    assert promptseg.Pipeline.plan("10 s").seconds == 6
    keep_figures(
        [SpeedFigure("mini-sam", "onnx", "cpu", processor_name(), usable_processors(), (4, 4), {"encode": 1.0}, "2026-11-29", "1")]
    )
    (stage,) = promptseg.Pipeline.plan("4 s").stages
    assert (stage.model.name, stage.seconds, stage.measured) == ("large", 3, False)


def test_the_plan_is_a_pipeline():
    assert promptseg.Pipeline.plan("1 GB", "text").pipeline().to_config() == {"detect": {"model": "words"}, "segment": {"model": "small"}}


@pytest.mark.parametrize("text", ["no torch", "without torch", "No-Torch"])
def test_a_model_without_torch_is_found(text, monkeypatch):
    for name in ("large", "medium"):
        backend = backends()[f"{name} backend"]
        monkeypatch.setitem(backends(), backend.name, replace(backend, requires=("torch",)))
    assert names(text) == ["small"]


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), (".5 s", 0.5), ("250 MS", 0.25), ("2 sec", 2), ("1 second", 1), ("3 seconds", 3)])
def test_a_time_may_be_written_in_several_ways(text, seconds):
    assert Budget.parse(text).seconds == seconds


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ("2 tons", "'2 tons' is not a part of a budget"),
        ("2 GB, 3 GB", "one amount of memory"),
        ("permissve", "is not a part of a budget"),
        ("GPL-3.0", r"a license of the catalog \(AGPL-3.0, Apache-2.0, .*MIT\)"),
        (3, "a budget is text"),
        ("-1 s", "is not a part of a budget"),
        ("0 GB", "an amount of memory above 0, got '0 GB'"),
        ("0.0 seconds", "an amount of seconds above 0"),
    ],
)
def test_what_is_no_budget_is_refused(budget, message):
    with pytest.raises(ConfigError, match=message):
        promptseg.Pipeline.plan(budget)


def test_an_unknown_task_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="there is no task 'words': expected segment, text"):
        promptseg.Pipeline.plan("", "words")


def test_a_budget_may_be_a_value():
    assert Budget.parse("2 gb, 1500ms, Permissive, no torch, installed") == Budget(2e9 / 2**20, 1.5, plans.PERMISSIVE, False, True)
    assert plans.plan(Budget(memory=150)).stages[0].model.name == "small"


@pytest.mark.parametrize("task", plans.TASKS)
def test_the_catalog_itself_has_a_permissive_model_for_each_task(task, monkeypatch):
    monkeypatch.undo()
    assert promptseg.Pipeline.plan("permissive", task).pipeline().build


@pytest.mark.parametrize("task", plans.TASKS)
def test_the_catalog_itself_has_a_permissive_model_for_each_task_in_two_gigabytes(task, monkeypatch):
    monkeypatch.undo()
    found = promptseg.Pipeline.plan("2 GB, permissive", task)
    assert found.memory is not None
    assert 0 < found.memory <= 2e9 / 2**20


def test_an_engine_without_published_weights_is_not_planned(monkeypatch):
    monkeypatch.undo()
    detector = promptseg.Pipeline.plan("no torch", "classes").stages[0]
    assert (detector.model.name, detector.engine.name) == ("rf-detr-base", "onnx")
    assert not needs_own_weights(detector.engine, backends()[detector.engine.backend])
    assert needs_own_weights(list_models()["rf-detr-large"].engine("onnx"), backends()["onnx_detector"])


def test_an_engine_for_images_alone_is_not_planned_for_videos_in_the_place_of_the_tracker(monkeypatch):
    monkeypatch.undo()
    found = promptseg.Pipeline.plan("no torch", "video")
    assert [stage.model.name for stage in found.stages] == ["mini-sam"]
    assert dict(found.passed_over)["sam3-tracker"] == "engine transformers: it needs torch; engine onnx is for images only"


def test_where_memory_is_not_known_a_budget_without_it_is_named(monkeypatch):
    for name in ("large", "medium", "small"):
        model = list_models()[name]
        monkeypatch.setitem(list_models(), name, replace(model, engines=(replace(model.engines[0], memory=None),)))
    with pytest.raises(ConfigError, match="small: its memory is not known\nWithout an amount of memory in the budget, models"):
        promptseg.Pipeline.plan("4 GB")
