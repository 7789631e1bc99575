"""``promptseg models``."""

import dataclasses
import hashlib
import json
import re

import pytest

from promptseg import registry
from promptseg.weights.store import WeightFile, weights_folder


def rows(run):
    result = run("models", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)["models"]


def test_every_engine_of_every_model_is_listed_once(run):
    listed = [(row["model"], row["engine"]) for row in rows(run)]
    assert sorted(listed) == sorted((model.name, engine.name) for model in registry.list_models().values() for engine in model.engines)
    assert listed[0] == ("mini-sam", "onnx")


def test_a_row_says_what_one_needs_to_know_before_choosing(run):
    (row,) = (row for row in rows(run) if (row["model"], row["engine"]) == ("mini-sam", "onnx"))
    assert row["license"] == "MIT"
    assert row["backend"] == "onnx_sam"
    assert row["bytes"] == 28085517 + 16501766
    assert row["summary"]
    assert row["status"] == "fetched at first use"


def test_weights_that_cannot_be_fetched_have_to_be_given(run, add_model, monkeypatch):
    add_model("cutter", "segmenter", None)
    engine = registry.Engine("fake", registry.list_models()["cutter"].engines[0].backend, "", (WeightFile("w.bin", "0" * 64, ()),))
    monkeypatch.setitem(registry.list_models(), "cutter", registry.ModelSpec("cutter", "For a test", "MIT", (engine,)))
    (row,) = (row for row in rows(run) if row["model"] == "cutter")
    assert row["status"] == "needs weights of your own: cutter=PATH"


def test_the_memory_that_a_model_needs_is_null_where_it_was_not_measured(run):
    memory = {(row["model"], row["engine"]): row["memory_mib"] for row in rows(run)}
    assert memory["sam-vit-b", "torch"] == registry.find_model("sam-vit-b").engine("torch").memory
    assert memory["onnx-sam", "onnx"] is None


def test_a_model_that_runs_ones_own_weights_alone_is_never_ready(run):
    statuses = {row["engine"]: row["status"] for row in rows(run) if row["model"] == "yolo"}
    assert statuses["onnx"] == "needs weights of your own: yolo=PATH"
    assert statuses["torch"] != "ready"


def test_the_list_says_plainly_what_the_agpl_asks(run):
    printed = run("models").stdout
    assert "yolo11n" in printed
    assert "AGPL-3.0 requires that a program that uses such a model" in printed


def test_the_size_is_null_where_it_is_not_published(run, add_model):
    add_model("cutter", "segmenter", None)
    (row,) = (row for row in rows(run) if row["model"] == "cutter")
    assert row["bytes"] is None


def test_a_model_is_ready_when_its_weights_are_here_and_right(run, add_model, monkeypatch):
    add_model("cutter", "segmenter", None)
    spec = registry.list_models()["cutter"]
    files = (WeightFile("w.bin", hashlib.sha256(b"weights").hexdigest(), ("file:/somewhere/w.bin",)),)
    engine = registry.Engine("fake", spec.engines[0].backend, "", files)
    monkeypatch.setitem(registry.list_models(), "cutter", registry.ModelSpec("cutter", "For a test", "MIT", (engine,)))

    def status():
        return next(row["status"] for row in rows(run) if row["model"] == "cutter")

    assert status() == "fetched at first use"
    weights_folder("cutter").mkdir(parents=True)
    (weights_folder("cutter") / "w.bin").write_bytes(b"weighty")
    assert status() == "fetched at first use"
    (weights_folder("cutter") / "w.bin").write_bytes(b"weights")
    assert status() == "ready"


def test_what_is_missing_is_said_with_how_to_install_it(run, monkeypatch):
    backend = registry.BackendSpec("lacking", "segmenter", "nowhere:load", requires=("no_such_module",), install="pip install it")
    monkeypatch.setitem(registry.backends(), "lacking", backend)
    for name, of in (("one", "lacking"), ("other", "of a later version")):
        model = registry.ModelSpec(name, "For a test", "MIT", (registry.Engine("fake", of, ""),))
        monkeypatch.setitem(registry.list_models(), name, model)
    status = {row["model"]: row["status"] for row in rows(run)}
    assert status["one"] == "needs no_such_module: pip install it"
    assert "this version" in status["other"]


