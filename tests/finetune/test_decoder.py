"""The packages' own decoders, through which gradients flow, answer as the engine does."""

import copy

import numpy as np
import pytest

from promptseg.prompts import Prompt
from promptseg.results import Provenance
from promptseg.sam import tokens

torch = pytest.importorskip("torch", reason="fine-tuning needs torch")

from promptseg.finetune.decoder import Sam2Decoder, SamDecoder  # noqa: E402 - It needs torch.
from promptseg.sam.torch_model import Settings, TorchSam  # noqa: E402
from promptseg.sam.torch_sam2 import TorchSam2  # noqa: E402

CPU = torch.device("cpu")
KINDS = {
    "boxes": [Prompt.box(5, 6, 40, 30), Prompt.box(0, 0, 63, 40)],
    "points": [Prompt.point(20, 20), Prompt.point(50, 9)],
    "points of two kinds": [Prompt.points([(20, 20), (3, 4)], [True, False]), Prompt.points([(9, 9), (30, 4)])],
}


@pytest.fixture(params=["sam", "sam2"])
def pair(request):
    """An engine and a decoder for training, of one model."""
    model = request.getfixturevalue("tiny_sam" if request.param == "sam" else "tiny_sam2")()
    engine, decoder = (TorchSam, SamDecoder) if request.param == "sam" else (TorchSam2, Sam2Decoder)
    return engine(copy.deepcopy(model), Provenance("tiny", "tests", "1"), Settings(CPU)), decoder(model, CPU)


@pytest.mark.parametrize("kind", KINDS)
def test_masks_and_scores_are_those_of_the_engine(kind, pair, photo):
    engine, decoder = pair
    assert decoder.conventions == engine.conventions
    (embedding,) = engine.encode([photo(48, 64)])
    geometry = decoder.geometry((48, 64))
    assert geometry == embedding.geometry
    ((_, batch),) = tokens.batches(KINDS[kind], geometry, 8, pad_boxes=engine.conventions.pads_boxes)
    logits, scores = decoder.decode(embedding.features, batch)
    decoded = engine.decode(embedding, batch)
    np.testing.assert_allclose(scores.detach().numpy(), decoded.scores, atol=1e-5)
    for row in range(len(batch)):
        expected = decoded.logits(row, range(logits.shape[1]))
        np.testing.assert_allclose(logits[row].detach().numpy(), expected, atol=1e-5 * max(1, np.abs(expected).max()))


def test_gradients_reach_the_mask_decoder_and_on_request_the_prompt_encoder(pair, photo):
    engine, decoder = pair
    (embedding,) = engine.encode([photo(48, 64)])
    ((_, batch),) = tokens.batches(KINDS["boxes"], embedding.geometry, 8, pad_boxes=engine.conventions.pads_boxes)
    few, more = decoder.parameters(prompt_encoder=False), decoder.parameters(prompt_encoder=True)
    logits, scores = decoder.decode(embedding.features, batch)
    (logits.mean() + scores.mean()).backward()
    assert sum(parameter.grad is not None for parameter in few) > 0.8 * len(few)
    others = [parameter for parameter in more if not any(parameter is one for one in few)]
    assert any(parameter.grad is not None for parameter in others)


def test_what_embeddings_depend_on_is_neither_trained_nor_kept(pair):
    _, decoder = pair
    names = decoder.state()
    assert names
    assert not any(".conv_s" in name or "image_encoder" in name for name in names)
    frozen = [parameter for name, parameter in decoder._model.named_parameters() if name not in names]
    decoder.parameters(prompt_encoder=True)
    assert not any(parameter.requires_grad for parameter in frozen)


def test_a_state_is_a_copy_that_can_be_taken_back(pair):
    _, decoder = pair
    before = decoder.state()
    with torch.no_grad():
        for parameter in decoder.parameters(prompt_encoder=True):
            parameter += 1
    changed = decoder.state()
    assert not any(torch.equal(before[name], changed[name]) for name in before if "weight" in name)
    decoder.load(before)
    assert all(torch.equal(before[name], tensor) for name, tensor in decoder.state().items())
