import json

import numpy as np
import pytest
from PIL import Image

from promptseg.testing import FakeSegmenter


@pytest.fixture(autouse=True)
def _runs(run, tmp_path, photo, add_model):
    """Images with a disc, and runs on them: ``box.json``, ``point.json`` and ``fewer.json``, which lacks one."""
    add_model("fake", "segmenter", lambda _: FakeSegmenter(radius=10))
    y, x = np.ogrid[:60, :80]
    disc = ((x - 40) ** 2 + (y - 30) ** 2 <= 100).astype(np.uint8) * 255
    for index in range(3):
        for name, array in (("images", photo(60, 80, index)), ("masks", disc)):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(array).save(tmp_path / name / f"{index}.png")
    data = ("--images", "images", "--masks", "masks", "--model", "fake", "--no-baselines")
    for prompt in ("box", "point"):
        run("evaluate", *data, "--prompt", prompt, "--out", f"{prompt}.json")
    (tmp_path / "masks" / "2.png").unlink()
    run("evaluate", *data, "--prompt", "point", "--out", "fewer.json")


def test_two_runs_are_compared(run):
    done = run("compare", "box.json", "point.json")
    assert done.exit_code == 0
    assert "iou on the same 3 objects of 3 images" in done.stdout
    assert "better on 3, worse on 0, equal on 0" in done.stdout
    (other,) = json.loads(run("compare", "box.json", "point.json", "--json", "--metric", "dice").stdout)["others"]
    assert other["name"] == "point.json (fake-segmenter by point)"
    assert other["difference"]["wins"] == 3


def test_runs_on_different_objects_are_refused_by_name(run):
    done = run("compare", "box.json", "fewer.json")
    assert done.exit_code == 1
    assert "2.png#1" in done.stderr
    assert done.stdout == ""


def test_an_overlap_with_a_training_set_is_a_warning(run):
    done = run("compare", "box.json", "point.json", "--trained-on", "images")
    assert done.exit_code == 0
    assert "warning: 3 of the 3 images are training images of a model" in done.stderr
    assert "other images: 0.png (images/0.png), 1.png (images/1.png), 2.png (images/2.png)\n" in done.stderr


def test_runs_are_named_by_their_files_and_by_their_paths_where_files_have_the_same_name(run, tmp_path):
    lines = run("compare", "box.json", "point.json").stdout.splitlines()
    assert lines[1].startswith("  box.json (fake-segmenter by box): ")
    assert lines[2].startswith("  point.json (fake-segmenter by point): ")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "box.json").write_bytes((tmp_path / "box.json").read_bytes())
    lines = run("compare", "box.json", "other/box.json").stdout.splitlines()
    assert lines[1].startswith("  box.json (fake-segmenter by box): ")
    assert lines[2].startswith("  other/box.json (fake-segmenter by box): ")
    assert "box.json (fake-segmenter by box) (2): " in run("compare", "box.json", "box.json").stdout
    done = run("compare", "box.json", "fewer.json")
    assert "box.json (fake-segmenter by box) and fewer.json (fake-segmenter by point) have different objects" in done.stderr


def test_wrong_usage_has_exit_status_two(run):
    assert run("compare", "box.json").exit_code == 2
    done = run("compare", "box.json", "point.json", "--metric", "f1")
    assert done.exit_code == 2
    assert "no metric 'f1'" in done.stderr


def test_what_is_no_run_is_named(run, tmp_path):
    (tmp_path / "x.json").write_text("{}")
    done = run("compare", "box.json", "x.json")
    assert done.exit_code == 1
    assert "x.json" in done.stderr
