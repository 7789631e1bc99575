"""Contracts of segmenters and of video segmenters for the SAM family of transformers, on tiny models with random weights."""

import pytest

from promptseg.models.sam.cache import EmbeddingCache
from promptseg.models.sam.session import SamSegmenter
from promptseg.results import Provenance
from promptseg.testing.contracts import SegmenterContract, VideoSegmenterContract


def make(tiny_hf_sam, variant, dtype="float32", **options):
    import torch

    from promptseg.backends.hf_sam import _ENGINES
    from promptseg.models.sam.torch.encoding import TorchSettings

    name, engine = _ENGINES[variant]
    provenance = Provenance(f"tiny-{variant}", "hf_sam", "transformers", {"model.safetensors": 64 * "0"}, "Apache-2.0", dtype=dtype)
    settings = TorchSettings(torch.device("cpu"), getattr(torch, dtype))
    return SamSegmenter(engine(name(tiny_hf_sam(variant)), provenance, settings, **options), EmbeddingCache())


def make_video(tiny_hf_video, variant):
    import torch

    from promptseg.models.sam.torch.encoding import TorchSettings
    from promptseg.models.sam.video.inputs import model_input
    from promptseg.models.sam.video.session import SamVideoSegmenter
    from promptseg.models.transformers.video_tracker import TransformersTracker

    provenance = Provenance(f"tiny-{variant}", "hf_video", "transformers", {"model.safetensors": 64 * "0"}, "Apache-2.0")
    model = TransformersTracker(tiny_hf_video(variant), provenance, TorchSettings(torch.device("cpu")), None, model_input, 8)
    return SamVideoSegmenter(model, memory=3 * model.span.of_object(1) + 1)


class TestSam(SegmenterContract):
    rounds = 4

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(tiny_hf_sam):
        return make(tiny_hf_sam, "sam")


class TestSamHq(SegmenterContract):
    rounds = 4

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(tiny_hf_sam):
        return make(tiny_hf_sam, "sam_hq")


class TestSam2(SegmenterContract):
    rounds = 4

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(tiny_hf_sam):
        return make(tiny_hf_sam, "sam2")


class TestEdgeTam(SegmenterContract):
    rounds = 4

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(tiny_hf_sam):
        return make(tiny_hf_sam, "edgetam")


class TestSam2Video(VideoSegmenterContract):
    exact = False
    max_objects = 3

    @pytest.fixture(scope="class")
    @staticmethod
    def video_segmenter(tiny_hf_video):
        return make_video(tiny_hf_video, "sam2")


class TestEdgeTamVideo(VideoSegmenterContract):
    exact = False
    max_objects = 3

    @pytest.fixture(scope="class")
    @staticmethod
    def video_segmenter(tiny_hf_video):
        return make_video(tiny_hf_video, "edgetam")
