"""Which candidate answers a prompt."""

import numpy as np
import pytest

from promptseg.prompts import Prompt
from promptseg.sam import choose
from promptseg.sam.model import Candidates

POINT = Prompt.point(3, 4)
MASK = Prompt.mask(np.ones((8, 8), np.float32))


def test_a_single_point_may_mean_several_objects():
    assert choose.is_ambiguous(POINT)
    assert choose.is_ambiguous(Prompt.point(3, 4, foreground=False))
    assert choose.considered(POINT, Candidates()) == (1, 2, 3)


@pytest.mark.parametrize(
    "prompt",
    [
        POINT + Prompt.point(9, 9),
        POINT + Prompt.point(9, 9, foreground=False),
        Prompt.box(1, 1, 9, 9),
        POINT + Prompt.box(1, 1, 9, 9),
        POINT + MASK,
        Prompt.box(1, 1, 9, 9) + MASK,
    ],
)
def test_any_other_prompt_means_one_object(prompt):
    assert not choose.is_ambiguous(prompt)
    assert choose.considered(prompt, Candidates()) == (0,)


def test_a_model_without_a_candidate_for_one_object_chooses_among_all_it_has():
    assert choose.considered(Prompt.box(1, 1, 9, 9), Candidates(ambiguous=(0, 1, 2), single=None)) == (0, 1, 2)


@pytest.mark.parametrize(
    ("scores", "among", "chosen"),
    [
        ([0.9, 0.1, 0.5, 0.3], (1, 2, 3), 2),
        ([0.9, 0.1, 0.5, 0.3], (0,), 0),
        ([0.1, 0.5, 0.5, 0.5], (1, 2, 3), 1),
        ([0.2, 0.9, 0.4, 0.3], (3, 2), 2),
    ],
)
def test_the_best_score_of_those_considered_wins_and_the_first_of_equals(scores, among, chosen):
    assert choose.best(np.array(scores, np.float32), among) == chosen
