"""Preprocessor files: what is read of them, and what is refused."""

import json

import numpy as np
import pytest

from promptseg.errors import WeightsMismatchError
from promptseg.models.detr.preprocessing import OF_FAMILY, ModelInput, read_preprocessor

FILE = {"size": {"height": 48, "width": 64}, "image_mean": [0.1, 0.2, 0.3], "image_std": [1, 2, 4]}


def read(tmp_path, family="rf_detr", **values):
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps({name: value for name, value in {**FILE, **values}.items() if value is not None}), "utf-8")
    return read_preprocessor(path, family)


def test_size_and_statistics_are_those_of_the_file(tmp_path):
    assert read(tmp_path, do_normalize=True) == ModelInput((48, 64), (0.1, 0.2, 0.3), (1, 2, 4), antialias=False)
    assert read(tmp_path, do_normalize=False) == ModelInput((48, 64), antialias=False)


def test_what_the_file_does_not_say_is_of_the_family(tmp_path):
    assert read(tmp_path, "d_fine", size=None) == OF_FAMILY["d_fine"] == ModelInput((640, 640))
    assert read(tmp_path, image_mean=None, image_std=None).mean == OF_FAMILY["rf_detr"].mean


def test_one_number_is_the_size_of_both_sides(tmp_path):
    assert read(tmp_path, size=384).size == (384, 384)


def test_an_image_is_squashed_to_the_size_and_normalized(tmp_path):
    values = read(tmp_path)(np.full((10, 100, 3), 255, np.uint8))
    assert (values.shape, values.dtype) == ((3, 48, 64), np.float32)
    np.testing.assert_allclose(values[:, 7, 9], [0.9, 0.4, 0.175], rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": {"shortest_edge": 800, "longest_edge": 1333}}, "has size .*, expected a height and a width"),
        ({"size": None}, "has size None"),
        ({"size": {"height": 1 << 20, "width": 64}}, "expected a height and a width of at most 2048 pixels"),
        ({"size": {"height": True, "width": 64}}, "has size"),
        ({"size": "big"}, "has size 'big'"),
        ({"do_rescale": False}, "has do_rescale=False by"),
        ({"rescale_factor": 1.0}, r"by 1\.0, expected true by 1 / 255"),
        ({"image_mean": [0.5]}, r"has image_mean=\[0\.5\]"),
        ({"image_std": [0, 1, 1]}, "has image_std=.*, expected a number each"),
        ({"image_std": "x"}, "has image_std='x'"),
    ],
)
def test_a_file_that_describes_something_else_is_refused(values, message, tmp_path):
    with pytest.raises(WeightsMismatchError, match=message):
        read(tmp_path, **values)


@pytest.mark.parametrize("content", ["[]", "{", "3"])
def test_a_damaged_file_is_refused(content, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(content, "utf-8")
    with pytest.raises(WeightsMismatchError, match=r"preprocessor_config\.json"):
        read_preprocessor(tmp_path / "preprocessor_config.json", "rf_detr")
