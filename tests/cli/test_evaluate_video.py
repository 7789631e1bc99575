"""``promptseg evaluate --davis DIR --video``: a tracker or given predictions on a small folder in DAVIS's layout."""

import json

import numpy as np
import pytest
from PIL import Image

from promptseg.testing import FakeSegmenter


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).save(path)


def labels(*boxes):
    values = np.zeros((32, 48), np.uint8)
    for number, (x0, y0, x1, y1) in enumerate(boxes, 1):
        values[y0:y1, x0:x1] = number
    return values


ONE, TWO = labels((4, 4, 16, 12)), labels((4, 4, 16, 12), (24, 18, 40, 28))


@pytest.fixture(autouse=True)
def _davis(tmp_path, add_model):
    """A folder ``davis`` with sequences of three frames on which one or two objects are at rest, and a model ``cutter``."""
    add_model("cutter", "segmenter", lambda _: FakeSegmenter())
    for name, truth in (("pair", TWO), ("single", ONE)):
        for frame in range(3):
            save(tmp_path / "davis" / "JPEGImages" / "480p" / name / f"{frame:05}.jpg", np.full((32, 48, 3), 90))
            save(tmp_path / "davis" / "Annotations" / "480p" / name / f"{frame:05}.png", truth)


@pytest.fixture
def predicted(tmp_path):
    """Label images of both sequences; of the last frame of ``pair`` the objects are swapped, the last of ``single`` is absent."""
    for name, label_images in (("pair", [TWO, TWO, np.array([0, 2, 1])[TWO]]), ("single", [ONE, ONE])):
        for frame, values in enumerate(label_images):
            save(tmp_path / "predicted" / name / f"{frame:05}.png", values)
    return "predicted"


def test_a_tracker_is_scored_on_every_sequence(run):
    done = run("evaluate", "--davis", "davis", "--video", "--model", "cutter")
    assert (done.exit_code, done.stderr) == (0, "")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["sequence", "objects", "J", "F", "J&F", "switches"],
        ["pair", "2", "1.000", "1.000", "1.000", "0"],
        ["single", "1", "1.000", "1.000", "1.000", "0"],
        ["mean", "1.000", "1.000", "1.000"],
    ]


def test_given_predictions_are_scored_without_a_model(run, predicted):
    done = run("evaluate", "--davis", "davis", "--video", "--predictions", predicted, "--model", "no such model")
    assert done.exit_code == 0
    _, pair, single, mean = (line.split() for line in done.stdout.splitlines())
    assert pair == ["pair", "2", "0.667", "0.667", "0.667", "2"]
    assert single == ["single", "1", "0.667", "0.667", "0.667", "0"]
    assert mean == ["mean", "0.667", "0.667", "0.667"]


def test_json_and_the_saved_run_have_the_figures_by_sequence_and_object(run, predicted, tmp_path):
    done = run("evaluate", "--davis", "davis", "--video", "--predictions", predicted, "--json", "--out", "run.json")
    values = json.loads(done.stdout)
    assert values == json.loads((tmp_path / "run.json").read_text())
    assert values["tracker"] == "predicted"
    assert values["mean"] == {"j": 0.666667, "f": 0.666667, "j_and_f": 0.666667}
    assert set(values["sequences"]) == {"pair", "single"}
    assert values["sequences"]["single"] == {
        "j": 0.666667,
        "f": 0.666667,
        "j_and_f": 0.666667,
        "switches": 0,
        "objects": {"1": {"j": 0.666667, "f": 0.666667, "frames": 3, "switches": 0}},
    }
    assert values["sequences"]["pair"]["switches"] == 2


def test_columns_stand_under_their_headings_however_long_a_name_is(run, tmp_path):
    for kind in ("JPEGImages", "Annotations"):
        folder = tmp_path / "davis" / kind / "480p"
        (folder / "single").rename(folder / "a-sequence-with-a-long-name")
    lines = run("evaluate", "--davis", "davis", "--video", "--model", "cutter").stdout.splitlines()
    assert len({len(line) for line in lines[:-1]}) == 1


@pytest.mark.parametrize("words", [("--video",), ("--davis", "davis", "--predictions", "predicted"), ("--video", "--images", "davis")])
def test_what_belongs_together_is_told_with_exit_status_two(run, words):
    done = run("evaluate", *words, "--model", "cutter")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--video needs --davis FOLDER, and --predictions needs both" in done.stderr


def broken_labels(root):
    (root / "predicted" / "single" / "00001.png").write_bytes(b"no image")


def small_labels(root):
    save(root / "predicted" / "single" / "00001.png", ONE[::2, ::2])


def no_sequence(root):
    (root / "predicted" / "single").rename(root / "predicted" / "other")


def no_annotations(root):
    (root / "davis" / "Annotations").rename(root / "davis" / "Labels")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (broken_labels, "label image predicted/single/00001.png is not an image"),
        (small_labels, "frame 1 of single: the prediction has size (16, 24) (height, width), the truth (32, 48)"),
        (no_sequence, "there are no predictions of 'single': no folder predicted/single"),
        (no_annotations, "davis is not a folder of sequences: expected folders JPEGImages and Annotations, or images and masks"),
    ],
)
def test_what_cannot_be_scored_is_named(run, predicted, tmp_path, spoil, message):
    spoil(tmp_path)
    done = run("evaluate", "--davis", "davis", "--video", "--predictions", predicted)
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr.replace("\\", "/")
