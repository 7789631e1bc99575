"""Logits of chosen candidates in a part of the grid."""

import numpy as np
import pytest

from promptseg.models.sam.model import FOREGROUND
from reference_decoder import LOW_RES, SIDE, Reference


@pytest.fixture(scope="module")
def decoded(graphs, embedding):
    prompts = [([(x, 50), (200, y)], [FOREGROUND, FOREGROUND]) for x, y in ((30, 60), (SIDE - 1, 99))]
    return graphs.decode(graphs.context(embedding), *prompts)[1]


@pytest.mark.parametrize("grid", [(16, 16), (1, 1), (11, 16), (16, 5), (4, 3)])
@pytest.mark.parametrize("candidates", [[0], [1, 2, 3], [3, 1]])
def test_a_part_of_the_logits_is_that_part_of_them_all(grid, candidates, graphs, decoded):
    everything = graphs.logits(decoded, 1)
    part = graphs.logits(decoded, 1, candidates, grid)
    assert everything.shape == (4, LOW_RES, LOW_RES)
    assert part.shape == (len(candidates), 4 * grid[0], 4 * grid[1])
    np.testing.assert_allclose(part, everything[candidates, : 4 * grid[0], : 4 * grid[1]], atol=1e-4)


def test_faint_upscaled_images_are_normalized_as_published(weights, graphs_of, embedding, no_mask, assert_close):
    """Their variance is near the epsilon of the norm."""
    faint = {name: array * np.float32(0.002) if name.startswith("output_upscaling.0") else array for name, array in weights.items()}
    prompt = [(30, 50), (200, 60)], [FOREGROUND, FOREGROUND]
    graphs = graphs_of(faint)
    _, decoded = graphs.decode(graphs.context(embedding), prompt)
    _, expected = Reference(faint).decode(embedding, no_mask, *(np.array(part) for part in prompt))
    assert_close(graphs.logits(decoded), expected)
