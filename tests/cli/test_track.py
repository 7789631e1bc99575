"""``promptseg track``: exit statuses, what is printed where, and which files are written."""

import json

import numpy as np
import pytest
from PIL import Image

from promptseg.masks import Mask
from promptseg.testing import FakeDetector, FakeSegmenter

pytest.importorskip("av", reason="the overlay is a video, which needs av")


@pytest.fixture
def clip(add_model, tmp_path):
    """A folder of three frames at rest, and models ``cutter`` and ``finder`` that answer with geometry."""
    add_model("cutter", "segmenter", lambda _: FakeSegmenter())
    add_model("finder", "detector", lambda _: FakeDetector({"dog": (5, 5, 20, 20)}))
    folder = tmp_path / "clip"
    folder.mkdir()
    for index in range(3):
        Image.fromarray(np.full((32, 48, 3), 90, np.uint8)).save(folder / f"{index}.png")
    return folder


def track(run, clip, *words):
    return run("track", clip, "--model", "cutter", "--no-timeline", "--out", "out", *words)


def test_a_box_is_tracked_and_its_files_written(run, clip, tmp_path):
    result = track(run, clip, "--box", "10,8,30,24")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("3 frames in ")
    assert "objects: 1 added" in result.stdout
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == ["events.jsonl", "labels", "masks.json", "overlay.mp4"]
    labels = np.asarray(Image.open(out / "labels" / "00002.png"))
    assert labels[16, 20] == 1
    assert labels[0, 0] == 0
    table = json.loads((out / "masks.json").read_text())
    (annotation,) = table["annotations"]
    assert [Mask.from_coco_rle(one).box.tolist() for one in annotation["segmentations"]] == [[10, 8, 30, 24]] * 3
    assert json.loads((out / "events.jsonl").read_text())["kind"] == "added"


def test_a_detector_says_what_to_track(run, clip):
    result = track(run, clip, "--detector", "finder", "--json")
    assert result.exit_code == 0, result.stderr
    values = json.loads(result.stdout)
    assert [(event["label"], event["kind"]) for event in values["events"]] == [("dog", "added")]
    assert (values["frames"], values["failure"]) == (3, None)


def test_a_broken_frame_keeps_those_before_it(run, clip, tmp_path):
    (clip / "2.png").write_bytes(b"not an image")
    result = track(run, clip, "--box", "10,8,30,24")
    assert result.exit_code == 1
    assert "frame 2" in result.stderr
    assert "the 2 frames before it are kept" in result.stderr
    assert json.loads((tmp_path / "out" / "masks.json").read_text())["videos"][0]["length"] == 2
    assert (tmp_path / "out" / "overlay.mp4").stat().st_size > 0


def test_a_video_without_frames_is_refused(run, clip, tmp_path):
    result = run("track", tmp_path / "absent.mp4", "--model", "cutter", "--box", "1,1,9,9", "--no-timeline")
    assert result.exit_code == 1
    assert "absent.mp4" in result.stderr
    assert clip.is_dir()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to track"),
        (["--text", "a dog"], "give --detector"),
        (["--box", "1,1,9,9", "--redetect-every", "2"], "give --detector"),
        (["--box", "1,1,9,9", "--table", "xml"], "xml"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_read(run, words, message):
    result = run("track", "absent.mp4", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
