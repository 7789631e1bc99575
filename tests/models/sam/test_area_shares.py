"""Within the box of a mask, the shares are those of the whole image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptseg import Mask
from promptseg.models.sam import area_shares as module
from promptseg.models.sam.area_shares import area_shares

sides = st.integers(1, 90)


def drawn(size, kind):
    rows, columns = np.mgrid[: size[0], : size[1]]
    if kind == "noise":
        return np.random.default_rng(1).random(size) < 0.3
    if kind == "corner":
        return (rows >= size[0] - 3) & (columns >= size[1] // 2)
    return np.full(size, kind == "full")


@given(st.tuples(sides, sides), st.tuples(st.integers(1, 40), st.integers(1, 40)), st.sampled_from(["noise", "corner", "full", "empty"]))
def test_the_shares_of_a_large_image_are_its_areas(size, parts, kind):
    pixels = drawn(size, kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LARGE", 0)
        found = area_shares(Mask.from_array(pixels), parts)
    fine = np.kron(pixels, np.ones(parts))  # Each part is `size` of these pixels.
    expected = fine.reshape(parts[0], size[0], parts[1], size[1]).mean(axis=(1, 3))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.dtype == np.float32


@pytest.mark.parametrize("kind", ["noise", "corner", "full"])
@pytest.mark.parametrize(("size", "parts"), [((300, 500), (154, 256)), ((1000, 1000), (256, 256)), ((333, 1024), (84, 256))])
def test_they_are_those_of_a_small_image_but_for_rounding(size, parts, kind, monkeypatch):
    mask = Mask.from_array(drawn(size, kind))
    small = area_shares(mask, parts)
    monkeypatch.setattr(module, "LARGE", 0)
    np.testing.assert_allclose(area_shares(mask, parts), small, atol=1e-5)
