"""``promptseg track``: exit statuses, what is printed where, and which files are written."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from in_process import invoke
from promptseg.class_colors import palette
from promptseg.detections import Detections
from promptseg.masks import Mask
from promptseg.pipeline import BuiltPipeline
from promptseg.testing import FakeDetector, FakeSegmenter, FakeVideoSegmenter

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


def test_the_frames_on_which_the_model_was_asked_are_counted_and_in_the_events(run, clip, tmp_path):
    result = track(run, clip, "--box", "10,8,30,24", "--ask-every", "2")
    assert result.exit_code == 0, result.stderr
    assert "objects: 1 added; the model was asked on 2 frames" in result.stdout
    events = [json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()]
    assert [(event["frame"], event["object_id"], event["kind"], event["reason"]) for event in events] == [
        (0, None, "asked", "prompted"),
        (0, 1, "added", "prompted"),
        (2, None, "asked", "every 2 frames"),
    ]


@pytest.mark.parametrize("words", [(), ("--tracker", "propagate"), ("--tracker", "own backend", "--ask-every", "2")])
def test_quantize_reaches_the_segmenter_whatever_tracks(words, run, clip, add_model):
    requests = []
    add_model("own", "video", lambda _: FakeVideoSegmenter(), options={"segmenter": None, "every": 1}, forwards_options=True)
    add_model("eight", "segmenter", lambda request: requests.append(request) or FakeSegmenter(), options={"quantize": None})
    result = track(run, clip, "--model", "eight", "--box", "10,8,30,24", "--quantize", "int8", *words)
    assert result.exit_code == 0, result.stderr
    assert {request.options["quantize"] for request in requests} == {"int8"}


def test_a_model_without_quantize_refuses_it(run, clip):
    result = track(run, clip, "--box", "10,8,30,24", "--quantize", "int8")
    assert result.exit_code == 2
    assert "model 'cutter' has no option 'quantize'" in result.stderr


def test_late_frames_that_were_dropped_are_counted(run, clip, monkeypatch):
    track_frames = BuiltPipeline.track
    monkeypatch.setattr(
        BuiltPipeline,
        "track",
        lambda *args, **kwargs: (replace(frame, dropped=4 * frame.frame) for frame in track_frames(*args, **kwargs)),
    )
    assert "objects: 1 added; dropped 12 late frames\n" in track(run, clip, "--box", "10,8,30,24").stdout
    assert json.loads(track(run, clip, "--box", "10,8,30,24", "--json").stdout)["dropped"] == 12


def test_the_model_may_be_asked_where_a_mask_goes_wrong(run, clip):
    result = track(run, clip, "--box", "10,8,30,24", "--ask-every", "auto")
    assert result.exit_code == 0, result.stderr
    assert "the model was asked on 1 frame\n" in result.stdout


@pytest.mark.parametrize("word", ["0", "-1", "1.5", "often", "", "9" * 50, "²"])
def test_an_ask_every_that_is_no_number_of_frames_is_refused_with_its_value(word, run, clip):
    result = track(run, clip, "--box", "10,8,30,24", f"--ask-every={word}")
    assert result.exit_code == 2
    assert "--ask-every is a whole number of frames of at least 1, or auto, got" in result.stderr


def test_a_drop_of_another_kind_and_one_of_frames_without_times_are_refused(run, clip):
    result = track(run, clip, "--box", "10,8,30,24", "--drop", "early")
    assert (result.exit_code, "--drop is late, got 'early'" in result.stderr) == (2, True)
    result = track(run, clip, "--box", "10,8,30,24", "--drop", "late")
    assert result.exit_code == 1
    assert "have no times" in result.stderr


def test_a_detector_says_what_to_track(run, clip):
    result = track(run, clip, "--detector", "finder", "--json")
    assert result.exit_code == 0, result.stderr
    values = json.loads(result.stdout)
    assert [(event["label"], event["kind"]) for event in values["events"]] == [("dog", "added")]
    assert (values["frames"], values["failure"]) == (3, None)


def test_a_pattern_in_quotes_is_a_video_in_natural_order(run, clip):
    (clip / "10.png").write_bytes((clip / "0.png").read_bytes())
    (clip / "notes.png").write_text("no image")
    result = track(run, clip / "[0-9]*.png", "--box", "10,8,30,24", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["frames"] == 4


def test_a_video_may_come_through_standard_input(clip):
    frames = [Image.open(clip / f"{index}.png") for index in range(3)]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    words = ["track", "-", "--model", "cutter", "--no-timeline", "--out", "out", "--box", "10,8,30,24", "--json"]
    result = invoke(words, file.getvalue())
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["frames"] == 3


def test_standard_input_without_content_is_named(clip):
    result = invoke(["track", "-", "--model", "cutter", "--box", "10,8,30,24"], b"")
    assert (result.exit_code, result.stderr) == (1, "promptseg: standard input is empty: expected the content of a video\n")


@pytest.mark.parametrize("option", [("--threshold", "0.5"), ("--detector-engine", "fake")])
def test_an_option_of_the_detector_without_one_is_refused(option, run, clip):
    result = track(run, clip, "--box", "10,8,30,24", *option)
    assert result.exit_code == 2
    assert f"{' '.join(option)} is for a detector, and there is none: give --detector" in result.stderr


def test_an_unknown_engine_is_named_with_those_that_exist(run, clip):
    result = track(run, clip, "--box", "10,8,30,24", "--engine", "onx")
    assert (result.exit_code, result.stderr) == (2, "promptseg: model 'cutter' has no engine 'onx': it has fake.\n")


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


@pytest.fixture
def parade(add_model, tmp_path):
    """Ten frames on which a red and a blue square move to the right, and models that cut out boxes and find what is red or blue.

    The red square is not seen on frames 4 to 6.
    """
    colors = {"red": (220, 20, 20), "blue": (20, 20, 220)}

    class Finder:
        provenance = FakeDetector({}).provenance

        def detect(self, image, phrases=None):
            rows = []
            for label, color in colors.items():
                seen = (np.asarray(image) == color).all(-1)
                if seen.any():
                    (x0, x1), (y0, y1) = ((line.argmax(), len(line) - line[::-1].argmax()) for line in (seen.any(0), seen.any(1)))
                    rows.append((label, (x0, y0, x1, y1)))
            size = np.asarray(image).shape[:2]
            return Detections(size, np.float32([box for _, box in rows]), [0.9] * len(rows), [label for label, _ in rows])

    add_model("cutter", "segmenter", lambda _: FakeSegmenter())
    add_model("colors", "detector", lambda _: Finder())
    folder = tmp_path / "parade"
    folder.mkdir()
    for index in range(10):
        image = np.full((48, 80, 3), 90, np.uint8)
        image[26:40, 10 + 2 * index : 24 + 2 * index] = colors["blue"]
        if index not in (4, 5, 6):
            image[6:18, 30 + index : 42 + index] = colors["red"]
        Image.fromarray(image).save(folder / f"{index}.png")
    return folder


def test_the_tables_have_the_masks_of_the_label_images_under_the_same_ids(run, parade, tmp_path):
    words = ("track", parade, "--model", "cutter", "--detector", "colors", "--redetect-every", "1", "--no-timeline")
    for table in ("json", "parquet"):
        if table == "parquet":
            pytest.importorskip("pyarrow", reason="tables in Parquet need pyarrow")
        done = run(*words, "--table", table, "--out", table)
        assert done.exit_code == 0, done.stderr
    label_images = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "json" / "labels").iterdir())]
    assert [labels.shape for labels in label_images] == [(48, 80)] * 10

    content = json.loads((tmp_path / "json" / "masks.json").read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    assert {one["id"]: names[one["category_id"]] for one in content["annotations"]} == {1: "red", 2: "blue"}
    assert content["videos"][0]["file_names"] == [f"labels/{index:05}.png" for index in range(10)]
    for index, picture in enumerate(label_images):
        shown = np.zeros_like(picture)
        for one in content["annotations"]:
            assert len(one["segmentations"]) == len(one["bboxes"]) == len(one["areas"]) == one["length"] == 10
            if one["segmentations"][index] is not None:
                mask = Mask.from_coco_rle(one["segmentations"][index])
                assert one["areas"][index] == mask.area == (picture == one["id"]).sum()
                x, y, width, height = one["bboxes"][index]
                assert mask.box.tolist() == [x, y, x + width, y + height]
                shown[mask.array] = one["id"]
        np.testing.assert_array_equal(shown, picture)

    from pyarrow import parquet

    rows = parquet.read_table(tmp_path / "parquet" / "masks.parquet").to_pylist()
    assert {(row["object_id"], row["label"]) for row in rows} == {(1, "red"), (2, "blue")}
    assert {row["time"] for row in rows} == {None}  # A folder of images has no times.
    assert [row["frame"] for row in rows] == sorted(row["frame"] for row in rows)
    for index, picture in enumerate(label_images):
        shown = np.zeros_like(picture)
        for row in (row for row in rows if row["frame"] == index):
            mask = Mask.from_coco_rle({"size": [row["height"], row["width"]], "counts": row["counts"]})
            assert (row["area"], row["box"]) == (mask.area, mask.box.tolist())
            shown[mask.array] = row["object_id"]
        np.testing.assert_array_equal(shown, picture)


def test_an_object_that_was_away_has_its_id_again_and_the_events_say_when(run, parade, tmp_path):
    done = run(
        "track", parade, "--model", "cutter", "--detector", "colors", "--redetect-every", "1", "--out", "out", "--no-timeline", "--json"
    )
    events = [json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()]
    assert events == json.loads(done.stdout)["events"]
    assert set(events[0]) == {"frame", "time", "object_id", "label", "kind", "reason"}
    assert [(event["object_id"], event["label"], event["kind"]) for event in events if event["frame"] == 0] == [
        (1, "red", "added"),
        (2, "blue", "added"),
    ]
    assert {event["object_id"] for event in events} == {1, 2}
    red = [(event["kind"], event["frame"]) for event in events if event["object_id"] == 1]
    assert red[1][0] == "lost"
    assert 4 <= red[1][1] <= 6
    last = np.asarray(Image.open(tmp_path / "out" / "labels" / "00009.png"))
    assert (last[12, 45], last[33, 35]) == (1, 2)


def test_the_timeline_is_an_image_with_a_row_for_each_object_in_its_color(run, parade, tmp_path):
    pytest.importorskip("matplotlib", reason="the timeline needs matplotlib")
    done = run("track", parade, "--model", "cutter", "--box", "10,26,24,40", "--box", "30,6,42,18", "--out", "out")
    assert done.exit_code == 0, done.stderr
    with Image.open(tmp_path / "out" / "timeline.png") as picture:
        picture.verify()
    pixels = np.asarray(Image.open(tmp_path / "out" / "timeline.png").convert("RGB")).reshape(-1, 3)
    for color in palette(2):
        assert (pixels == color).all(1).mean() > 0.02


def test_a_prompt_that_does_not_fit_leaves_the_files_of_an_earlier_run(run, clip, tmp_path):
    assert track(run, clip, "--box", "10,8,30,24").exit_code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    done = track(run, clip, "--box", "100,8,130,24")
    assert (done.exit_code, done.stdout) == (1, "")
    assert (
        "lies outside the image, which is 48 wide and 32 high: a box is x0, y0, x1, y1 in pixels of this image; no frame was done"
        in done.stderr
    )
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before


def test_a_shorter_video_leaves_nothing_of_a_longer_one(run, clip, tmp_path):
    assert track(run, clip, "--box", "10,8,30,24").exit_code == 0
    (tmp_path / "out" / "masks.parquet").write_bytes(b"of an earlier run")
    assert track(run, clip, "--box", "10,8,30,24", "--stop", "1").exit_code == 0
    assert [path.name for path in (tmp_path / "out" / "labels").iterdir()] == ["00000.png"]
    assert not (tmp_path / "out" / "masks.parquet").exists()


def test_a_video_on_which_nothing_is_found_has_empty_images_of_its_size(run, clip, add_model, tmp_path):
    add_model("blind", "detector", lambda _: FakeDetector({}))
    done = track(run, clip, "--detector", "blind")
    assert done.exit_code == 0, done.stderr
    labels = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "out" / "labels").iterdir())]
    assert [(picture.shape, picture.any()) for picture in labels] == [((32, 48), False)] * 3
    assert json.loads((tmp_path / "out" / "masks.json").read_text())["annotations"] == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mp4", b"", "a.mp4 is empty, truncated or no video"),
        ("a.mp4", b"some text\n", "Invalid data found when processing input"),
        ("nowhere", None, "there is no video nowhere"),
        (".", None, "folder . has no images"),
    ],
    ids=["empty", "text", "absent", "no images"],
)
def test_what_is_no_video_is_named(run, clip, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = run("track", name, "--model", "cutter", "--box", "1,1,9,9", "--no-timeline", "--out", "out")
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr
    assert "Errno" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--start", "3"), "no frame at 3 or after it"),
        (("--start", "2", "--stop", "2"), "stop is a whole number of at least 3, got 2"),
        (("--every", "0"), "every is a whole number of at least 1, got 0"),
    ],
)
def test_frames_that_are_not_there_are_refused_with_the_numbers(run, clip, words, message):
    done = track(run, clip, "--box", "10,8,30,24", *words)
    assert done.exit_code == 1
    assert message in done.stderr


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


def test_in_a_log_a_line_says_now_and_then_how_far_the_video_is(run, clip, monkeypatch):
    now = iter(range(0, 1000, 20))
    monkeypatch.setattr("promptseg.runtime.progress.monotonic", lambda: next(now))
    result = track(run, clip, "--box", "10,8,30,24")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == ["promptseg: track: 2 of 3 frames"]
    assert track(run, clip, "--box", "10,8,30,24", "--json").stderr == ""
