"""Examples of a concept as boxes on one model input."""

import numpy as np
import pytest

from promptseg.errors import PromptError
from promptseg.masks import Mask
from promptseg.models.transformers.sam3.examples import MAX_BOXES, place
from promptseg.prompts import Concept, Prompt

BOX = Prompt.box(16, 12, 80, 60)


def never(image, prompt):
    raise AssertionError("asked")


def test_a_phrase_has_no_boxes(photo):
    placed = place(Concept("dog"), photo(), 56, never)
    assert placed.canvas is None
    assert placed.boxes.shape == (0, 4)


def test_boxes_of_the_searched_image_are_parts_of_it(photo):
    concept = Prompt.example(None, BOX) + Prompt.example(photo(), Prompt.box(0, 0, 160, 120), positive=False)
    placed = place(concept, photo(), 56, never)
    assert placed.canvas is None
    assert placed.key == ()
    np.testing.assert_allclose(placed.boxes, [[0.1, 0.1, 0.5, 0.5], [0, 0, 1, 1]])
    assert placed.positive.tolist() == [True, False]


def test_a_box_across_the_border_is_clipped(photo):
    placed = place(Prompt.example(None, Prompt.box(-10, -10, 80, 60)), photo(), 56, never)
    np.testing.assert_allclose(placed.boxes, [[0, 0, 0.5, 0.5]])


def test_a_mask_is_its_box(photo):
    pixels = np.zeros((120, 160), bool)
    pixels[12:60, 16:80] = True
    placed = place(Prompt.example(None, Prompt.mask(Mask.from_array(pixels))), photo(), 56, never)
    np.testing.assert_allclose(placed.boxes, [[0.1, 0.1, 0.5, 0.5]])


def test_the_box_at_a_point_is_asked_for(photo):
    asked = []

    def box_of(image, prompt):
        asked.append((image, prompt))
        return np.array([0, 0, 16, 12], np.float32)

    point = Prompt.point(5, 5)
    placed = place(Prompt.example(None, point), photo(), 56, box_of)
    np.testing.assert_allclose(placed.boxes, [[0, 0, 0.1, 0.1]])
    assert np.array_equal(asked[0][0], photo())
    assert repr(asked[0][1]) == repr(point)


def test_an_example_of_another_image_makes_a_canvas_with_boxes_of_both(photo):
    other = photo(60, 80, 1)
    concept = Prompt.example(other, Prompt.box(0, 0, 40, 30)) + Prompt.example(None, Prompt.box(0, 0, 80, 120), positive=False)
    placed = place(concept, photo(), 56, never)
    assert placed.canvas is not None
    np.testing.assert_allclose(placed.boxes, [[0, 0.5, 0.5, 0.75], [0, 0, 0.5, 0.5]])


def test_examples_of_one_image_share_its_place(photo):
    first, second = photo(60, 80, 1), photo(60, 80, 2)
    concepts = [Prompt.example(image, BOX) for image in (first, second, first.copy())]
    placed = place(concepts[0] + concepts[1] + concepts[2], photo(), 56, never)
    assert len(placed.canvas.cells) == 2
    assert np.array_equal(placed.boxes[0], placed.boxes[2])
    assert placed.key == place(concepts[0] + concepts[1], photo(), 56, never).key
    assert placed.key != place(concepts[0], photo(), 56, never).key


def test_an_image_of_the_same_bytes_and_another_shape_is_another_image():
    searched = np.zeros((8, 18, 3), np.uint8)
    placed = place(Prompt.example(np.zeros((18, 8, 3), np.uint8), Prompt.box(0, 0, 4, 4)), searched, 56, never)
    assert placed.canvas is not None


def test_negative_examples_alone_are_refused(photo):
    with pytest.raises(PromptError, match="add a phrase or a positive example"):
        place(Prompt.example(None, BOX, positive=False), photo(), 56, never)


def test_negative_examples_with_a_phrase_are_taken(photo):
    placed = place(Prompt.text("dog") + Prompt.example(None, BOX, positive=False), photo(), 56, never)
    assert placed.positive.tolist() == [False]


def test_too_many_examples_are_refused(photo):
    concept = Concept(None, tuple(Prompt.example(None, Prompt.box(i, 0, i + 5, 5)).examples[0] for i in range(MAX_BOXES + 1)))
    with pytest.raises(PromptError, match="at most 64 examples of a concept, got 65"):
        place(concept, photo(), 56, never)
