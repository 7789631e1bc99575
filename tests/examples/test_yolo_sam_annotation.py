"""The example of semi-automatic annotation."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg.masks import Mask

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "yolo_sam_annotation.py"


@pytest.fixture
def models(tiny_onnx_yolo, sam_pair):
    """The options that name small models."""
    return ["--detector", f"yolo={tiny_onnx_yolo()}", "--segmenter", f"onnx-sam={sam_pair}", "--threshold", 0, "--batch-size", 2]


@pytest.fixture
def photos(photo_file, tmp_path):
    """A folder with two photos, one that breaks off, and a file that is no photo."""
    for seed, name in enumerate(("b.png", "c.jpg")):
        photo_file(f"photos/{name}", seed)
    whole = (tmp_path / "photos" / "c.jpg").read_bytes()
    (tmp_path / "photos" / "a.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "photos" / "notes.txt").write_text("Not a photo.", "utf-8")
    return Path("photos")


def test_each_photo_gets_a_picture_and_its_masks(run_example, photos, models):
    run_example("yolo_sam_annotation.py", photos, "--out", "done", *models)
    assert sorted(path.name for path in Path("done").iterdir()) == ["b-masks.json", "b-overlay.png", "c-masks.json", "c-overlay.png"]
    for name in ("b.png", "c.jpg"):
        stem = Path(name).stem
        written = json.loads(Path(f"done/{stem}-masks.json").read_text("utf-8"))
        assert written["source"] == str(photos / name)
        assert [used["model"] for used in written["provenance"]] == ["yolo", "onnx-sam"]
        assert len(written["masks"]) == len(written["detections"]["labels"]) > 0
        for mask in written["masks"]:
            assert mask["label"] == written["detections"]["labels"][mask["detection_index"]]
            assert Mask.from_coco_rle(mask["segmentation"]).area == mask["area"]
        assert (np.asarray(Image.open(f"done/{stem}-overlay.png")) != np.asarray(Image.open(photos / name))).any()


def test_a_photo_that_cannot_be_read_is_named_and_the_others_are_done(run_example, photos, models):
    done = run_example("yolo_sam_annotation.py", photos, *models)
    assert done.status == 1
    assert done.errors.startswith("not annotated: image 0 (photos/a.jpg): ")
    assert "truncated" in done.errors
    assert "a.jpg" not in done.output
    (photos / "a.jpg").unlink()
    assert run_example("yolo_sam_annotation.py", photos, *models).status == 0


def test_the_table_has_the_seconds_of_each_photo_and_stage(run_example, photos, models):
    lines = run_example("yolo_sam_annotation.py", photos, *models).output.splitlines()
    table = [line.split() for line in lines[lines.index("") + 1 :]]
    assert table[0] == ["seconds", "read", "detect", "encode", "segment", "clean", "write", "total"]
    assert [row[0] for row in table[1:]] == ["b.png", "c.jpg", "mean"]
    numbers = np.array([row[1:] for row in table[1:]], float)
    assert (numbers[:, -2] > 0).all()
    assert numbers[:, :-1].sum(axis=1) == pytest.approx(numbers[:, -1], abs=0.004)
    assert numbers[:2].mean(axis=0) == pytest.approx(numbers[2], abs=0.002)


def test_only_what_was_asked_for_is_annotated(run_example, photos, models):
    run_example("yolo_sam_annotation.py", photos, "--only", "dog", "--out", "done", *models)
    labels = [mask["label"] for path in Path("done").glob("*.json") for mask in json.loads(path.read_text("utf-8"))["masks"]]
    assert set(labels) == {"dog"}


def test_photos_of_one_name_do_not_overwrite_one_another(run_example, photo_file, models):
    folder = photo_file("photos/b.png").parent
    photo_file("photos/b.jpg", seed=1)
    run_example("yolo_sam_annotation.py", folder, "--out", "done", *models)
    sources = {path.name: json.loads(path.read_text("utf-8"))["source"] for path in Path("done").glob("*.json")}
    assert sources == {"b-masks.json": "photos/b.jpg", "b-2-masks.json": "photos/b.png"}


def test_a_folder_without_photos_is_refused(run_example, tmp_path):
    done = run_example("yolo_sam_annotation.py", tmp_path)
    assert (done.status, done.output) == (1, "")
    assert "no photos" in done.errors


@pytest.mark.shared
@pytest.mark.weights
def test_it_annotates_a_real_photo_with_yolo_and_mini_sam(shared, mini_sam, tmp_path):
    weights, photo = shared / "weights" / "yolo" / "yolov8n_int8.onnx", shared / "data" / "ultralytics" / "bus.jpg"
    for path in (weights, photo):
        if not path.is_file():
            pytest.skip(f"there is no {path.name} beside the project")
    (tmp_path / "photos").mkdir()
    shutil.copy(photo, tmp_path / "photos")
    environment = {**os.environ, "PYTHONPATH": str(Path(promptseg.__file__).resolve().parents[1])}
    command = [sys.executable, str(EXAMPLE), "photos", "--detector", f"yolo={weights}"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "annotations" / "bus-masks.json").read_text("utf-8"))
    masks = {label: [mask for mask in written["masks"] if mask["label"] == label] for label in ("person", "bus")}
    assert (len(masks["person"]), len(masks["bus"])) == (4, 1)
    assert masks["bus"][0]["area"] > 200_000
    assert not any(mask["from_box"] for mask in written["masks"])
