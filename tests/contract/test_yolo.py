"""Contract of detectors for YOLO, on small models with random weights."""

import pytest

import promptseg
from promptseg.testing.contracts import DetectorContract


class YoloContract(DetectorContract):
    phrases = ("cat", "Dogs", "ball")

    def test_the_scene_has_something_to_find(self, detector):
        found = detector.detect(self.image, self.phrases)
        assert len(found) > 3
        assert len(set(found.labels)) > 1


class TestYolo(YoloContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(tiny_yolo):
        return promptseg.load("yolo", weights=tiny_yolo("yolov8n"), device="cpu")


class TestYoloWithMasks(YoloContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(tiny_yolo):
        return promptseg.load("yolo", weights=tiny_yolo("yolov8n-seg"), device="cpu")


class TestYoloEndToEnd(YoloContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(tiny_yolo):
        return promptseg.load("yolo", weights=tiny_yolo("yolo26n"), device="cpu")


class TestYoloInBfloat16(YoloContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(tiny_yolo):
        return promptseg.load("yolo", weights=tiny_yolo("yolov8n"), device="cpu", dtype="bfloat16", allow_slow=True)


class TestOnnxYolo(YoloContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(tiny_onnx_yolo):
        return promptseg.load("yolo", weights=tiny_onnx_yolo())


class TestOnnxYoloWithMasks(YoloContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(tiny_onnx_yolo):
        return promptseg.load("yolo", weights=tiny_onnx_yolo(masks=4, side=None))
