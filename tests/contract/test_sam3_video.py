"""Contract of concept segmenters on videos for SAM 3, on a tiny model with random weights."""

import pytest

from promptseg.testing.contracts import ConceptVideoContract

torch = pytest.importorskip("torch", reason="transformers needs torch")


class _Contract(ConceptVideoContract):
    hot_start = True

    @pytest.fixture(scope="class")
    @classmethod
    def finder(cls, tiny_sam3_video, clip_tokenizer_folder):
        from promptseg.models.sam.torch.encoding import TorchSettings
        from promptseg.models.transformers.sam3.phrases import Tokenizer
        from promptseg.models.transformers.sam3.video_model import Sam3Video
        from promptseg.models.transformers.sam3.video_session import Sam3VideoSegmenter
        from promptseg.results import Provenance

        module = tiny_sam3_video(3, score_threshold_detection=0.2, new_det_thresh=0.22, det_nms_thresh=0.5)
        provenance = Provenance("tiny-sam3", "sam3_video", "transformers", {"model.safetensors": 64 * "0"}, "LicenseRef-SAM")
        tokenizer = Tokenizer.from_folder(clip_tokenizer_folder, 600)
        return Sam3VideoSegmenter(Sam3Video(module, tokenizer, provenance, TorchSettings(torch.device("cpu")), hot_start=cls.hot_start))


class TestSam3Video(_Contract):
    pass


class TestSam3VideoWithoutDelay(_Contract):
    hot_start = False
