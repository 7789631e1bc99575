"""Every command tries its outputs before it loads a model, and never replaces what it reads."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptseg.evaluation.results import Evaluation
from promptseg.testing import FakeSegmenter


@pytest.fixture(autouse=True)
def _data(tmp_path, photo, add_model):
    """An image, folders of images and masks, a COCO file, a clip and weights; a model ``fake`` that fails when it is loaded."""

    def load(_):
        raise AssertionError("a model was loaded before the outputs were tried")

    add_model("fake", "segmenter", load)
    for name in ("images", "masks", "clip", "davis/JPEGImages/a", "davis/Annotations/a"):
        Path(name).mkdir(parents=True)
    mask = np.zeros((24, 32), np.uint8)
    mask[5:15, 5:25] = 255
    for path in ("a.png", "images/a.png", "clip/0.png", "davis/JPEGImages/a/0.png"):
        Image.fromarray(photo(24, 32)).save(path)
    for path in ("masks/a.png", "davis/Annotations/a/0.png"):
        Image.fromarray(mask).save(path)
    Path("coco.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    Path("weights").mkdir()


DATA = ("--images", "images", "--masks", "masks")
FILES = {
    "segment": ("segment", "a.png", "--model", "fake", "--box", "5,5,25,15", "--out"),
    "cutout": ("cutout", "a.png", "--model", "fake", "--box", "5,5,25,15", "--out"),
    "evaluate --out": ("evaluate", *DATA, "--model", "fake", "--out"),
    "evaluate --rows": ("evaluate", *DATA, "--model", "fake", "--rows"),
    "evaluate --report": ("evaluate", *DATA, "--model", "fake", "--report"),
    "evaluate --video": ("evaluate", "--davis", "davis", "--video", "--model", "fake", "--out"),
}
"""Options that name a file, with the suffix of that file."""
SUFFIXES = {"segment": ".png", "cutout": ".png", "evaluate --rows": ".csv", "evaluate --report": ".html"}
FOLDERS = {
    "segment": ("segment", "a.png", "--model", "fake", "--box", "5,5,25,15", "--out"),
    "cutout": ("cutout", "a.png", "--model", "fake", "--box", "5,5,25,15", "--out"),
    "demo": ("demo", "--model", "fake", "--out"),
    "evaluate --failures": ("evaluate", *DATA, "--model", "fake", "--failures"),
    "track": ("track", "clip", "--model", "fake", "--box", "5,5,25,15", "--no-timeline", "--out"),
    "export": ("export", "mobile-sam", "--out"),
    "finetune": ("finetune", *DATA, "--model", "mobile-sam", "--out"),
    "finetune --folds": ("finetune", *DATA, "--model", "mobile-sam", "--folds", "2", "--out"),
}


def everything():
    return {path: (path.read_bytes() if path.is_file() else None) for path in Path().rglob("*")}


def assert_refused(run, words, message, status=1):
    before = everything()
    result = run(*words)
    assert (result.exit_code, result.stdout) == (status, ""), result.stdout + result.stderr
    assert result.stderr.startswith("promptseg: ")
    assert message in result.stderr
    assert everything() == before


@pytest.mark.parametrize("command", FILES)
def test_a_file_that_cannot_be_written_is_refused_first(command, run):
    words, suffix = FILES[command], SUFFIXES.get(command, ".json")
    assert_refused(run, (*words, f"a.png/x{suffix}"), "a.png is a file, and a folder is expected there")
    assert_refused(run, (*words, f"/proc/nowhere/x{suffix}"), "cannot write /proc/nowhere")
    assert_refused(run, (*words, f"{'n' * 300}{suffix}"), "File name too long")
    if command not in ("segment", "cutout"):  # There it is a folder to write to.
        Path(f"folder{suffix}").mkdir()
        assert_refused(run, (*words, f"folder{suffix}"), "this is a folder, and a file is expected")
        assert_refused(run, (*words, "run.xyz"), "xyz", status=2 if command == "evaluate --rows" else 1)


@pytest.mark.parametrize("command", FOLDERS)
def test_a_folder_that_cannot_be_written_is_refused_first(command, run):
    words = FOLDERS[command]
    Path("file").write_text("mine")
    assert_refused(run, (*words, "file"), "cannot write file: this is a file, and a folder is expected")
    assert_refused(run, (*words, "file/below"), "file is a file, and a folder is expected there")
    assert_refused(run, (*words, "/proc/nowhere/x"), "cannot write /proc/nowhere")
    assert_refused(run, (*words, "n" * 300), "File name too long")


class TestInputs:
    @pytest.mark.parametrize("name", ["a.png", "./a.png", "images/../a.png", "link.png", "hard.png"])
    def test_an_image_is_never_the_overlay_of_itself(self, name, run):
        Path("link.png").symlink_to("a.png")
        Path("hard.png").hardlink_to("a.png")
        assert_refused(run, (*FILES["segment"], name), "is the input a.png, which is never overwritten")

    @pytest.mark.parametrize("name", ["a-overlay.png", "a-masks.json", "a-mask-000.png"])
    def test_an_image_is_no_output_of_another(self, name, run):
        Image.new("RGB", (8, 8)).save(name, "PNG")
        words = ("segment", "a.png", name, "--model", "fake", "--box", "1,1,5,5", "--masks", "--out", ".")
        assert_refused(run, words, f"is the input {name}")

    def test_annotations_and_data_sets_stay(self, run):
        assert_refused(
            run, ("evaluate", "--images", "images", "--coco", "coco.json", "--model", "fake", "--out", "coco.json"), "is the input coco"
        )
        assert_refused(run, ("evaluate", *DATA, "--model", "fake", "--failures", "images"), "this folder is an input")
        assert_refused(run, ("finetune", *DATA, "--model", "mobile-sam", "--out", "masks", "--overwrite"), "this folder is an input")

    def test_the_labels_of_others_and_the_frames_stay(self, run):
        Path("mine/labels").mkdir(parents=True)
        Image.new("L", (32, 24)).save("mine/labels/00000.png")
        words = ("--model", "fake", "--box", "5,5,25,15", "--no-timeline", "--out")
        assert_refused(run, ("track", "clip", *words, "mine"), "labels holds files, and no run of promptseg wrote them")
        assert_refused(run, ("track", "clip", *words, "clip"), "this folder is an input")
        Path("mine/events.jsonl").touch()
        assert_refused(run, ("track", "mine/labels", *words, "mine"), "this folder is an input")

    def test_weights_are_not_replaced_by_what_is_made_of_them(self, run):
        assert_refused(run, ("export", "mobile-sam=weights", "--out", "weights", "--overwrite"), "this folder is an input")
        assert_refused(
            run, ("finetune", *DATA, "--model", "mobile-sam=weights", "--out", "weights", "--overwrite"), "this folder is an input"
        )


class TestNames:
    @pytest.mark.parametrize("name", ["notes.txt", "spoon.xyz"])
    def test_a_suffix_that_is_no_image_s_is_refused(self, name, run):
        Path("notes.txt").write_text("mine")
        assert_refused(
            run, (*FILES["segment"], name), f"is not an image format that Pillow writes. Give the name of an overlay, such as {name[:5]}"
        )

    def test_a_format_without_colors_is_refused(self, run):
        assert_refused(run, (*FILES["segment"], "a.xbm"), "Pillow cannot write color images as XBM")

    @pytest.mark.parametrize("name", ["run-0.5", "v1.xyz/", "there.xyz"])
    def test_a_folder_may_have_a_dot(self, name, run, add_model):
        Path("there.xyz").mkdir()
        add_model("works", "segmenter", lambda _: FakeSegmenter())
        done = run("segment", "a.png", "--model", "works", "--box", "5,5,25,15", "--out", name)
        assert done.exit_code == 0, done.stderr
        assert sorted(path.name for path in Path(name).iterdir()) == ["a-masks.json", "a-overlay.png"]

    def test_two_outputs_have_two_names(self, run):
        assert_refused(run, (*FILES["evaluate --out"], "f/failures.json", "--failures", "f"), "two outputs have this path")

    @pytest.mark.parametrize("option", ["--rows", "--report", "--failures"])
    def test_an_option_without_effect_is_refused(self, option, run):
        assert_refused(run, (*FILES["evaluate --video"], "r.json", option, "x"), f"{option} cannot be given here", status=2)
        assert_refused(run, ("evaluate", *DATA, "--summary", option, "x.csv"), f"{option} cannot be given here", status=2)


class TestAFullDisk:
    """What was computed is printed, and the other outputs are written."""

    @pytest.fixture(autouse=True)
    def _model(self, add_model):
        add_model("works", "segmenter", lambda _: FakeSegmenter())

    def full(self, monkeypatch, name):
        from promptseg.runtime import files

        replace = files.Path.replace

        def fail(path, target):
            if Path(target).name == name:
                raise OSError(28, "No space left on device")
            return replace(path, target)

        monkeypatch.setattr(files.Path, "replace", fail)

    def test_an_evaluation_is_printed_and_its_rows_are_written(self, run, monkeypatch):
        self.full(monkeypatch, "run.json")
        words = ("--out", "run.json", "--rows", "rows.csv", "--report", "r.html", "--failures", "f", "--no-baselines", "--json")
        done = run("evaluate", *DATA, "--model", "works", *words)
        assert done.exit_code == 1
        assert Evaluation.from_dict(json.loads(done.stdout)).rows
        assert "cannot write run.json: No space left on device" in done.stderr
        assert all(Path(name).is_file() for name in ("rows.csv", "r.html", "f/failures.json"))

    def test_masks_are_printed(self, run, monkeypatch):
        self.full(monkeypatch, "a-overlay.png")
        done = run("segment", "a.png", "--model", "works", "--box", "5,5,25,15", "--out", "out", "--json")
        assert done.exit_code == 1
        assert len(json.loads(done.stdout)["masks"]) == 1
        assert "No space left on device" in done.stderr

    def test_the_other_files_of_a_tracked_video_are_written(self, run, monkeypatch):
        pytest.importorskip("av", reason="the overlay is a video, which needs av")
        self.full(monkeypatch, "overlay.mp4")
        done = run("track", "clip", "--model", "works", "--box", "5,5,25,15", "--no-timeline", "--out", "out")
        assert done.exit_code == 1
        assert "overlay.mp4" in done.stderr
        assert sorted(path.name for path in Path("out").iterdir()) == ["events.jsonl", "labels", "masks.json"]


def test_what_a_killed_run_left_is_removed_and_counted(run, add_model):
    add_model("works", "segmenter", lambda _: FakeSegmenter())
    Path("f").mkdir()
    for name in (".run.json.abcdefgh.tmp", ".run.json.12345678.tmp", "f/.failures.json.abcdefgh.tmp"):
        Path(name).touch()
    for name in (".other.json.abcdefgh.tmp", ".run.json.tmp", "run.json.abcdefgh.tmp"):
        Path(name).touch()
    words = ("--out", "run.json", "--failures", "f", "--no-baselines")
    done = run("evaluate", *DATA, "--model", "works", *words)
    assert done.exit_code == 0
    assert [line for line in done.stderr.splitlines() if "removed" in line] == [
        "promptseg: removed 2 half-written files of an interrupted run from .",
        "promptseg: removed 1 half-written file of an interrupted run from f",
    ]
    left = sorted(path.name for path in Path().rglob("*.tmp"))
    assert left == [".other.json.abcdefgh.tmp", ".run.json.tmp", "run.json.abcdefgh.tmp"]


@pytest.mark.parametrize("command", ["cutout", "export", "finetune", "track"])
def test_in_an_output_folder_and_beside_it_too(command, run):
    words = {
        "cutout": ("cutout", "a.png", "--model", "no such model", "--box", "5,5,25,15"),
        "export": ("export", "superpixel"),
        "finetune": ("finetune", "--images", "images", "--masks", "masks", "--model", "superpixel"),
        "track": ("track", "clip", "--model", "no such model", "--box", "5,5,25,15", "--no-timeline"),
    }[command]
    Path("out").mkdir()
    left = [Path("out/.a.json.abcdefgh.tmp"), Path("out/.b.abcdefgh.tmp")]
    left[0].touch()
    left[1].mkdir()
    (left[1] / "half").touch()
    Path("out/mine.tmp").touch()
    done = run(*words, "--out", "out")
    assert "promptseg: removed 2 half-written files of an interrupted run from out" in done.stderr
    assert [path.name for path in Path("out").iterdir()] == ["mine.tmp"]
