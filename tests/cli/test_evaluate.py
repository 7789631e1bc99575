import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptseg.testing import FakeDetector, FakeSegmenter


@pytest.fixture(autouse=True)
def _folder(tmp_path, photo, add_model):
    """Two images with a rectangle each, in folders ``images`` and ``masks``, and a model ``fake``."""
    add_model("fake", "segmenter", lambda _: FakeSegmenter())
    add_model("find", "detector", lambda _: FakeDetector({"box": (5, 5, 35, 25)}))
    mask = np.zeros((60, 80), np.uint8)
    mask[5:25, 5:35] = 255
    for index in range(2):
        for name, array in (("images", photo(60, 80, index)), ("masks", mask)):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(array).save(tmp_path / name / f"{index}.png")


DATA = ("--images", "images", "--masks", "masks", "--model", "fake")


def test_a_model_is_evaluated_and_the_figures_are_printed(run):
    done = run("evaluate", *DATA, "--prompt", "box")
    assert done.exit_code == 0
    assert "fake-segmenter by box on 2 objects of 2 images (seed 0)" in done.stdout
    assert "filled box" in done.stdout
    assert done.stderr == ""


def test_json_has_the_figures_at_the_top(run):
    done = run("evaluate", *DATA, "--prompt", "box:0.1", "--seed", 4, "--json")
    content = json.loads(done.stdout)
    assert (content["model"], content["prompt"], content["seed"]) == ("fake-segmenter", "box:0.1", 4)
    assert (content["objects"], content["images"]) == (2, 2)
    for name in ("iou_mean", "iou_std", "dice_mean", "precision_mean", "recall_mean", "seconds_per_image"):
        assert isinstance(content[name], float)
    assert len(content["iou_ci95"]) == 2


def test_a_run_and_its_rows_are_written_where_they_are_wanted(run, tmp_path):
    done = run("evaluate", *DATA, "--out", "runs/a.json", "--rows", "rows/a.csv", "--no-baselines")
    assert done.exit_code == 0
    assert json.loads((tmp_path / "runs" / "a.json").read_text())["baselines"] == {}
    with (tmp_path / "rows" / "a.csv").open() as file:
        assert [row["iou"] for row in csv.DictReader(file)] == ["1.0", "1.0"]


def test_what_cannot_be_used_is_named_and_the_exit_status_says_so(run, tmp_path):
    (tmp_path / "masks" / "0.png").unlink()
    done = run("evaluate", *DATA)
    assert done.exit_code == 1
    assert "on 1 object of 1 image" in done.stdout
    assert "promptseg: 0.png: there is no mask 0.*" in done.stderr


def test_of_what_is_only_remarkable_the_first_is_told_and_the_rest_counted(run, tmp_path):
    for index in range(2):
        path = tmp_path / "masks" / f"{index}.png"
        values = np.asarray(Image.open(path)).copy()
        values[4], values[25] = 100, 200
        Image.fromarray(values).save(path)
    done = run("evaluate", *DATA)
    assert done.exit_code == 0
    assert done.stderr.count("is gray") == 1
    assert "(1 more like this)" in done.stderr


def test_a_summary_needs_no_model(run):
    done = run("evaluate", "--images", "images", "--masks", "masks", "--summary", "--model", "no such")
    assert done.exit_code == 0
    assert "2 images, 2 objects on 12.5 % of the pixels" in done.stdout
    content = json.loads(run("evaluate", "--images", "images", "--masks", "masks", "--summary", "--json").stdout)
    assert content["images"] == 2


def test_a_summary_of_what_is_broken_has_exit_status_one(run, tmp_path):
    (tmp_path / "masks" / "0.png").unlink()
    done = run("evaluate", "--images", "images", "--masks", "masks", "--summary")
    assert done.exit_code == 1
    assert "0.png: there is no mask" in done.stdout


