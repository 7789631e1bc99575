"""``promptseg bench`` and ``promptseg plan``."""

import json

import promptseg
from promptseg.testing import FakeDetector, FakeSegmenter


def test_models_are_timed_and_the_list_of_models_has_the_figures(run, add_model):
    add_model("cutter", "segmenter", lambda _: FakeSegmenter(), accepts=frozenset({"point", "everything"}))
    add_model("finder", "detector", lambda _: FakeDetector({}), accepts=frozenset({"text"}))
    done = run("bench", "cutter", "finder", "--rounds", "1")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["model", "engine", "device", "load", "encode", "prompt", "everything", "detect"]
    listed = {row["model"]: row["seconds"] for row in json.loads(run("models", "--json").stdout)["models"]}
    assert listed["cutter"] >= 0
    assert listed["mini-sam"] is None


def test_json_has_every_step(run, add_model, save_image):
    add_model("cutter", "segmenter", lambda _: FakeSegmenter(), accepts=frozenset({"point", "everything"}))
    done = run("bench", "cutter", "--rounds", "1", "--no-everything", "--image", save_image("a.png"), "--json")
    (figure,) = json.loads(done.stdout)["figures"]
    assert [*figure["seconds"]] == ["load", "encode", "prompt"]
    assert figure["size"] == [60, 80]


def test_nothing_is_timed_if_a_name_is_wrong(run, add_model):
    loaded = []
    add_model("cutter", "segmenter", lambda _: loaded.append("cutter"))
    done = run("bench", "cutter", "cuter")
    assert done.exit_code == 2
    assert "there is no model 'cuter'. Did you mean 'cutter'" in done.stderr
    assert loaded == []


def test_no_rounds_are_wrong_usage(run):
    done = run("bench", "mini-sam", "--rounds", "0")
    assert done.exit_code == 2
    assert "--rounds is at least 1, got 0" in done.stderr


def test_a_plan_is_printed_and_written(run):
    done = run("plan", "permissive", "--task", "text", "--out", "p.yaml")
    assert done.exit_code == 0, done.stderr
    first, second, *_ = done.stdout.splitlines()
    assert first.startswith("detect ")
    assert second.startswith("segment ")
    written = json.loads(run("plan", "permissive", "--task", "text", "--json").stdout)
    assert [stage["stage"] for stage in written["stages"]] == ["detect", "segment"]
    assert promptseg.Pipeline.from_config("p.yaml").to_config() == written["config"]


def test_a_budget_that_nothing_fits_is_an_error_with_the_reasons(run):
    done = run("plan", "1 MB")
    assert done.exit_code == 2
    assert "mini-sam: " in done.stderr
