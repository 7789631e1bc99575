"""Contract of detectors for RF-DETR and D-FINE in torch, and for detectors in ONNX, on small models with random weights."""

import pytest

import promptseg
from detector_exports import write_rf_detr
from promptseg.testing.contracts import DetectorContract


class DetrContract(DetectorContract):
    phrases = ("cat", "Dogs", "ball")

    def test_the_scene_has_something_to_find(self, detector):
        found = detector.detect(self.image, self.phrases)
        assert len(found) > 3
        assert len(set(found.labels)) > 1


class TestRfDetr(DetrContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(saved_models):
        return promptseg.load("rf-detr-nano", weights=saved_models("rf_detr")[1], device="cpu")


class TestRfDetrSeg(DetrContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(saved_models):
        return promptseg.load("rf-detr-seg-nano", weights=saved_models("rf_detr_seg")[1], device="cpu")


class TestDFineInBfloat16(DetrContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(saved_models):
        return promptseg.load("d-fine-n", weights=saved_models("d_fine")[1], device="cpu", dtype="bfloat16", allow_slow=True)


class TestOnnxRfDetrSeg(DetrContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(exported_detectors):
        return promptseg.load("rf-detr-seg-nano", weights=exported_detectors("rf_detr_seg"))


class TestOnnxDFineOfItsAuthors(DetrContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(exported_detectors):
        return promptseg.load("d-fine-n", weights=exported_detectors("d_fine", "authors"), names=["dog", "cat", "sports ball"])


class TestOnnxGroundingDino(DetectorContract):
    needs_phrases = True

    @pytest.fixture(scope="class")
    @staticmethod
    def detector(exported_detectors):
        return promptseg.load("grounding-dino-swin-t", weights=exported_detectors("grounding"), threshold=0)


class TestOnnxRfDetrSegWithoutTorch(DetrContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(tmp_path_factory):
        path = write_rf_detr(tmp_path_factory.mktemp("rf_detr") / "model.onnx")
        return promptseg.load("rf-detr-seg-nano", weights=path, names=["N/A", "dog", "cat", "sports ball"])