def test_text_goes_to_the_detector(run):
    done = run("evaluate", *DATA, "--prompt", "text:box", "--detector", "find", "--json")
    assert json.loads(done.stdout)["iou_mean"] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--images", "images"), "got none of them"),
        (("--images", "images", "--masks", "masks", "--coco", "c.json"), "got masks and coco"),
        (("--masks", "masks"), "needs the folder of the images"),
        ((*DATA, "--mask-kind", "gray"), "got 'gray'"),
        ((*DATA, "--prompt", "bx"), "Did you mean 'box'"),
        ((*DATA, "--prompt", "text"), "give --detector"),
        ((*DATA, "--detector", "find"), "--detector needs --prompt text"),
        ((*DATA, "--threshold", "0.3"), "--threshold 0.3 is for a detector, and there is none"),
        ((*DATA, "--threshold", "0.3"), "The IoU below which a mask is a failure is --failure-iou"),
        ((*DATA, "--prompt", "text", "--detector", "find", "--threshold", "3"), "from 0 to 1, got 3"),
        ((*DATA, "--rows", "rows.xlsx"), "rows.xlsx"),
        (("--images", "images", "--masks", "masks", "--model", "mini-smo"), "Did you mean 'mini-sam'"),
    ],
)
def test_wrong_usage_is_told_with_exit_status_two(run, words, message):
    done = run("evaluate", *words)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_folder_that_is_not_there_is_named(run):
    done = run("evaluate", "--images", "nowhere", "--masks", "masks")
    assert done.exit_code == 1
    assert "nowhere is not a folder" in done.stderr


def test_failures_are_described_and_drawn(run, tmp_path):
    done = run("evaluate", *DATA, "--prompt", "point", "--no-baselines", "--failures", "bad", "--failure-iou", "0.99")
    assert done.exit_code == 0
    assert "2 of 2 objects have an IoU under 0.99" in done.stdout
    assert f"wrote {Path('bad') / 'failures.json'}" in done.stderr
    assert [one["name"] for one in json.loads((tmp_path / "bad" / "failures.json").read_text())["failures"]] == ["0.png#1", "1.png#1"]
    assert len(list((tmp_path / "bad").glob("*.png"))) == 2


def test_a_threshold_that_is_no_iou_is_refused_before_anything_runs(run):
    done = run("evaluate", *DATA, "--failures", "bad", "--failure-iou", "0")
    assert done.exit_code == 2
    assert "--failure-iou is an IoU above 0 and at most 1, got 0" in done.stderr


@pytest.mark.parametrize("words", [("--model", "fake"), ("--summary",)])
@pytest.mark.parametrize(
    ("truth", "names"),
    [
        ("coco=c/coco.json", "has none of the 2 images that c/coco.json names"),
        ("cvat=c/cvat.xml", "has none of the 2 images that c/cvat.xml names"),
        ("labelme=c/labelme", "has none of the 2 images that c/labelme names"),
        ("yolo=c/yolo-seg/labels", "has none of the 2 images that c/yolo-seg/labels names"),
        ("label-studio=c/label-studio.json", "has none of the 2 images that c/label-studio.json names"),
        ("geojson=c/geojson", "has none of the 2 images that c/geojson names"),
        ("parquet=c/masks.parquet", "has none of the 2 images that c/masks.parquet names"),
        ("masks=masks", "has none of the 2 images that masks names"),
    ],
)
def test_a_wrong_folder_of_images_is_said_at_once_for_every_format(run, tmp_path, photo, words, truth, names):
    wanted = "coco,cvat,labelme,yolo-seg,label-studio,geojson"
    if truth.startswith("parquet"):
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
        wanted = "parquet"
    assert run("convert", "--images", "images", "--from", "masks=masks", "--format", wanted, "--out", "c").exit_code == 0
    (tmp_path / "other").mkdir()
    Image.fromarray(photo(60, 80, 5)).save(tmp_path / "other" / "else.png")
    done = run("evaluate", "--images", "other", "--truth", truth, *words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"promptseg: the folder other {names}: --images names their folder\n"
    assert run("evaluate", "--images", "nowhere", "--truth", truth, *words).exit_code == 1
