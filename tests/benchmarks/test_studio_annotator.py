"""The simulated person of the studio's benchmark: when it stops, what it counts, and what it takes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx2")

from promptseg import Mask


@pytest.fixture(scope="module")
def annotator():
    folder = str(Path(__file__).resolve().parents[2] / "benchmarks")
    sys.path.insert(0, folder)
    try:
        import studio_annotator
    finally:
        sys.path.remove(folder)
    return studio_annotator


def square(side):
    pixels = np.zeros((60, 80), bool)
    pixels[10 : 10 + side, 10 : 10 + side] = True
    return Mask.from_array(pixels)


TRUTH, GOOD, POOR, BAD = square(40), square(39), square(30), square(10)


class Model:
    """A model that gives prepared answers, one after another, and then the last one again."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def __call__(self, prompt):
        self.asked.append(prompt)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def test_the_first_click_is_enough_where_the_mask_looks_right(annotator):
    model = Model([GOOD])
    made = annotator.by_clicks(model, TRUTH, with_box=False)
    assert (made.actions, made.mask) == (1, GOOD)
    assert made.prompt == {"points": [[29, 29]], "foreground": [True]}


def test_a_key_is_counted_for_each_mask_that_is_passed_over(annotator):
    assert annotator.by_clicks(Model([BAD, POOR, GOOD]), TRUTH, with_box=False).actions == 3


def test_the_next_click_is_on_the_largest_error_and_sends_the_mask_before(annotator):
    model = Model([POOR], [GOOD])
    assert annotator.by_clicks(model, TRUTH, with_box=False).actions == 2
    (x, y), on = model.asked[1]["points"][1], model.asked[1]["foreground"][1]
    assert on
    assert TRUTH.array[int(y), int(x)]
    assert not POOR.array[int(y), int(x)]
    assert model.asked[1]["mask"] == POOR.to_coco_rle()


def test_a_person_who_gives_up_takes_the_best_mask_so_far(annotator):
    model = Model([BAD], [POOR], [BAD])
    made = annotator.by_clicks(model, TRUTH, with_box=False)
    assert (made.actions, made.mask) == (annotator.MOST_ACTIONS, POOR)
    assert len(made.prompt["points"]) == 2


def test_a_box_comes_before_the_clicks(annotator):
    model = Model([POOR], [GOOD])
    made = annotator.by_clicks(model, TRUTH, with_box=True)
    assert made.actions == 2
    assert model.asked[0] == {"box": [10, 10, 50, 50]}
    assert model.asked[1]["box"] == [10, 10, 50, 50]
    assert len(model.asked[1]["points"]) == 1
