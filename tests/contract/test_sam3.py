"""Contracts for SAM 3 on transformers, on tiny models with random weights: of concepts, and of points, boxes and masks."""

import pytest

from promptseg.models.sam.cache import EmbeddingCache
from promptseg.models.sam.session import SamSegmenter
from promptseg.results import Provenance
from promptseg.testing.contracts import ConceptContract, SegmenterContract


def make_tracker(tracker, dtype="float32"):
    import torch

    from promptseg.models.sam.torch.encoding import TorchSettings
    from promptseg.models.transformers.sam3.tracker import Sam3Tracker

    provenance = Provenance("tiny-sam3-tracker", "sam3_tracker", "transformers", {"tiny": 64 * "0"}, "LicenseRef-SAM", dtype=dtype)
    return SamSegmenter(Sam3Tracker(tracker, provenance, TorchSettings(torch.device("cpu"), getattr(torch, dtype))), EmbeddingCache())


class TestSam3(ConceptContract):
    @pytest.fixture(scope="module")
    @staticmethod
    def concepts(sam3_segmenter):
        return sam3_segmenter(cache=EmbeddingCache())


class TestSam3LiteText(ConceptContract):
    @pytest.fixture(scope="module")
    @staticmethod
    def concepts(sam3_segmenter):
        return sam3_segmenter(lite_text=True)


class TestSam3InBfloat16(ConceptContract):
    @pytest.fixture(scope="module")
    @staticmethod
    def concepts(sam3_segmenter):
        return sam3_segmenter(dtype="bfloat16", cache=EmbeddingCache())


class TestSam3Tracker(SegmenterContract):
    rounds = 10

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(tiny_sam3_tracker):
        return make_tracker(tiny_sam3_tracker())
