"""Inputs and saliency maps as the authors of the models make them."""

import json

import numpy as np
import pytest
from PIL import Image

from promptseg.errors import WeightsMismatchError
from promptseg.models.salient.conventions import CONVENTIONS, Conventions, with_preprocessor

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("u2net", lambda image: (image / 180 - MEAN) / STD),  # 180 is the maximum of the image.
        ("isnet", lambda image: image / 255 - 0.5),
        ("birefnet", lambda image: (image / 255 - MEAN) / STD),
    ],
)
def test_the_input_is_normalized_as_by_the_authors(variant, expected):
    image = np.random.default_rng(0).integers(0, 180, (20, 30, 3), dtype=np.uint8)
    image[0, 0] = 180
    resized = np.asarray(Image.fromarray(image).resize((16, 8), Image.Resampling.BILINEAR), float)
    prepared = CONVENTIONS[variant].prepared(image, (8, 16))
    assert prepared.dtype == np.float32
    np.testing.assert_allclose(prepared, expected(resized).transpose(2, 0, 1), atol=1e-5)


def test_a_black_image_is_prepared():
    assert np.isfinite(CONVENTIONS["u2net"].prepared(np.zeros((4, 4, 3), np.uint8), (8, 8))).all()


def test_logits_become_probabilities_and_large_ones_do_not_overflow():
    logits = np.array([[-1e9, -1, 0, 1, 1e9]], np.float32)
    found = Conventions().saliency(logits, logits=True)
    np.testing.assert_allclose(found, [[0, 0.268941, 0.5, 0.731059, 1]], atol=1e-5)
    assert Conventions().saliency(np.array([[-0.1, 0.5, 1.1]], np.float32), logits=False).tolist() == [[0, 0.5, 1]]


def test_a_map_is_stretched_where_the_authors_do_so_and_an_even_one_stays():
    map_ = np.array([[0.2, 0.3, 0.4]], np.float32)
    np.testing.assert_allclose(CONVENTIONS["isnet"].stretch(map_), [[0, 0.5, 1]], atol=1e-6)
    assert CONVENTIONS["birefnet"].stretch(map_) is map_
    even = np.full((2, 2), 0.3, np.float32)
    assert CONVENTIONS["u2net"].stretch(even) is even


class TestPreprocessors:
    def _read(self, tmp_path, **values):
        (tmp_path / "p.json").write_text(json.dumps(values))
        return with_preprocessor(CONVENTIONS["isnet"], tmp_path / "p.json")

    def test_one_for_numbers_from_0_to_1(self, tmp_path):
        found = self._read(tmp_path, image_mean=[0.4, 0.5, 0.6], image_std=[0.1, 0.2, 0.3], size={"height": 512, "width": 512})
        np.testing.assert_allclose((found.mean, found.std), ((0.4, 0.5, 0.6), (0.1, 0.2, 0.3)))
        assert found.size == (512, 512)
        assert found.stretched

    @pytest.mark.parametrize(
        ("size", "expected"), [({"height": 512, "width": 768}, (512, 768)), (512, (512, 512)), ({}, (1024, 1024))], ids=str
    )
    def test_one_for_an_input_of_another_size(self, tmp_path, size, expected):
        assert self._read(tmp_path, size=size).size == expected

    def test_one_for_numbers_from_0_to_255(self, tmp_path):
        found = self._read(tmp_path, do_rescale=False, image_mean=[128, 128, 128], image_std=[256, 256, 256])
        prepared = found.prepared(np.full((4, 4, 3), 200, np.uint8), (4, 4))
        np.testing.assert_allclose(prepared, (200 - 128) / 256, atol=1e-5)

    def test_one_that_rescales_and_normalizes_not(self, tmp_path):
        prepared = self._read(tmp_path, do_normalize=False).prepared(np.full((4, 4, 3), 51, np.uint8), (4, 4))
        np.testing.assert_allclose(prepared, 0.2, atol=1e-6)

    @pytest.mark.parametrize(
        "values",
        [
            {"image_std": [1, 0, 1]},
            {"image_mean": [1, 2]},
            {"image_mean": ["a", "b", "c"]},
            {"image_mean": float("nan")},
            {"rescale_factor": 0},
            {"size": {"height": 10**9, "width": 10**9}},
            {"size": {"height": True, "width": True}},
        ],
        ids=str,
    )
    def test_one_with_other_values_is_refused(self, tmp_path, values):
        with pytest.raises(WeightsMismatchError, match=r"p\.json"):
            self._read(tmp_path, **values)

    @pytest.mark.parametrize("content", ["[1]", "{", "[" * 100_000, "null", " " * (1 << 17)], ids=len)
    def test_what_is_no_preprocessor_is_refused(self, tmp_path, content):
        (tmp_path / "p.json").write_text(content)
        with pytest.raises(WeightsMismatchError, match=r"p\.json"):
            with_preprocessor(CONVENTIONS["isnet"], tmp_path / "p.json")
