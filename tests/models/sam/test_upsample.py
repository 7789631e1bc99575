import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptseg import Mask
from promptseg.models.sam.banded import BandedWeights
from promptseg.models.sam.geometry import ResizeLongestSide, StretchToSquare
from promptseg.models.sam.upsample import upsampler


def bilinear(image, height, width):
    """Bilinear interpolation with half-pixel centers and clamped edges, as in torch with ``align_corners=False``."""

    def along(length, out):
        position = np.clip((np.arange(out) + 0.5) * length / out - 0.5, 0, length - 1)
        low = np.floor(position).astype(int)
        return low, np.minimum(low + 1, length - 1), position - low

    top, bottom, down = along(image.shape[0], height)
    left, right, across = along(image.shape[1], width)
    rows = image[top] * (1 - down[:, None]) + image[bottom] * down[:, None]
    return rows[:, left] * (1 - across) + rows[:, right] * across


def dense(logits, geometry):
    """Return all logits at image size, computed as upstream does: for SAM in two steps, with the padding cut off between them."""
    image = logits.astype(np.float64)
    if isinstance(geometry, ResizeLongestSide):
        inner = geometry.content_size
        image = bilinear(image, geometry.input_size, geometry.input_size)[: inner[0], : inner[1]]
    return bilinear(image, *geometry.size)


