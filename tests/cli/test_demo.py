"""``promptseg demo``, and the command without a command."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg.cli import demo
from promptseg.prompts import Prompt
from promptseg.runtime import files
from promptseg.samples import coffee
from promptseg.testing import FakeSegmenter


@pytest.fixture
def _cutter(add_model):
    add_model("cutter", "segmenter", lambda _: FakeSegmenter())


@pytest.mark.usefixtures("_cutter")
class TestDemo:
    def test_it_writes_an_image_of_each_kind_of_prompt_and_all_masks(self, run):
        result = run("demo", "--model", "cutter")
        assert (result.exit_code, result.stderr) == (0, "")
        assert sorted(path.name for path in Path("demo").iterdir()) == ["box.png", "everything.png", "masks.json", "point.png"]
        report = json.loads(Path("demo/masks.json").read_text("utf-8"))
        assert [len(report[kind]["masks"]) for kind in ("point", "box", "everything")] == [1, 1, 1024]
        for kind in ("point", "box", "everything"):
            with Image.open(Path("demo") / f"{kind}.png") as overlay:
                assert (np.asarray(overlay) != coffee()).any()
                assert overlay.size == (600, 400)

    def test_it_tells_what_it_does_and_where_the_images_are(self, run):
        said = run("demo", "--model", "cutter", "--out", "elsewhere").stdout
        assert str(Path("elsewhere") / "point.png") in said
        assert all(part in said for part in ("Model cutter", "Prompt.point(290, 160)", "Prompt.box(322, 62, 430, 330)", "Next: "))

    def test_json_is_one_object_and_nothing_else(self, run):
        result = run("demo", "--model", "cutter", "--json")
        assert result.stderr == ""
        report = json.loads(result.stdout)
        assert report == json.loads(Path("demo/masks.json").read_text("utf-8"))
        assert report["model"] == "cutter"
        assert set(report["seconds"]) == {"load", "total"}

    def test_a_full_disk_is_named_and_leaves_nothing_half_written(self, run, monkeypatch):
        def fail(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(files.os, "fsync", fail)
        result = run("demo", "--model", "cutter")
        assert result.exit_code == 1
        assert "cannot write" in result.stderr
        assert "No space left on device" in result.stderr
        assert list(Path("demo").iterdir()) == []


def test_an_unknown_model_is_wrong_usage(run):
    result = run("demo", "--model", "mini-sma", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Did you mean 'mini-sam'" in result.stderr


def test_weights_that_cannot_be_had_are_a_failure_with_the_way_out(run, monkeypatch):
    monkeypatch.setenv("PROMPTSEG_OFFLINE", "1")
    result = run("demo", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "PROMPTSEG_OFFLINE forbids fetching them: unset it" in result.stderr
    assert not Path("demo").exists()


def test_it_runs_as_a_process_into_a_pipe_of_any_encoding(run_apart):
    pytest.importorskip("skimage", reason="superpixels need scikit-image")
    result = run_apart("demo", "--model", "superpixel", PYTHONIOENCODING="cp1252:strict")
    assert (result.returncode, result.stderr) == (0, "")
    assert f"? {Path('demo') / 'point.png'}" in result.stdout
    assert len(list(Path("demo").iterdir())) == 4


@pytest.mark.weights
def test_the_default_model_finds_the_objects_of_the_sample_image(mini_sam, run, monkeypatch):
    monkeypatch.setitem(demo.PROMPTS, "everything", Prompt.everything(6))
    result = run("demo", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    assert report["point"]["masks"][0]["predicted_iou"] > 0.85
    x0, y0, x1, y1 = report["box"]["masks"][0]["box"]
    assert 312 <= x0 < x1 <= 440
    assert 52 <= y0 < y1 <= 340
    assert len(report["everything"]["masks"]) >= 3


class TestCommand:
    def test_the_version(self, run):
        result = run("--version")
        assert (result.exit_code, result.stdout) == (0, f"promptseg {promptseg.__version__}\n")

    def test_help_names_every_command(self, run):
        result = run("--help")
        assert result.exit_code == 0
        assert all(command in result.stdout for command in ("demo", "models", "weights", "segment"))

    @pytest.mark.parametrize("command", [["demo"], ["models"], ["segment"], ["weights"], ["weights", "fetch"], ["weights", "verify"]])
    def test_every_command_has_help(self, command, run):
        result = run(*command, "--help")
        assert result.exit_code == 0
        assert "Usage: " in result.stdout

    @pytest.mark.parametrize("command", [[], ["weights"], ["nosuch"], ["weights", "nosuch"], ["models", "--nosuch"]])
    def test_what_is_no_command_is_wrong_usage(self, command, run):
        result = run(*command)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "Usage: " in result.stderr
