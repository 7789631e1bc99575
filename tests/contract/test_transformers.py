"""Contracts of detectors and concept segmenters for the models of transformers, with tiny random weights."""

import pytest

from promptseg.results import Provenance
from promptseg.testing import FakeSegmenter
from promptseg.testing.contracts import ConceptContract, DetectorContract

PROVENANCE = Provenance("tiny", "tests", "test 1", {"tiny": 64 * "0"}, "Apache-2.0")


def cpu():
    import torch

    return torch.device("cpu")


@pytest.fixture(scope="module")
def owlv2(saved_models):
    from promptseg.models.transformers.owlv2.model import Owlv2

    return Owlv2(saved_models("owlv2")[1], PROVENANCE, cpu())


class TestOwlv2(DetectorContract):
    needs_phrases = True

    @pytest.fixture(scope="module")
    @staticmethod
    def detector(owlv2):
        from promptseg.models.phrases import PhraseSettings
        from promptseg.models.transformers.owlv2.detector import Owlv2Detector

        return Owlv2Detector(owlv2, PhraseSettings(threshold=0))


class TestOwlv2Concepts(ConceptContract):
    @pytest.fixture(scope="module")
    @staticmethod
    def concepts(owlv2):
        from promptseg import EmbeddingCache
        from promptseg.models.transformers.owlv2.concepts import Owlv2Concepts, Owlv2ConceptSettings

        return Owlv2Concepts(owlv2, FakeSegmenter(), Owlv2ConceptSettings(threshold=0, max_instances=5), EmbeddingCache())


class TestMMGroundingDino(DetectorContract):
    needs_phrases = True

    @pytest.fixture(scope="module")
    @staticmethod
    def detector(saved_models):
        from promptseg.models.grounding_dino import mm_engine
        from promptseg.models.grounding_dino.captions import WordPieceTokenizer
        from promptseg.models.grounding_dino.detector import GroundingDino
        from promptseg.models.grounding_dino.preprocessing import InputSize
        from promptseg.models.grounding_dino.torch_model import TorchGrounding
        from promptseg.models.phrases import PhraseSettings

        folder = saved_models("mm_grounding")[1]
        model = TorchGrounding(mm_engine.from_folder(folder, "tiny"), PROVENANCE, cpu())
        return GroundingDino(model, WordPieceTokenizer.from_file(folder / "vocab.txt"), PhraseSettings(threshold=0), InputSize(64, 107))


class TestOmDetTurbo(DetectorContract):
    needs_phrases = True

    @pytest.fixture(scope="module")
    @staticmethod
    def detector(saved_models):
        from promptseg.models.phrases import PhraseSettings
        from promptseg.models.transformers.omdet.detector import OmDetDetector
        from promptseg.models.transformers.omdet.model import OmDetTurbo

        return OmDetDetector(OmDetTurbo(saved_models("omdet")[1], PROVENANCE, cpu()), PhraseSettings(threshold=0))
