"""Contract of detectors for Grounding DINO on both engines, with small random weights."""

import pytest

from promptseg.results import Provenance
from promptseg.testing.contracts import DetectorContract


def make(tiny_grounding, vocabulary, folder, engine):
    import torch

    from promptseg.models.grounding_dino import groundingdino_engine, transformers_engine
    from promptseg.models.grounding_dino.captions import WordPieceTokenizer
    from promptseg.models.grounding_dino.detector import GroundingDino
    from promptseg.models.grounding_dino.preprocessing import InputSize
    from promptseg.models.grounding_dino.torch_model import TorchGrounding
    from promptseg.models.phrases import PhraseSettings

    build = {"transformers": transformers_engine, "groundingdino": groundingdino_engine}[engine].from_original
    module = build(folder, tiny_grounding.state(), tiny_grounding.architecture, "tiny")
    provenance = Provenance("tiny", "grounding_dino", "torch", {"tiny.pth": 64 * "0"}, "Apache-2.0")
    model = TorchGrounding(module, provenance, torch.device("cpu"))
    return GroundingDino(model, WordPieceTokenizer(vocabulary), PhraseSettings(threshold=0), InputSize(64, 107))


class TestTransformers(DetectorContract):
    needs_phrases = True

    @pytest.fixture(scope="module")
    @staticmethod
    def detector(tiny_grounding, bert_vocabulary, tmp_path_factory):
        return make(tiny_grounding, bert_vocabulary, tmp_path_factory.mktemp("weights"), "transformers")


class TestOriginal(DetectorContract):
    needs_phrases = True

    @pytest.fixture(scope="module")
    @staticmethod
    def detector(tiny_grounding, bert_vocabulary, tmp_path_factory):
        return make(tiny_grounding, bert_vocabulary, tmp_path_factory.mktemp("weights"), "groundingdino")
