import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from promptseg import Mask
from promptseg.models.sam.geometry import MASK_PROMPT_LOGIT, ResizeLongestSide, StretchToSquare

sides = st.integers(1, 3000)


class TestLongestSide:
    @pytest.mark.parametrize(
        ("size", "content_size"),
        [
            ((1200, 1800), (683, 1024)),
            ((1800, 1200), (1024, 683)),
            ((1024, 1024), (1024, 1024)),
            ((3, 4), (768, 1024)),
            ((1, 5000), (1, 1024)),
        ],
    )
    def test_the_longer_side_fills_the_model_input_and_the_other_is_rounded(self, size, content_size):
        assert ResizeLongestSide(size).content_size == content_size

    @given(sides, sides)
    def test_the_content_fits_into_the_model_input_and_touches_its_end(self, height, width):
        content_size = ResizeLongestSide((height, width)).content_size
        assert max(content_size) == 1024
        assert min(content_size) >= 1

    @given(sides, sides)
    def test_the_logits_that_show_the_image_cover_it(self, height, width):
        geometry = ResizeLongestSide((height, width))
        for logits, pixels in zip(geometry.low_res_content_size(), geometry.content_size, strict=True):
            assert 4 * (logits - 1) < pixels <= 4 * logits

    def test_the_corners_of_the_image_are_mapped_to_the_corners_of_the_content(self):
        geometry = ResizeLongestSide((1200, 1800))
        assert geometry.to_input(np.float32([(0, 0), (1800, 1200)])).tolist() == [[0, 0], [1024, 683]]

    def test_points_of_any_leading_shape_are_mapped(self):
        points = np.random.default_rng(0).uniform(0, 100, (2, 3, 2)).astype(np.float32)
        mapped = ResizeLongestSide((100, 200)).to_input(points)
        assert mapped.shape == (2, 3, 2)
        assert mapped.dtype == np.float32
        np.testing.assert_allclose(mapped, points * 5.12, rtol=1e-6)


class TestSquare:
    @given(sides, sides)
    def test_every_image_fills_the_model_input(self, height, width):
        geometry = StretchToSquare((height, width))
        assert geometry.content_size == (1024, 1024)
        assert geometry.low_res_content_size() == (256, 256)
        assert geometry.to_input(np.float32([width, height])).tolist() == [1024, 1024]

    def test_each_axis_has_its_own_scale(self):
        assert StretchToSquare((512, 2048)).to_input(np.float32([[100, 100]])).tolist() == [[50, 200]]


class TestResize:
    @pytest.mark.parametrize("kind", [ResizeLongestSide, StretchToSquare])
    def test_the_resized_image_has_the_content_size(self, kind, photo):
        geometry = kind((30, 40), input_size=64, low_res=16)
        resized = geometry.resize(photo(30, 40))
        assert resized.shape == (*geometry.content_size, 3)
        assert resized.dtype == (np.uint8 if isinstance(geometry, ResizeLongestSide) else np.float32)

    def test_the_filter_is_pillows_antialiased_bilinear_one(self, photo):
        image = photo(90, 120)
        expected = np.asarray(Image.fromarray(image).resize((32, 24), Image.Resampling.BILINEAR))
        assert np.array_equal(ResizeLongestSide((90, 120), input_size=32, low_res=8).resize(image), expected)


class TestAxisWeights:
    @given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([ResizeLongestSide, StretchToSquare]))
    def test_each_image_pixel_is_a_weighted_mean_of_logits(self, height, width, kind):
        rows, columns = kind((height, width)).axis_weights()
        assert rows.shape == (height, 256)
        assert columns.shape == (width, 256)
        for weights in (rows, columns):
            assert weights.dtype == np.float32
            assert weights.min() >= 0
            np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)

    def test_logits_of_the_padding_reach_no_further_than_the_edge(self):
        rows, columns = ResizeLongestSide((100, 200)).axis_weights()
        assert not rows[:, 129:].any()  # The image is 512 of 1024 high: logits 0 to 127, and one for the last interpolation step.
        assert columns[:, 255].any()

    @given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([ResizeLongestSide, StretchToSquare]))
    def test_no_image_pixel_depends_on_logits_outside_the_part_that_is_used(self, height, width, kind):
        geometry = kind((height, width))
        used = geometry.low_res_used()
        rows, columns = geometry.axis_weights()
        assert not rows[:, used[0] :].any()
        assert not columns[:, used[1] :].any()
        assert max(used) <= 256

    def test_an_image_of_the_logits_own_size_is_not_interpolated(self):
        rows, columns = StretchToSquare((256, 256)).axis_weights()
        assert np.array_equal(rows, np.eye(256))
        assert np.array_equal(columns, np.eye(256))


class TestMaskToLogits:
    def test_the_mask_is_plus_and_the_rest_is_minus_the_padding_too(self):
        pixels = np.zeros((100, 200), bool)
        pixels[:50, :100] = True
        logits = ResizeLongestSide((100, 200)).mask_to_logits(Mask.from_array(pixels))
        assert logits.shape == (256, 256)
        assert logits.dtype == np.float32
        assert (logits[:63, :127] == MASK_PROMPT_LOGIT).all()
        assert (logits[65:] == -MASK_PROMPT_LOGIT).all()
        assert (logits[:, 129:] == -MASK_PROMPT_LOGIT).all()

    @pytest.mark.parametrize("kind", [ResizeLongestSide, StretchToSquare])
    @pytest.mark.parametrize("size", [(1, 1), (3, 700), (700, 3), (256, 256), (999, 640)])
    def test_a_full_mask_is_plus_wherever_the_image_is(self, kind, size):
        geometry = kind(size)
        height, width = geometry.low_res_content_size()
        logits = geometry.mask_to_logits(Mask.from_array(np.ones(size, bool)))
        np.testing.assert_allclose(logits[:height, :width], MASK_PROMPT_LOGIT, rtol=1e-5)
        assert (logits[height:] == -MASK_PROMPT_LOGIT).all()
        assert (logits[:, width:] == -MASK_PROMPT_LOGIT).all()

    def test_a_logit_says_what_share_of_its_pixels_the_mask_covers(self):
        pixels = np.zeros((512, 512), bool)
        pixels[0, 0] = True  # A quarter of the first logit's 2 x 2 pixels.
        assert ResizeLongestSide((512, 512)).mask_to_logits(Mask.from_array(pixels))[0, 0] == pytest.approx(-MASK_PROMPT_LOGIT / 2)
        pixels = np.zeros((1024, 1024), bool)
        pixels[0, 0] = True  # A sixteenth, at the corner of the first logit's 4 x 4 pixels: (2 / 16 - 1) x 8.
        assert ResizeLongestSide((1024, 1024)).mask_to_logits(Mask.from_array(pixels))[0, 0] == pytest.approx(-7)


def test_geometries_are_values():
    assert ResizeLongestSide((3, 4)) == ResizeLongestSide((3, 4))
    assert len({ResizeLongestSide((3, 4)), ResizeLongestSide((3, 4)), StretchToSquare((3, 4))}) == 2


def test_a_stretched_image_is_not_rounded_to_whole_numbers():
    image = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    resized = StretchToSquare((30, 50), input_size=64, low_res=16).resize(image)
    rounded = np.asarray(Image.fromarray(image).resize((64, 64), Image.Resampling.BILINEAR))
    assert resized.dtype == np.float32
    assert resized.shape == (64, 64, 3)
    assert 0.4 < np.abs(resized - rounded).max() < 1.01  # Pillow rounds after each of two passes.
