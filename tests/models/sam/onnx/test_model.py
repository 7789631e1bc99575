"""Prepared graphs of SAM's decoder in the cache, and the logits of chosen candidates."""

from types import SimpleNamespace

import numpy as np
import pytest

from promptseg.models.sam.onnx import model as onnx_model

SHA = "0123456789abcdef" * 4


@pytest.fixture
def prepare(monkeypatch):
    """``prepare()`` prepares graphs of a few bytes, and returns them by name; ``prepare.built`` counts how often they were built."""

    def run(sha=SHA):
        return onnx_model.prepare(None, sha)

    def built(_):
        run.built += 1
        return {name: name.encode() for name in onnx_model._GRAPHS}

    run.built = 0
    monkeypatch.setattr(onnx_model, "_built", built)
    return run


def test_graphs_are_built_once_and_read_from_the_cache_afterwards(prepare):
    assert prepare() == prepare() == {name: name.encode() for name in onnx_model._GRAPHS}
    assert prepare.built == 1


def test_graphs_of_other_weights_or_of_other_code_are_built_anew(prepare, monkeypatch):
    prepare()
    prepare("fedcba9876543210" * 4)
    assert prepare.built == 2
    monkeypatch.setattr(onnx_model, "graphs_code", lambda: "0badc0de")
    prepare()
    assert prepare.built == 3


class TestLogits:
    """Logits whose single value tells the prompt and the candidate."""

    @pytest.fixture
    def asked(self):
        return []

    @pytest.fixture
    def decoded(self, asked):
        def upscaling(inputs):
            asked.append(inputs)
            rows, columns = 4 * inputs["grid"]
            return [SimpleNamespace(numpy=lambda: np.broadcast_to(inputs["hyper"][:, :, None], (len(inputs["hyper"]), rows, columns)))]

        hyper = np.arange(8, dtype=np.float32).reshape(2, 4, 1)
        return onnx_model._Decoded(upscaling, 16, np.zeros((2, 4), np.float32), hyper, {"image": "kept"})

    def test_candidates_come_in_the_order_that_is_asked_for(self, decoded, asked):
        assert decoded.logits([(1, 3), (1, 0)], (33, 64))[:, 0, 0].tolist() == [7, 4]
        (inputs,) = asked
        assert (inputs["prompt"].tolist(), inputs["image"]) == ([1], "kept")
        assert inputs["grid"].tolist() == [9, 16]  # 33 rows of logits are 9 of tokens.

    def test_pairs_come_in_the_order_that_is_asked_for_and_each_prompt_is_upscaled_once(self, decoded, asked):
        logits = decoded.logits([(1, 2), (0, 3), (1, 0), (1, 2)])
        assert logits.shape == (4, 64, 64)
        assert logits[:, 63, 63].tolist() == [6, 3, 4, 6]
        assert sorted(inputs["prompt"].item() for inputs in asked) == [0, 1]

    def test_no_pairs_have_no_logits(self, decoded, asked):
        assert decoded.logits([], (8, 4)).shape == (0, 8, 4)
        assert not asked
