"""A tokenizer with a small vocabulary, a model that looks its logits up, and both engines."""

import types

import numpy as np
import pytest

from promptseg.results import Provenance


@pytest.fixture(scope="session")
def vocabulary(bert_vocabulary):
    """A small vocabulary: token IDs by word piece."""
    return bert_vocabulary


@pytest.fixture(scope="session")
def tokenizer(vocabulary):
    """A tokenizer with the small vocabulary."""
    pytest.importorskip("tokenizers", reason="Grounding DINO's tokenizer comes with transformers, which is not installed")
    from promptseg.models.grounding_dino.captions import WordPieceTokenizer

    return WordPieceTokenizer(vocabulary)


class NumbersModel:
    """`promptseg.models.grounding_dino.model.GroundingModel` without a network: the logits of a token are looked up.

    Attributes:
        logits: Logit for each box, by token ID.
        boxes: (Q, 4) ``cx, cy, w, h``, relative to the model input.
        captions: Captions of all calls so far, as token IDs.
    """

    provenance = Provenance("numbers", "tests", "1", {"numbers": 64 * "0"}, "Apache-2.0")

    def __init__(self, logits, boxes=((0.5, 0.5, 0.5, 0.5), (0.25, 0.25, 0.5, 0.5))):
        self.logits, self.boxes, self.captions = logits, np.array(boxes, np.float32), []

    def __call__(self, pixels, tokens):
        assert pixels.dtype == np.float32
        self.captions.append(tokens)
        return np.array([self.logits.get(token, (-9.0,) * len(self.boxes)) for token in tokens], np.float32).T, self.boxes


@pytest.fixture(scope="session")
def numbers_model():
    """The class `NumbersModel`."""
    return NumbersModel


@pytest.fixture
def tiny(tiny_grounding, monkeypatch):
    """A tiny architecture that replaces the one of variant ``swin-t`` for one test."""
    from promptseg.models.grounding_dino import architecture

    monkeypatch.setitem(architecture.ARCHITECTURES, "swin-t", tiny_grounding.architecture)
    return tiny_grounding.architecture


@pytest.fixture(scope="session")
def engines(tiny_grounding):
    """The modules of both engines."""
    from promptseg.models.grounding_dino import groundingdino_engine, transformers_engine

    return types.SimpleNamespace(original=groundingdino_engine, transformers=transformers_engine)


@pytest.fixture(scope="session")
def random_state(tiny_grounding):
    """A function that returns the tensors of a tiny original Grounding DINO: ``random_state(seed)``."""
    return tiny_grounding.state
