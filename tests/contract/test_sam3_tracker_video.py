"""Contract of video segmenters for SAM 3's tracker, on a tiny model with random weights."""

import pytest

from promptseg.results import Provenance
from promptseg.testing.contracts import VideoSegmenterContract

torch = pytest.importorskip("torch", reason="transformers needs torch")


class TestSam3TrackerVideo(VideoSegmenterContract):
    exact = False
    max_objects = 3

    @pytest.fixture(scope="class")
    @staticmethod
    def video_segmenter(tiny_sam3_tracker_video):
        from promptseg.models.sam.torch.encoding import TorchSettings
        from promptseg.models.sam.video.session import SamVideoSegmenter
        from promptseg.models.transformers.video_tracker import TransformersTracker

        provenance = Provenance("tiny-sam3", "sam3_tracker_video", "transformers", {"model.safetensors": 64 * "0"}, "LicenseRef-SAM")
        model = TransformersTracker(tiny_sam3_tracker_video(), provenance, TorchSettings(torch.device("cpu")))
        return SamVideoSegmenter(model, memory=3 * model.span.of_object(1) + 1)