@pytest.fixture
def all_installed(monkeypatch):
    """The packages of all models, as far as the list of models can see."""
    monkeypatch.setattr("promptseg.registry.spec.BackendSpec.missing", lambda _: ())


@pytest.mark.usefixtures("all_installed")
def test_people_get_a_table_by_family(run):
    result = run("models")
    assert result.exit_code == 0
    head, _, family, _, *lines = result.stdout.splitlines()
    assert head.split() == ["model", "engine", "license", "weights", "memory", "image", "state"]
    assert family == "mini-sam: masks on a CPU right after installation: the default"
    assert any(line.split()[:3] == ["mini-sam", "onnx", "MIT"] for line in lines)
    assert all(name in result.stdout for name in registry.list_models())


@pytest.mark.parametrize("columns", [72, 80, 100, 140])
def test_the_table_is_as_wide_as_the_terminal_and_leaves_nothing_out(columns, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    printed = run("models").stdout
    lines = printed.splitlines()
    assert max(map(len, lines)) <= columns
    assert all(f"  {name}" in printed for name in registry.list_models())
    assert {"AGPL-3.0", "MIT", "LicenseRef-SAM"} <= set(re.split(r"[\s.;]+(?!0)", printed))
    (row,) = (line for line in lines if line.split()[:1] == ["isnet-general-use"])
    assert "179 MB" in row
    assert row.endswith("  fetch")


def test_a_license_that_has_no_column_is_said_for_the_family_and_for_models_with_another(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "72")
    printed = " ".join(run("models", "salient objects").stdout.split())
    assert "License: Apache-2.0; of birefnet-general-lite, birefnet-general: MIT; of salient: unknown." in printed


def test_a_name_that_is_too_long_for_its_column_has_a_line_of_its_own(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    model = dataclasses.replace(registry.list_models()["mini-sam"], name="a-name-" + "so-long-" * 5)
    monkeypatch.setitem(registry.list_models(), model.name, model)
    lines = run("models").stdout.splitlines()
    at = lines.index(f"  {model.name}")
    assert lines[at + 1].split()[0] == "onnx"


def test_words_for_states_are_explained_where_they_occur(run):
    assert "own: runs weights of your own: NAME=PATH." in run("models").stdout
    assert "own:" not in run("models", "SAM-HQ").stdout


def test_what_needs_no_prompt_is_said_to_take_none(run):
    assert "Takes no prompt." in run("models", "salient objects").stdout
    assert "Takes no prompt." in run("models", "isnet-general-use").stdout
    assert next(row for row in rows(run) if row["model"] == "u2net")["prompts"] == []


@pytest.mark.usefixtures("all_installed")
def test_a_family_that_is_asked_for_is_a_table_and_a_model_is_described(run):
    printed = run("models", "mini-sam", "owlv2").stdout
    names = {line.split()[0] for line in printed.splitlines() if line.startswith("  ")}
    assert {"onnx", "torch", "owlv2-base", "owlv2-large"} <= names
    assert "sam-vit-h" not in printed
    assert "mini-sam: MobileSAM's architecture" in printed
    assert "Takes point, box, mask, everything. License: MIT. Family: mini-sam." in printed
    assert len([line for line in printed.splitlines() if line.endswith("  fetched at first use")]) == 2
    done = run("models", "mini-sum")
    assert done.exit_code == 2
    assert "mini-sam" in done.stderr


@pytest.mark.usefixtures("all_installed")
def test_a_long_state_of_a_model_stays_within_the_terminal(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("models", "sam3").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1].strip() == "https://huggingface.co/facebook/sam3"


def test_a_row_says_where_the_model_runs(run):
    devices = {(row["model"], row["engine"]): (row["family"], row["devices"]) for row in rows(run)}
    assert devices["mini-sam", "onnx"] == ("mini-sam", ["cpu", "cuda"])
    assert devices["sam-vit-b", "torch"] == ("SAM", ["cpu", "cuda", "mps"])
    assert devices["superpixel", "scikit-image"][1] == ["cpu"]


def test_the_folders_that_are_recognized_are_listed(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("models", "--folders").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "owlv2              owlv2; model.safetensors" in lines
    folders = json.loads(run("models", "--folders", "--json").stdout)["folders"]
    assert {"backend": "owlv2", "types": ["owlv2"], "files": ["model.safetensors"]} in folders
    assert run("models", "mini-sam", "--folders").exit_code == 2
