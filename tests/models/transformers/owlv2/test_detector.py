"""Boxes of the padded square in pixels of the image, and scores of phrases from those of their alternatives."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="models of transformers need torch")

from promptseg.models.transformers.owlv2.detector import by_phrase, in_image
from promptseg.vocabulary import parse_phrases

HALF = np.array([[0.25, 0.25, 0.5, 0.5]], np.float32)


@pytest.mark.parametrize(("size", "expected"), [((100, 200), (0, 0, 100, 100)), ((200, 100), (0, 0, 100, 100)), ((60, 60), (0, 0, 30, 30))])
def test_a_box_of_the_square_is_scaled_by_the_longer_side(size, expected):
    assert in_image(HALF, size).tolist() == [list(expected)]


def test_a_box_in_the_padding_has_no_area():
    ((_, y0, _, y1),) = in_image(np.array([[0.5, 0.8, 0.2, 0.2]], np.float32), (100, 200)).tolist()
    assert y0 == y1 == 100


def test_a_phrase_has_the_score_of_its_best_alternative():
    scores = np.array([[0.1, 0.7, 0.3, 0.2], [0.5, 0.4, 0.9, 0.6]], np.float32)
    asked = parse_phrases(["car|truck", "dog", "cat"])
    np.testing.assert_array_equal(by_phrase(scores, asked), np.array([[0.7, 0.3, 0.2], [0.5, 0.9, 0.6]], np.float32))
