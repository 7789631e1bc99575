"""Contract of segmenters for the torch engine, on small models with random weights."""

import pytest

from promptseg.models.sam.cache import EmbeddingCache
from promptseg.models.sam.session import SamSegmenter
from promptseg.results import Provenance
from promptseg.testing.contracts import SegmenterContract

torch = pytest.importorskip("torch", reason="the torch engine needs torch")


def make_sam2(tiny_sam2, dtype="float32"):
    from promptseg.models.sam.torch.model import TorchSettings
    from promptseg.models.sam.torch.sam2 import TorchSam2

    provenance = Provenance("tiny-sam2", "sam2", "torch", {"tiny.pt": 64 * "0"}, "Apache-2.0", dtype=dtype)
    return SamSegmenter(TorchSam2(tiny_sam2(), provenance, TorchSettings(torch.device("cpu"), getattr(torch, dtype))), EmbeddingCache())


def make(tiny_sam, dtype="float32", cache=None, **settings):
    from promptseg.models.sam.torch.model import TorchSam, TorchSettings

    sam = tiny_sam(width=64, heads=8, input_size=128, grid=8)
    sam.mask_decoder.iou_prediction_head.layers[-1].bias += 1  # Predicted IoUs are positive; those of random weights lie around 0.
    provenance = Provenance("tiny-sam", "sam", "torch", {"tiny.pth": 64 * "0"}, "Apache-2.0", dtype=dtype)
    return SamSegmenter(TorchSam(sam, provenance, TorchSettings(torch.device("cpu"), getattr(torch, dtype), **settings)), cache)


class TestTorchSam(SegmenterContract):
    rounds = 15

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(tiny_sam):
        return make(tiny_sam)


class TestTorchSamInBatchesWithACache(SegmenterContract):
    rounds = 10

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(tiny_sam):
        return make(tiny_sam, cache=EmbeddingCache(), decode_batch=5)


class TestTorchSamInBfloat16(SegmenterContract):
    rounds = 10

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(tiny_sam):
        return make(tiny_sam, dtype="bfloat16")


class TestTorchSamHq(SegmenterContract):
    rounds = 8

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(tiny_sam_hq):
        from promptseg.models.sam.torch.hq import TorchSamHq, named_hq
        from promptseg.models.sam.torch.model import TorchSettings
        from promptseg.models.sam.torch.vit import HqVitEncoder

        provenance = Provenance("tiny-sam-hq", "sam_hq", "torch", {"tiny.pth": 64 * "0"}, "Apache-2.0", dtype="float32")
        model = TorchSamHq(named_hq(tiny_sam_hq(), HqVitEncoder), provenance, TorchSettings(torch.device("cpu")))
        return SamSegmenter(model, EmbeddingCache())


class TestTorchSam2(SegmenterContract):
    rounds = 15

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(tiny_sam2):
        return make_sam2(tiny_sam2)


class TestTorchSam2InBfloat16(SegmenterContract):
    rounds = 10

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(tiny_sam2):
        return make_sam2(tiny_sam2, "bfloat16")
