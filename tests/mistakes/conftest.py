"""A folder as a beginner has it: images, annotations, pipeline files and weights, right ones and wrong ones; and two quick models."""

import json

import numpy as np
import pytest
from PIL import Image

from promptseg.testing import FakeDetector, FakeSegmenter

CONFIGS = {
    "typo.yaml": "detect: {model: finder, treshold: 0.4}",
    "stage.yaml": "segment: {model: cutter, threshold: 0.4}",
    "top.yaml": "model: cutter",
    "type.yaml": "clean: {min_area: many}",
    "range.yaml": "detect: {model: finder, threshold: 30}",
    "broken.yaml": "segment: [cutter",
    "list.yaml": "[segment, detect]",
    "empty.yaml": "",
    "text.txt": "segment: {model: cutter}",
    "kind.yaml": "segment: {model: finder}",
    "device.yaml": "segment: {model: cutter, options: {device: cpu}}",
    "license.yaml": "segment: {model: cutter}\nlicenses: mit",
    "good.yaml": "segment: {model: cutter}",
}


@pytest.fixture
def folder(tmp_path, monkeypatch, photo, add_model):
    """The folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    add_model("cutter", "segmenter", lambda _: FakeSegmenter(), options={"threads": None})
    add_model("finder", "detector", lambda _: FakeDetector({"dog": (5, 5, 20, 20)}))
    add_model("lacking", "segmenter", lambda _: FakeSegmenter(), requires=("no_such_module",), install="pip install 'promptseg[sam]'")
    image = Image.fromarray(photo(60, 80))
    image.save("a.png")
    for name in ("images", "masks", "none"):
        (tmp_path / name).mkdir()
    image.save("images/a.png")
    mask = np.zeros((60, 80), np.uint8)
    mask[10:30, 10:40] = 255
    Image.fromarray(mask).save("masks/a.png")
    Image.fromarray(mask[:, :40]).save("half.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("this is no image")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:900])
    (tmp_path / "page.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n")
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(64))
    (tmp_path / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "page.html").write_text("<!doctype html><html></html>")
    (tmp_path / "array.npy").write_bytes(b"\x93NUMPY\1\0" + bytes(64))
    for name, text in CONFIGS.items():
        (tmp_path / name).write_text(text)
    box = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [10, 10, 20, 20],
        "area": 400,
        "iscrowd": 0,
        "segmentation": [[10, 10, 30, 10, 30, 30]],
    }
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "width": 80, "height": 60}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [box],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    (tmp_path / "other.json").write_text('{"hello": 1}')
    (tmp_path / "cut.json").write_text(json.dumps(coco)[:60])
    (tmp_path / "weights.pt").write_bytes(b"no weights at all")
    (tmp_path / "weights.onnx").write_bytes(b"no weights at all")
    (tmp_path / "weights.pth").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    return tmp_path
