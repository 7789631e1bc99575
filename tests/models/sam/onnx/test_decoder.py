"""Comparison of decoded prompts with a plain version of SAM's decoder in double precision, on random weights."""

import numpy as np
import onnx
import pytest

from promptseg.models.sam.model import BACKGROUND, BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, FOREGROUND, PADDING
from promptseg.models.sam.onnx.context import context_graph, mask_context_graph
from promptseg.models.sam.onnx.decoder import decoder_graph
from promptseg.models.sam.onnx.upscaling import upscaling_graph
from reference_decoder import GRID, SIDE

PROMPTS = {
    "point": ([(75, 50), (0, 0)], [FOREGROUND, PADDING]),
    "points": ([(75, 50), (200.5, 7.25), (2, 250), (0, 0)], [FOREGROUND, BACKGROUND, FOREGROUND, PADDING]),
    "box": ([(25, 38), (225, 160)], [BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]),
    "box and point": ([(75, 50), (25, 38), (225, 160)], [BACKGROUND, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]),
    "one token": ([(75, 50)], [FOREGROUND]),
    "many points": ([(7 * i, 250 - 9 * i) for i in range(27)], [FOREGROUND, BACKGROUND, PADDING] * 9),
}


@pytest.mark.parametrize("kind", PROMPTS)
def test_scores_and_logits_are_those_of_the_published_arithmetic(kind, graphs, reference, embedding, no_mask, assert_close):
    scores, decoded = graphs.decode(graphs.context(embedding), PROMPTS[kind])
    expected_scores, expected_logits = reference.decode(embedding, no_mask, *(np.array(part) for part in PROMPTS[kind]))
    assert np.ptp(expected_logits) > 1
    assert np.ptp(expected_scores) > 0.1
    np.testing.assert_allclose(scores[0], expected_scores, atol=1e-4)
    assert_close(graphs.logits(decoded), expected_logits)


def test_an_earlier_mask_counts_as_published(graphs, reference, embedding, earlier_mask, assert_close):
    scores, decoded = graphs.decode(graphs.context(embedding, earlier_mask), PROMPTS["box"])
    expected_scores, expected_logits = reference.decode(
        embedding, reference.dense(earlier_mask), *(np.array(part) for part in PROMPTS["box"])
    )
    np.testing.assert_allclose(scores[0], expected_scores, atol=1e-4)
    assert_close(graphs.logits(decoded), expected_logits)


@pytest.mark.parametrize("batch", [2, 5])
def test_prompts_of_a_batch_are_decoded_as_each_alone(batch, graphs, embedding):
    random = np.random.default_rng(batch)
    prompts = [(random.uniform(0, SIDE - 1, (3, 2)), random.choice([BACKGROUND, FOREGROUND], 3)) for _ in range(batch)]
    context = graphs.context(embedding)
    scores, decoded = graphs.decode(context, *prompts)
    assert scores.shape == (batch, 4)
    assert decoded["hyper"].shape == (batch, 4, 32)
    for row, prompt in enumerate(prompts):
        alone, alone_decoded = graphs.decode(context, prompt)
        np.testing.assert_allclose(scores[row], alone[0], atol=1e-4)
        np.testing.assert_allclose(graphs.logits(decoded, row), graphs.logits(alone_decoded), atol=1e-3)
    assert np.ptp(scores, axis=0).min() > 1e-3


def test_an_image_that_the_tokens_see_sharply_does_not_overflow(graphs, reference, embedding, no_mask):
    """Attention scores are then in the hundreds, so that exponentials without a shift would be infinite, and most weights are zero."""
    strong = 40 * embedding
    scores, decoded = graphs.decode(graphs.context(strong), PROMPTS["points"])
    expected_scores, expected_logits = reference.decode(strong, no_mask, *(np.array(part) for part in PROMPTS["points"]))
    np.testing.assert_allclose(scores[0], expected_scores, atol=1e-2)
    np.testing.assert_allclose(graphs.logits(decoded), expected_logits, atol=0.02 * np.abs(expected_logits).max())


def test_where_padding_lies_does_not_matter(graphs, embedding):
    context = graphs.context(embedding)
    here, there = (graphs.decode(context, ([(75, 50), at], [FOREGROUND, PADDING]))[0] for at in ((0, 0), (194, 14)))
    assert np.array_equal(here, there)


@pytest.mark.parametrize("kind", [FOREGROUND, BACKGROUND, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT, PADDING])
def test_every_kind_of_point_but_padding_has_a_position(kind, graphs, embedding):
    context = graphs.context(embedding)
    here, there = (graphs.decode(context, ([at], [kind]))[0] for at in ((25, 50), (175, 225)))
    assert bool(np.abs(here - there).max() > 1e-3) is (kind != PADDING)


def test_the_graphs_are_the_same_at_every_build_and_read_by_older_runtimes(weights):
    for make in (context_graph, mask_context_graph, decoder_graph, upscaling_graph):
        serialized = make(weights, GRID)
        model = onnx.load_from_string(serialized)
        assert (model.ir_version, [opset.version for opset in model.opset_import]) == (9, [20])
        assert make(weights, GRID) == serialized
