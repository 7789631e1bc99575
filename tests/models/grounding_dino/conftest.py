"""A tokenizer with a small vocabulary, a model of numbers, and both engines."""

import types

import numpy as np
import pytest

from promptseg.results import Provenance


@pytest.fixture(scope="session")
def vocabulary(bert_vocabulary):
    """The small vocabulary: numbers of pieces."""
    return bert_vocabulary


@pytest.fixture(scope="session")
def pieces(vocabulary):
    """The tokenizer with the small vocabulary."""
    pytest.importorskip("tokenizers", reason="Grounding DINO's tokenizer comes with transformers, which is not installed")
    from promptseg.models.grounding_dino.captions import WordPieces

    return WordPieces(vocabulary)


class NumbersModel:
    """A `promptseg.models.grounding_dino.model.GroundingModel` without a network: a token's logits are looked up.

    Attributes:
        logits: For each token, its logit for each box.
        boxes: (Q, 4) center x, center y, width and height as shares.
        asked: The captions so far, as tokens.
    """

    provenance = Provenance("numbers", "tests", "1", {"numbers": 64 * "0"}, "Apache-2.0")

    def __init__(self, logits, boxes=((0.5, 0.5, 0.5, 0.5), (0.25, 0.25, 0.5, 0.5))):
        self.logits, self.boxes, self.asked = logits, np.array(boxes, np.float32), []

    def __call__(self, frame, tokens):
        assert frame.dtype == np.float32
        self.asked.append(tokens)
        return np.array([self.logits.get(token, (-9.0,) * len(self.boxes)) for token in tokens], np.float32).T, self.boxes


@pytest.fixture(scope="session")
def numbers_model():
    """The class `NumbersModel`."""
    return NumbersModel


@pytest.fixture
def tiny(tiny_grounding, monkeypatch):
    """A tiny architecture, which for one test is that of variant ``swin-t``."""
    from promptseg.models.grounding_dino import architecture

    monkeypatch.setitem(architecture.ARCHITECTURES, "swin-t", tiny_grounding.architecture)
    return tiny_grounding.architecture


@pytest.fixture(scope="session")
def engines(tiny_grounding):
    """Both engines' modules."""
    from promptseg.models.grounding_dino import groundingdino_engine, transformers_engine

    return types.SimpleNamespace(original=groundingdino_engine, transformers=transformers_engine)


@pytest.fixture(scope="session")
def random_state(tiny_grounding):
    """Makes the tensors of a tiny original Grounding DINO: ``random_state(seed)``."""
    return tiny_grounding.state
