"""Commands on models that are named by a folder of the Hugging Face hub, or by a path."""

import json
import sys
import types
from pathlib import Path

import pytest

from entry_points import Point
from promptseg.registry import BackendSpec, FolderSpec
from promptseg.testing import FakeDetector, FakeSegmenter

FILES = {"config.json": b'{"model_type": "strange"}', "model.safetensors": b"tensors " * 300, "README.md": b"---\nlicense: mit\n---\n"}


@pytest.fixture
def repository(hub, installed, monkeypatch):
    """The repository ``owner/cutter`` of a segmenter, and ``owner/finder`` of a detector, which answer with geometry."""
    module = types.ModuleType("stranger")
    module.segment, module.detect = lambda _: FakeSegmenter(), lambda _: FakeDetector({"dog": (5, 5, 20, 20)})
    monkeypatch.setitem(sys.modules, "stranger", module)
    accepts = frozenset({"point", "box", "mask", "everything"})
    cutter, finder = ((FolderSpec("v", frozenset({kind})),) for kind in ("strange", "f"))
    installed(
        Point("cuts", BackendSpec("cuts", "segmenter", "stranger:segment", accepts, folders=cutter)),
        Point("finds", BackendSpec("finds", "detector", "stranger:detect", frozenset({"text"}), folders=finder)),
    )
    hub.add("owner/finder", {**FILES, "config.json": b'{"model_type": "f"}'})
    return hub.add("owner/cutter", FILES)


def test_a_folder_of_the_hub_stands_wherever_a_model_does(repository, run, save_image):
    words = ("--model", "hf:owner/cutter@main", "--detector", "hf:owner/finder", "--text", "dog", "--json")
    result = run("segment", save_image("a.png"), *words)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["masks"][0]["label"] == "dog"


def test_a_folder_of_the_hub_stands_in_a_pipeline_file(repository, run, save_image, tmp_path):
    (tmp_path / "pipeline.yaml").write_text("segment:\n  model: hf:owner/cutter\n  fallback: [mini-sam]\nlicenses: permissive\n")
    result = run("segment", save_image("a.png"), "--config", "pipeline.yaml", "--box", "5,5,20,20", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["masks"][0]["box"] == [5, 5, 20, 20]


def test_so_does_a_path(repository, run, save_image, tmp_path):
    (tmp_path / "mine").mkdir()
    for name, content in FILES.items():
        (tmp_path / "mine" / name).write_bytes(content)
    result = run("segment", save_image("a.png"), "--model", "mine", "--box", "5,5,20,20", "--json")
    assert json.loads(result.stdout)["masks"][0]["box"] == [5, 5, 20, 20]


def test_weights_are_fetched_verified_and_found_by_that_name(repository, run):
    commit = repository.refs["main"]
    assert [line.split()[0] for line in run("weights", "fetch", "hf:owner/cutter").stdout.splitlines()] == [
        "config.json",
        "model.safetensors",
    ]
    folder = run("weights", "path", "hf:owner/cutter").stdout.strip()
    assert folder.endswith(commit)
    assert run("weights", "verify", "hf:owner/cutter").stdout == "config.json  ok\nmodel.safetensors  ok\n"
    (tensors,) = (path for path in Path(folder).iterdir() if path.name == "model.safetensors")
    tensors.write_bytes(b"other   " * 300)
    result = run("weights", "verify", "hf:owner/cutter")
    assert result.exit_code == 1
    assert "model.safetensors  damaged, and removed" in result.stdout
    assert "model.safetensors  absent" in run("weights", "verify", "hf:owner/cutter").stdout


def test_what_is_wrong_is_a_message(repository, run, save_image):
    result = run("segment", save_image("a.png"), "--model", "hf:cutter", "--box", "5,5,20,20")
    assert result.exit_code == 2
    assert "hf:OWNER/NAME" in result.stderr
    assert "Traceback" not in result.stderr
