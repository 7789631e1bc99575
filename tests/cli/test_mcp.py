"""``promptseg mcp``: its options reach the server."""

import sys
from types import SimpleNamespace

import pytest
from PIL import Image

from promptseg.cli import mcp as command
from promptseg.testing import FakeDetector, FakeSegmenter


@pytest.fixture
def served(run, monkeypatch, tmp_path, add_model):
    """Run the command with a stand-in for the server: ``served("--model", "fake")`` has the workbench and what was told."""
    made = []

    def make_server(workbench, in_use):
        made.append((workbench, in_use))
        return SimpleNamespace(run=lambda transport: None)

    monkeypatch.setitem(sys.modules, "promptseg.assistants.server", SimpleNamespace(make_server=make_server))
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (20, 10)).save("a.png")
    for name in ("fake", "other"):
        add_model(name, "segmenter", lambda request: made.append(request) or FakeSegmenter())
    add_model("find", "detector", lambda _: FakeDetector({"dog": (1, 1, 9, 9)}))

    def serve(*words):
        made.clear()
        done = run("mcp", *words)
        assert done.exit_code == 0, done.stderr
        (workbench, in_use), told = made[0], done.stderr
        return SimpleNamespace(workbench=workbench, in_use=in_use, told=told, stdout=done.stdout)

    return serve


def test_the_current_folder_and_the_default_model_are_used_unless_told_otherwise(served, tmp_path):
    plain = served()
    assert plain.workbench.folders.roots == (tmp_path.resolve(),)
    assert plain.in_use == {"segment": "mini-sam"}
    assert plain.stdout == ""  # It belongs to the protocol.
    assert "segment mini-sam" in plain.told


def test_the_models_are_those_of_the_options(served, tmp_path):
    assert served("--model", "other", "--detector", "find").in_use == {"detect": "find", "segment": "other"}
    (tmp_path / "p.toml").write_text('[segment]\nmodel = "fake"\n')
    assert served("--config", "p.toml").in_use == {"segment": "fake"}
    bench = served("--model", "fake", "--detector", "find", "--threshold", "0.95").workbench
    image_id = bench.open_image("a.png").image_id
    assert bench.count_objects(bench.segment_text(image_id, ["dog"]).result_id).counts == {"dog": 0}
    assert served("--model", "fake", "--concept", "exemplar").in_use == {"segment": "fake", "concept": "exemplar"}


def test_the_folders_are_those_that_are_allowed(served, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert served("--allow", "one", "--allow", "two").workbench.folders.roots == tuple(tmp_path.resolve() / name for name in ("one", "two"))


def test_the_device_and_the_cache_reach_the_pipeline(served, monkeypatch):
    built = []
    monkeypatch.setattr(command, "build", lambda pipeline, device, no_cache: built.append((device, no_cache)) or pipeline)
    for words in ((), ("--device", "cuda", "--no-cache")):
        assert served("--model", "fake", *words).workbench.pipeline
    assert built == [(None, False), ("cuda", True)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--allow", "absent"), "a folder to allow is a folder that exists, got 'absent'"),
        (("--model", "mini-smo"), "Did you mean 'mini-sam'"),
        (("--config", "p.toml", "--detector", "d"), "--config names the models"),
    ],
)
def test_wrong_usage_is_told_before_the_server_starts(run, words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("mcp", *words)
    assert done.exit_code == 2
    assert told in done.stderr


def test_the_missing_package_is_named_with_what_to_install(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "promptseg.assistants.server", None)
    done = run("mcp")
    assert done.exit_code == 1
    assert "needs package mcp" in done.stderr
    assert "[mcp]" in done.stderr
