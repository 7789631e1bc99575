"""Bilinear resizing: a part of it, and the mask above zero, are those of the whole."""

import numpy as np
import pytest

from promptseg.models.bilinear import mask_above_zero, resized

SIZES = [((16, 16), (61, 90)), ((16, 12), (5, 40)), ((1, 1), (7, 3)), ((9, 30), (9, 30)), ((40, 40), (3, 2)), ((2, 3), (1, 1))]


@pytest.mark.parametrize(("inputs", "outputs"), SIZES)
def test_values_are_those_of_torch(inputs, outputs, random):
    torch = pytest.importorskip("torch", reason="the comparison needs torch")
    values = random.normal(size=inputs).astype(np.float32)
    theirs = torch.nn.functional.interpolate(torch.tensor(values)[None, None], outputs, mode="bilinear", align_corners=False)[0, 0]
    np.testing.assert_allclose(resized(values, outputs), theirs.numpy(), atol=1e-5)


@pytest.mark.parametrize(("inputs", "outputs"), SIZES)
def test_a_part_is_that_of_the_whole(inputs, outputs, random):
    values = random.integers(0, 256, (*inputs, 3), dtype=np.uint8)
    rows, columns = (outputs[0] // 3, outputs[0]), (0, max(outputs[1] // 2, 1))
    whole = resized(values, outputs)
    assert whole.dtype == np.float32
    assert np.array_equal(resized(values, outputs, rows, columns), whole[slice(*rows), slice(*columns)])


@pytest.mark.parametrize(("inputs", "outputs"), SIZES)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_the_mask_is_that_of_the_whole(inputs, outputs, share, random):
    logits = np.where(random.random(inputs) < share, 1, -1).astype(np.float32) * random.random(inputs).astype(np.float32)
    mask = mask_above_zero(logits, outputs)
    assert mask.size == outputs
    assert np.array_equal(mask.array, resized(logits, outputs) > 0)


@pytest.fixture
def random():
    return np.random.default_rng(4)
