"""Blocks of image tokens, positions, and the context of an image with an earlier mask."""

import numpy as np
import pytest

from promptseg.models.sam.onnx.context import Grid, context_shapes, image_positions
from reference_decoder import GRID, WIDTH


@pytest.mark.parametrize(("side", "rows"), [(64, 4), (16, 16), (32, 8), (61, 1), (36, 6), (300, 1)])
def test_a_block_has_as_many_whole_rows_as_divide_the_grid_and_fit_into_the_cache(side, rows):
    grid = Grid.of(side)
    assert (grid.rows, grid.block, grid.blocks * grid.block) == (rows, rows * side, grid.tokens)


def test_the_image_s_positions_are_the_same_for_every_image_and_lie_row_by_row(weights, reference):
    positions = image_positions(weights, GRID)
    assert positions.shape == (GRID * GRID, WIDTH)
    np.testing.assert_allclose(positions[5 * GRID + 9], reference.fourier(np.array([(9.5 / GRID, 5.5 / GRID)]))[0], atol=1e-4)


def test_the_values_of_a_context_have_the_shapes_that_other_graphs_declare(weights, graphs, embedding):
    found = graphs.context(embedding)
    declared = context_shapes(weights, GRID)
    assert set(found) == set(declared)
    for name, value in found.items():
        assert value.size == np.prod(declared[name])


def test_an_earlier_mask_gives_the_context_of_the_image_plus_its_embedding(graphs, reference, embedding, no_mask, earlier_mask):
    added = reference.dense(earlier_mask) - no_mask
    found, expected = graphs.context(embedding, earlier_mask), graphs.context((embedding + added).astype(np.float32))
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=2e-5 * np.abs(expected[name]).max(), err_msg=name)
