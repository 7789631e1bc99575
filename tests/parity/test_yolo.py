"""YOLO detectors give the boxes, scores, classes and masks of ultralytics' own predictions."""

import random
import warnings

import numpy as np
import pytest

import promptseg
from promptseg.images import load_image
from promptseg.models.yolo.letterbox import Letterbox
from promptseg.models.yolo.output import Output, YoloMetadata, decode
from promptseg.testing.contracts import murky_scene

IMAGES = ("ultralytics/bus.jpg", "ultralytics/zidane.jpg", "coco_tiny/val2017/*.jpg", "coco_person/val2017/*.jpg")


@pytest.fixture(scope="session")
def ultralytics(ultralytics_tasks):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ultralytics
        import ultralytics.data.augment
        import ultralytics.utils.nms
        import ultralytics.utils.ops

        assert ultralytics.YOLO
    return ultralytics


@pytest.fixture(scope="session")
def predict(ultralytics):
    """Return ultralytics' boxes with an area, (N, 6) with scores and classes, and masks, (N, H, W) or None, for an RGB image."""

    loaded = {}

    def run(path, pixels, **settings):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if path not in loaded:
                loaded[path] = ultralytics.YOLO(path, task="segment" if "-seg" in path.name else "detect")
            (result,) = loaded[path].predict(
                np.ascontiguousarray(pixels[:, :, ::-1]), verbose=False, retina_masks=True, device="cpu", **settings
            )
        boxes = result.boxes.data.numpy()
        has_area = (boxes[:, 2:4] > boxes[:, :2]).all(axis=1)
        return boxes[has_area], None if result.masks is None else result.masks.data.numpy().astype(bool)[has_area]

    return run


@pytest.fixture(scope="session")
def weights(shared):
    def find(name):
        path = shared / "weights" / "yolo" / name
        if not path.is_file():
            pytest.skip(f"there is no {name} beside the project")
        return path

    return find


@pytest.fixture(scope="session")
def images(shared):
    found = [path for pattern in IMAGES for path in sorted((shared / "data").glob(pattern))[:3]]
    if not found:
        pytest.skip("there are no images beside the project")
    return [load_image(path) for path in found]


def assert_equal(found, classes, boxes, masks):
    """Assert the same detections in the same order: boxes within 0.1 pixel, scores within 0.001, masks but for pixels on the outline."""
    assert list(found.labels) == [classes[int(index)] for index in boxes[:, 5]]
    np.testing.assert_allclose(found.boxes, boxes[:, :4], atol=0.1)
    np.testing.assert_allclose(found.scores, boxes[:, 4], atol=1e-3)
    if found.masks is not None and masks is not None:
        for mine, theirs in zip(found.masks, masks, strict=True):
            assert (mine.array != theirs).sum() <= 0.001 * theirs.sum() + 2


@pytest.mark.parametrize(
    "architecture", ["yolov8n", "yolov8n-seg", "yolo11n", "yolo11n-seg", "yolov5n", "yolov10n", "yolo12n", "yolo26n", "yolo26n-seg"]
)
def test_a_small_model_finds_what_ultralytics_finds(architecture, tiny_yolo, predict):
    path = tiny_yolo(architecture, scale=None if architecture == "yolo12n" else (0.33, 0.0625, 256))
    detector = promptseg.load("yolo", weights=path, device="cpu", threshold=0.02, imgsz=96)
    pixels = murky_scene()
    boxes, masks = predict(path, pixels, conf=0.02, imgsz=96, max_det=300)
    assert len(boxes) > 5
    assert_equal(detector.detect(pixels), detector.classes, boxes, masks)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "model"), [("yolov8n.pt", "yolov8n"), ("yolov8n-seg.pt", "yolov8n-seg"), ("yolov8n_int8.onnx", "yolo")])
@pytest.mark.parametrize("threshold", [0.05, 0.25])
def test_real_weights_find_what_ultralytics_finds_on_images(name, model, threshold, weights, images, predict):
    device = "cpu" if name.endswith(".pt") else "auto"
    detector = promptseg.load(model, weights=weights(name), device=device, threshold=threshold)
    for pixels in images if threshold == 0.25 else images[:2]:
        boxes, masks = predict(weights(name), pixels, conf=threshold)
        assert_equal(detector.detect(pixels), detector.classes, boxes, masks)


@pytest.mark.shared
def test_real_weights_find_a_phrase_where_ultralytics_finds_the_class(weights, images, predict):
    detector = promptseg.load("yolov8n", weights=weights("yolov8n.pt"), device="cpu", threshold=0.25)
    boxes, _ = predict(weights("yolov8n.pt"), images[0], conf=0.25, classes=[5])
    found = detector.detect(images[0], ["Buses"])
    np.testing.assert_allclose(found.boxes, boxes[:, :4], atol=0.1)
    assert set(found.labels) == {"Buses"}


def test_the_letterboxed_image_is_that_of_ultralytics(ultralytics):
    draw = random.Random(0)
    for _ in range(60):
        size = (draw.randint(1, 700), draw.randint(1, 700))
        pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        for stride in (None, 32):
            expected = ultralytics.data.augment.LetterBox((320, 320), auto=stride is not None, stride=32)(image=pixels)
            assert np.array_equal(Letterbox.fit(size, (320, 320), stride).draw(pixels), expected)


def test_boxes_in_the_image_are_those_of_ultralytics(ultralytics):
    draw = random.Random(1)
    for _ in range(200):
        size = (draw.randint(40, 3000), draw.randint(40, 3000))
        letterbox = Letterbox.fit(size, (640, 640), 32)
        boxes = np.random.default_rng(2).uniform(0, 640, (20, 4)).astype(np.float32)
        expected = ultralytics.utils.ops.scale_boxes(letterbox.input_size, boxes.copy(), size)
        # Without any padding, ultralytics estimates the scale from the input size, up to one pixel of the image off.
        tight = letterbox.input_size == letterbox.content
        np.testing.assert_allclose(letterbox.to_image(boxes), expected, atol=max(size) / 320 if tight else 1e-3)


def test_non_maximum_suppression_is_that_of_ultralytics(ultralytics):
    import torch

    generator = np.random.default_rng(3)
    for classes, iou in ((1, 0.7), (4, 0.45), (80, 0.7)):
        rows = generator.uniform(0, 1, (4 + classes, 1500)).astype(np.float32)
        rows[:2] *= 320
        rows[2:4] = 20 + 60 * rows[2:4]
        rows[4:] **= 6
        (expected,) = ultralytics.utils.nms.non_max_suppression(torch.tensor(rows[None]), 0.2, iou, max_det=150)
        metadata = YoloMetadata(tuple(map(str, range(classes))), 32, (320, 320))
        found = decode(Output(rows), metadata, range(classes), 0.2, iou, 150)
        assert len(found) > 50
        np.testing.assert_array_equal(found.classes, expected[:, 5].numpy())
        np.testing.assert_array_equal(found.scores, expected[:, 4].numpy())
        np.testing.assert_array_equal(found.boxes, expected[:, :4].numpy())