def blob(kind, side, seed):
    """Return logits of a mask at the place named by `kind`."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    if kind == "noise":
        return random.normal(size=(side, side)).astype(np.float32)
    if kind == "nothing":
        return np.full((side, side), -5, np.float32)
    if kind == "everything":
        return np.full((side, side), 5, np.float32)
    if kind == "one logit":
        logits = np.full((side, side), -3, np.float32)
        logits[tuple(random.integers(0, side, 2))] = 4
        return logits
    places = {"inside": (0.3, 0.3), "top left": (0, 0), "bottom right": (1, 1), "top right": (0, 1), "left edge": (0.5, 0)}
    y, x = (share * (side - 1) for share in places[kind])
    return (side * 0.2 - np.hypot(rows - y, columns - x) + random.normal(size=(side, side)) * 0.3).astype(np.float32)


KINDS = ["noise", "nothing", "everything", "one logit", "inside", "top left", "bottom right", "top right", "left edge"]
geometries = st.builds(
    lambda kind, height, width: kind((height, width), input_size=64, low_res=16),
    st.sampled_from([ResizeLongestSide, StretchToSquare]),
    st.integers(1, 150),
    st.integers(1, 150),
)


class TestUpsampling:
    @given(geometries, st.sampled_from(KINDS), st.sampled_from([-1.0, 0.0, 0.7]), st.integers(0, 1000))
    def test_inside_the_rectangle_it_is_the_dense_result_and_outside_nothing_exceeds_the_level(self, geometry, kind, level, seed):
        logits = blob(kind, 16, seed)
        upsampled, expected = upsampler(geometry)(logits, level), dense(logits, geometry)
        x, y = upsampled.origin
        height, width = upsampled.values.shape
        assert upsampled.values.dtype == np.float32
        np.testing.assert_allclose(upsampled.values, expected[y : y + height, x : x + width], atol=1e-4)
        expected[y : y + height, x : x + width] = -np.inf
        assert expected.max() <= level + 1e-4

    @given(geometries, st.sampled_from(KINDS), st.integers(0, 1000))
    def test_the_mask_is_where_the_dense_result_is_over_0(self, geometry, kind, seed):
        logits = blob(kind, 16, seed)
        expected = dense(logits, geometry)
        mask = upsampler(geometry).mask(logits)
        assert mask.size == geometry.size
        clear = np.abs(expected) > 1e-4  # Closer to 0, the last bits of float32 decide.
        assert np.array_equal(mask.array[clear], (expected > 0)[clear])

    @given(geometries, st.sampled_from(KINDS), st.integers(0, 1000))
    def test_the_part_of_the_logits_that_is_used_gives_the_same_mask_as_all(self, geometry, kind, seed):
        logits = blob(kind, 16, seed)
        height, width = geometry.low_res_used()
        assert upsampler(geometry).mask(logits[:height, :width]) == upsampler(geometry).mask(logits)

    @given(geometries, st.sampled_from(KINDS), st.integers(0, 1000))
    def test_the_mask_is_to_the_last_bit_where_the_upsampled_logits_are_over_0(self, geometry, kind, seed):
        logits = blob(kind, 16, seed)
        upsampled = upsampler(geometry)(logits)
        assert upsampler(geometry).mask(logits) == Mask.from_crop(upsampled.values > 0, upsampled.origin, geometry.size)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("size", [(1200, 1700), (2100, 900)])
    def test_it_is_to_the_last_bit_in_a_large_image(self, kind, size):
        geometry, logits = ResizeLongestSide(size), blob(kind, 256, 5)
        upsampled = upsampler(geometry)(logits)
        assert upsampler(geometry).mask(logits) == Mask.from_crop(upsampled.values > 0, upsampled.origin, size)

    @pytest.mark.parametrize("kind", [ResizeLongestSide, StretchToSquare])
    @pytest.mark.parametrize("size", [(700, 1000), (1000, 333), (40, 60)])
    def test_it_holds_at_the_size_of_real_models(self, kind, size):
        geometry, logits = kind(size), blob("inside", 256, 3)
        expected = dense(logits, geometry)
        clear = np.abs(expected) > 1e-3
        assert np.array_equal(upsampler(geometry).mask(logits).array[clear], (expected > 0)[clear])

    def test_a_small_mask_is_upsampled_in_a_small_rectangle(self):
        logits = np.full((256, 256), -5, np.float32)
        logits[100:110, 50:60] = 5
        upsampled = upsampler(ResizeLongestSide((1000, 1000)))(logits)
        assert max(upsampled.values.shape) < 60

    def test_logits_that_are_high_in_the_padding_alone_give_an_empty_mask(self):
        logits = np.full((256, 256), -5, np.float32)
        logits[200:, :] = 5
        assert upsampler(ResizeLongestSide((100, 200)))(logits).values.size == 0
        assert upsampler(ResizeLongestSide((100, 200))).mask(logits).area == 0

    def test_logits_under_the_level_give_an_empty_rectangle(self):
        upsampled = upsampler(ResizeLongestSide((100, 200)))(np.full((256, 256), 0.5, np.float32), level=0.5)
        assert upsampled.values.shape == (0, 0)

    def test_what_is_clearly_inside_or_outside_is_not_upsampled(self, monkeypatch):
        computed = []
        apply = BandedWeights.apply

        def counted(self, values, start, stop, offset=0):
            result = apply(self, values, start, stop, offset)
            computed.append(result.size)
            return result

        monkeypatch.setattr(BandedWeights, "apply", counted)
        rows, columns = np.mgrid[:256, :256]
        disc = (100 - np.hypot(rows - 128, columns - 128)).astype(np.float32)
        mask = upsampler(ResizeLongestSide((4000, 4000))).mask(disc)
        assert mask.area == pytest.approx(np.pi * (100 * 4000 / 256) ** 2, rel=0.01)
        assert sum(computed) < mask.area / 3

    def test_the_logits_are_left_as_they_were(self):
        logits = blob("inside", 256, 0)
        logits.setflags(write=False)
        copy = logits.copy()
        upsampler(ResizeLongestSide((100, 200))).mask(logits)
        assert np.array_equal(logits, copy)


class TestMask:
    def test_score_and_logits_go_with_the_mask(self):
        logits = blob("inside", 256, 0)
        mask = upsampler(ResizeLongestSide((100, 200))).mask(logits, score=0.5)
        assert mask.score == 0.5
        assert np.array_equal(mask.logits, logits)

    def test_the_logits_can_be_left_out(self):
        assert upsampler(ResizeLongestSide((100, 200))).mask(blob("inside", 256, 0), keep_logits=False).logits is None


def test_one_geometry_has_one_upsampler():
    assert upsampler(ResizeLongestSide((100, 200))) is upsampler(ResizeLongestSide((100, 200)))
    assert upsampler(ResizeLongestSide((100, 200))) is not upsampler(StretchToSquare((100, 200)))
