"""How images become the input of an encoder of transformers."""

import json
from pathlib import Path

import pytest

from promptseg.errors import WeightsMismatchError
from promptseg.models.sam.geometry import PIXEL_MEAN, PIXEL_STD, ResizeLongestSide, StretchToSquare
from promptseg.models.sam.onnx.layouts import Pair
from promptseg.models.sam.onnx.preprocessing import preprocessing_of


def pair(grid, maps):
    names = ["image_embeddings", "image_positional_embeddings"] if maps == 2 else [f"image_embeddings.{level}" for level in (2, 1, 0)]
    return Pair(Path("encoder.onnx"), Path("decoder.onnx"), None, "transformers-js", dict.fromkeys(names, (None, 256, grid, grid)))


@pytest.fixture
def told(tmp_path):
    """``told(values)`` writes a preprocessor configuration."""

    def write(values):
        path = tmp_path / "preprocessor_config.json"
        path.write_text(json.dumps(values), "utf-8")
        return path

    return write


class TestKnownValues:
    """Where no file tells them."""

    def test_sam_fills_the_longer_side_and_pads(self):
        found = preprocessing_of(pair(64, 2), None, None)
        assert (found.side, found.mean, found.std, found.stretched) == (1024, PIXEL_MEAN, PIXEL_STD, False)
        assert found.geometry((300, 400), 256) == ResizeLongestSide((300, 400), 1024, 256)

    def test_sam_2_stretches(self):
        found = preprocessing_of(pair(64, 3), None, 1024)
        assert (found.side, found.mean, found.stretched) == (1024, PIXEL_MEAN, True)
        assert found.geometry((300, 400), 256) == StretchToSquare((300, 400), 1024, 256)

    def test_sam_3_is_known_by_14_pixels_an_image_token(self):
        found = preprocessing_of(pair(72, 3), None, 1008)
        assert (found.side, found.mean, found.std, found.stretched) == (1008, (127.5,) * 3, (127.5,) * 3, True)


class TestFile:
    def test_it_tells_size_padding_and_normalization(self, told):
        values = {"size": {"longest_edge": 512}, "image_mean": [0.5, 0.25, 0], "image_std": [1, 0.5, 0.25], "rescale_factor": 0.01}
        found = preprocessing_of(pair(32, 3), told(values), None)
        assert (found.side, found.stretched) == (512, False)
        assert found.mean == pytest.approx((50, 25, 0))
        assert found.std == pytest.approx((100, 50, 25))

    def test_what_it_leaves_out_has_the_usual_value(self, told):
        found = preprocessing_of(pair(64, 3), told({"size": {"height": 1024, "width": 1024}, "do_pad": None}), 1024)
        assert found.mean == pytest.approx(PIXEL_MEAN)
        assert found.std == pytest.approx(PIXEL_STD)

    def test_values_may_stay_as_they_are(self, told):
        values = {"size": {"height": 64, "width": 64}, "do_normalize": False, "do_rescale": False}
        found = preprocessing_of(pair(4, 3), told(values), None)
        assert (found.mean, found.std) == ((0, 0, 0), (1, 1, 1))

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ([], "is not a preprocessor configuration: expected an object"),
            ({}, "has the size None, expected a longest_edge, or a height and a width"),
            ({"size": 1024}, "has the size 1024"),
            ({"size": {"shortest_edge": 1024}}, "expected a longest_edge"),
            ({"size": {"height": 1024, "width": 512}}, "that are equal"),
            ({"size": {"height": 1024}}, "has the size"),
            ({"size": {"longest_edge": 1024, "height": 1024, "width": 1024}}, "has the size"),
            ({"size": {"longest_edge": 1 << 40}}, "of at most 4096"),
            ({"size": {"longest_edge": True}}, "has the size"),
            ({"size": {"longest_edge": 1024}, "image_mean": [0.5]}, "has the image_mean .*, expected three numbers"),
            ({"size": {"longest_edge": 1024}, "image_std": [0.5, 0, 0.5]}, "has the image_std"),
            ({"size": {"longest_edge": 1024}, "image_mean": [float("nan")] * 3}, "has the image_mean"),
            ({"size": {"longest_edge": 1024}, "rescale_factor": 0}, "has the rescale_factor 0"),
            ({"size": {"longest_edge": 512}}, "takes images of 1024 x 1024 pixels, and .* says 512"),
        ],
    )
    def test_nonsense_is_refused(self, values, message, told):
        with pytest.raises(WeightsMismatchError, match=message):
            preprocessing_of(pair(64, 2), told(values), 1024)

    def test_a_size_that_does_not_fit_the_image_tokens_is_refused(self, told):
        with pytest.raises(WeightsMismatchError, match="no whole number of pixels for each of the 64 x 64 image tokens"):
            preprocessing_of(pair(64, 2), told({"size": {"longest_edge": 1000}}), None)

    def test_damaged_json_is_refused(self, tmp_path):
        path = tmp_path / "preprocessor_config.json"
        path.write_text("{")
        with pytest.raises(WeightsMismatchError, match=r"preprocessor_config\.json"):
            preprocessing_of(pair(64, 2), path, None)
