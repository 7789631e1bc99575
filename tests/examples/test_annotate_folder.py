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

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "annotate_folder.py"


@pytest.fixture
def models(tiny_onnx_yolo, sam_pair):
    """The options that name small models."""
    return ["--detector", f"yolo={tiny_onnx_yolo()}", "--segmenter", f"onnx-sam={sam_pair}", "--threshold", 0, "--batch-size", 2]


@pytest.fixture
def images(image_file, tmp_path):
    """A folder with two images, a truncated image, and a file that is not an image."""
    for seed, name in enumerate(("b.png", "c.jpg")):
        image_file(f"images/{name}", seed)
    whole = (tmp_path / "images" / "c.jpg").read_bytes()
    (tmp_path / "images" / "a.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "images" / "notes.txt").write_text("Not an image.", "utf-8")
    return Path("images")


def test_each_image_gets_an_overlay_and_its_masks(run_example, images, models):
    run_example("annotate_folder.py", images, "--out", "done", *models)
    assert sorted(path.name for path in Path("done").iterdir()) == ["b-masks.json", "b-overlay.png", "c-masks.json", "c-overlay.png"]
    for name in ("b.png", "c.jpg"):
        stem = Path(name).stem
        written = json.loads(Path(f"done/{stem}-masks.json").read_text("utf-8"))
        assert written["source"] == str(images / name)
        assert [used["model"] for used in written["provenance"]] == ["yolo", "onnx-sam"]
        assert len(written["masks"]) == len(written["detections"]["labels"]) > 0
        for mask in written["masks"]:
            assert mask["label"] == written["detections"]["labels"][mask["detection_index"]]
            assert Mask.from_coco_rle(mask["segmentation"]).area == mask["area"]
        assert (np.asarray(Image.open(f"done/{stem}-overlay.png")) != np.asarray(Image.open(images / name))).any()


def test_an_image_that_cannot_be_read_is_named_and_the_others_are_done(run_example, images, models):
    done = run_example("annotate_folder.py", images, *models)
    assert done.status == 1
    assert done.errors.startswith("not annotated: image 0 (images/a.jpg): ")
    assert "truncated" in done.errors
    assert "a.jpg" not in done.output
    (images / "a.jpg").unlink()
    assert run_example("annotate_folder.py", images, *models).status == 0


def test_the_table_has_the_seconds_of_each_image_and_stage(run_example, images, models):
    lines = run_example("annotate_folder.py", images, *models).output.splitlines()
    table = [line.split() for line in lines[lines.index("") + 1 :]]
    assert table[0] == ["seconds", "read", "detect", "encode", "segment", "clean", "write", "total"]
    assert [row[0] for row in table[1:]] == ["b.png", "c.jpg", "mean"]
    numbers = np.array([row[1:] for row in table[1:]], float)
    assert (numbers[:, -2] > 0).all()
    assert numbers[:, :-1].sum(axis=1) == pytest.approx(numbers[:, -1], abs=0.004)
    assert numbers[:2].mean(axis=0) == pytest.approx(numbers[2], abs=0.002)


def test_only_what_was_asked_for_is_annotated(run_example, images, models):
    run_example("annotate_folder.py", images, "--only", "dog", "--out", "done", *models)
    labels = [mask["label"] for path in Path("done").glob("*.json") for mask in json.loads(path.read_text("utf-8"))["masks"]]
    assert set(labels) == {"dog"}


def test_images_of_one_name_do_not_overwrite_one_another(run_example, image_file, models):
    folder = image_file("images/b.png").parent
    image_file("images/b.jpg", seed=1)
    run_example("annotate_folder.py", folder, "--out", "done", *models)
    sources = {path.name: json.loads(path.read_text("utf-8"))["source"] for path in Path("done").glob("*.json")}
    assert sources == {"b-masks.json": "images/b.jpg", "b-2-masks.json": "images/b.png"}


def test_a_folder_without_images_is_refused(run_example, tmp_path):
    done = run_example("annotate_folder.py", tmp_path)
    assert (done.status, done.output) == (1, "")
    assert "no images" in done.errors


def test_a_model_under_agpl_is_refused_on_request(run_example, images, models):
    done = run_example("annotate_folder.py", images, *models, "--permissive")
    assert done.status == 1
    assert "AGPL-3.0" in done.errors


@pytest.mark.shared
@pytest.mark.weights
def test_it_annotates_a_real_image_with_yolo_and_mini_sam(shared, mini_sam, tmp_path):
    weights, image = shared / "weights" / "yolo" / "yolov8n_int8.onnx", shared / "data" / "ultralytics" / "bus.jpg"
    for path in (weights, image):
        if not path.is_file():
            pytest.skip(f"there is no {path.name} beside the project")
    (tmp_path / "images").mkdir()
    shutil.copy(image, tmp_path / "images")
    environment = {**os.environ, "PYTHONPATH": str(Path(promptseg.__file__).resolve().parents[1])}
    command = [sys.executable, str(EXAMPLE), "images", "--detector", f"yolo={weights}"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "annotations" / "bus-masks.json").read_text("utf-8"))
    masks = {label: [mask for mask in written["masks"] if mask["label"] == label] for label in ("person", "bus")}
    assert (len(masks["person"]), len(masks["bus"])) == (4, 1)
    assert masks["bus"][0]["area"] > 200_000
    assert not any(mask["from_box"] for mask in written["masks"])
