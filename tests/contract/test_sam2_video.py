"""Contract of video segmenters for SAM 2, on a small model with random weights."""

import copy

import pytest

from promptseg.results import Provenance
from promptseg.testing.contracts import VideoSegmenterContract

torch = pytest.importorskip("torch", reason="sam2's own code needs torch")


def make(predictor, objects):
    from promptseg.models.sam.torch.model import TorchSettings
    from promptseg.models.sam.video.model import TorchSam2Video
    from promptseg.models.sam.video.session import SamVideoSegmenter

    provenance = Provenance("tiny-sam2", "sam2_video", "torch", {"tiny.pt": 64 * "0"}, "Apache-2.0")
    model = TorchSam2Video(copy.deepcopy(predictor), provenance, TorchSettings(torch.device("cpu")))
    return SamVideoSegmenter(model, memory=objects * model.span.of_object(1) + 1)


class TestSam2Video(VideoSegmenterContract):
    exact = False
    max_objects = 3

    @pytest.fixture(scope="class")
    @staticmethod
    def video_segmenter(tiny_sam2_video):
        return make(tiny_sam2_video(), objects=3)
