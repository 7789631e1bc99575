import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def data(tmp_path):
    """Two images, of which one has a mask."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in "ab":
        Image.new("RGB", (8, 6)).save(tmp_path / "images" / f"{name}.png")
    pixels = np.zeros((6, 8), np.uint8)
    pixels[1:3, 2:4] = 255
    Image.fromarray(pixels).save(tmp_path / "masks" / "a.png")
    return tmp_path


SOURCE = ("--images", "images", "--from", "masks=masks")


def test_annotations_are_written_in_each_format_with_a_report(run, data):
    done = run("convert", *SOURCE, "--format", "coco, yolo-seg", "--out", "out")
    assert "coco: 1 masks on 1 images in out/coco.json (1 file)" in done.stdout
    assert "yolo-seg: 1 masks on 1 images" in done.stdout
    assert (data / "out" / "yolo-seg" / "labels" / "a.txt").is_file()
    # The image without a mask is named, once.
    assert done.exit_code == 1
    assert done.stderr.count("there is no mask b.*") == 1


def test_what_was_converted_can_be_converted_again_and_evaluated(run, data):
    (data / "images" / "b.png").unlink()
    first = run("convert", *SOURCE, "--format", "cvat", "--out", "out")
    source = ("--images", "images", "--from", "cvat=out/cvat.xml")
    again = run("convert", *source, "--format", "coco", "--out", "out", "--classes", "a,b", "--json")
    assert (first.exit_code, again.exit_code, first.stderr, again.stderr) == (0, 0, "", "")
    ((report),) = json.loads(again.stdout)
    assert (report["format"], report["masks"], report["iou_min"]) == ("coco", 1, 1)
    assert [each["name"] for each in json.loads((data / "out" / "coco.json").read_text())["categories"]] == ["a", "b", "object"]
    summary = run("evaluate", "--images", "images", "--truth", "cvat=out/cvat.xml", "--summary")
    assert "1 images, 1 objects" in summary.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("convert", *SOURCE, "--format", "coc", "--out", "out"), "--format is of coco, coco-polygons"),
        (("convert", "--images", "images", "--from", "masks", "--format", "coco", "--out", "out"), "annotations are FORMAT=PATH"),
        (("convert", "--images", "images", "--from", "mask=masks", "--format", "coco", "--out", "out"), "Did you mean 'masks'"),
        (("evaluate", "--images", "images", "--masks", "masks", "--truth", "masks=masks"), "--truth replaces --masks"),
    ],
)
def test_wrong_usage_is_said(run, data, words, message):
    done = run(*words)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
