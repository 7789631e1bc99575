"""The algebra of the folded norms, in double precision."""

import numpy as np
import pytest

from promptseg.models.sam.onnx.folding import Folded
from reference_decoder import HEADS, WIDTH


@pytest.mark.parametrize("tokens", [1, 7])
def test_both_norms_of_the_image_are_the_low_rank_form_times_scales(tokens, weights, reference):
    random = np.random.default_rng(tokens)
    folded = Folded(weights)
    image = random.normal(size=(50, WIDTH))
    values = random.normal(size=(2, HEADS, tokens, WIDTH // 16))
    shares = random.dirichlet(np.ones(tokens), size=(2, 50, HEADS))

    def norm(layer, value):
        joined = np.einsum("ihn,hnd->ihd", shares[layer], values[layer]).reshape(50, -1)
        added = reference.linear(f"transformer.layers.{layer}.cross_attn_image_to_token.out_proj", joined)
        return reference.norm(f"transformer.layers.{layer}.norm4", value + added)

    def rows(layer, rows):
        return (values[layer] @ rows.weight + rows.bias).reshape(-1, WIDTH)

    def scale(value):
        centered = value - value.mean(axis=-1, keepdims=True)
        return 1 / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + 1e-5)

    p0, p1 = shares.reshape(2, 50, -1)
    first = norm(0, image)
    s1 = scale(image @ folded.x0c + p0 @ rows(0, folded.d0c))
    np.testing.assert_allclose(s1 * (image @ folded.x1 + p0 @ rows(0, folded.d01)) + folded.b1, first, atol=1e-9)
    s2 = scale(s1 * (image @ folded.x1c + p0 @ rows(0, folded.d01c)) + p1 @ rows(1, folded.d1c))
    second = s1 * s2 * (image @ folded.x2 + p0 @ rows(0, folded.d02)) + s2 * (p1 @ rows(1, folded.d12)) + folded.b2
    np.testing.assert_allclose(second, norm(1, first), atol=1e-9)
