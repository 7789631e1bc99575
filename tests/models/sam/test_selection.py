"""Selection of one candidate for a prompt."""

import numpy as np
import pytest

from promptseg.errors import ConfigError
from promptseg.models.sam import selection
from promptseg.models.sam.geometry import StretchToSquare
from promptseg.models.sam.mask_batch import DecodedMasks, HostMaskBatch, Stability
from promptseg.models.sam.model import DecoderConfig
from promptseg.prompts import Prompt

POINT, BOX = Prompt.point(3, 4), Prompt.box(1, 1, 9, 9)
MASK = Prompt.mask(np.ones((8, 8), np.float32))
STABILITY = Stability(0.05, 0.98)


GEOMETRY = StretchToSquare((8, 8), 32, 8)


def decoded(prompts=1, scores=(0.9, 0.1, 0.5, 0.3), first=0.0):
    """Return decoded prompts with the same scores. All logits of candidate c are c, except those of the first, which are given."""
    logits = np.broadcast_to(np.array([first, 1, 2, 3], np.float32)[:, None, None], (prompts, 4, 8, 8)).copy()
    return DecodedMasks(np.array([scores] * prompts, np.float32), logits)


def selected(found, prompts, decoder_config=None, rule="published"):
    """Return the candidates of the prompts, and check that their masks are theirs."""
    candidates = {}
    for pairs, masks in selection.select_candidates(found, prompts, GEOMETRY, decoder_config or DecoderConfig(), rule):
        assert np.array_equal(masks.logits(), found.logits(pairs))
        candidates |= dict(pairs)
    return [candidates[row] for row in range(len(prompts))]


def chosen(prompt, decoder_config=None, rule="published", **values):
    (candidate,) = selected(decoded(**values), [prompt], decoder_config, rule)
    return candidate


def test_a_single_point_may_mean_several_objects_and_gets_the_best_of_three():
    assert selection.is_ambiguous(POINT)
    assert selection.is_ambiguous(Prompt.point(3, 4, foreground=False))
    assert chosen(POINT) == 2


@pytest.mark.parametrize(
    "prompt",
    [
        POINT + Prompt.point(9, 9),
        POINT + Prompt.point(9, 9, foreground=False),
        BOX,
        POINT + BOX,
        POINT + MASK,
        BOX + MASK,
    ],
)
def test_any_other_prompt_means_one_object_and_gets_the_single_mask(prompt):
    assert not selection.is_ambiguous(prompt)
    assert chosen(prompt) == 0


def test_a_model_without_a_candidate_for_one_object_chooses_among_all_it_has():
    assert chosen(BOX, DecoderConfig(multimask_indices=(0, 1, 2), single_mask_index=None), scores=(0.2, 0.9, 0.1)) == 1


@pytest.mark.parametrize(("prompt", "rule", "expected"), [(POINT, "single", 0), (POINT, "best", 2), (BOX, "single", 0), (BOX, "best", 2)])
def test_a_rule_of_the_users_own_holds_for_every_prompt(prompt, rule, expected):
    assert chosen(prompt, DecoderConfig(stability=STABILITY), rule) == expected


@pytest.mark.parametrize(("logit", "expected"), [(5.0, 0), (0.06, 0), (0.04, 2), (-0.04, 2), (-0.06, 0), (-5.0, 0)])
def test_a_single_mask_near_the_threshold_gives_way_where_the_model_says_so(logit, expected):
    assert chosen(BOX, DecoderConfig(stability=STABILITY), first=logit) == expected
    assert chosen(BOX, DecoderConfig(), first=logit) == 0


def test_each_of_several_prompts_gets_its_own():
    found = decoded(4)
    found.all_logits[[0, 2], 0] = 5.0
    assert selected(found, [BOX, BOX, BOX, POINT], DecoderConfig(stability=STABILITY)) == [0, 2, 0, 2]


def test_a_mask_is_as_stable_as_its_two_cuts_agree():
    logits = np.full((2, 10, 10), 1.0, np.float32)
    logits[0].flat[:2] = 0.0
    logits[1].flat[:3] = 0.0
    masks = HostMaskBatch(logits, StretchToSquare((10, 10), 40, 10))
    assert selection.are_stable(masks, STABILITY).tolist() == [True, False]


def test_an_unknown_rule_is_refused_with_those_there_are():
    assert selection.rule("best") == "best"
    with pytest.raises(ConfigError, match="published, single, best, got 'first'"):
        selection.rule("first")


@pytest.mark.parametrize(
    ("scores", "among", "expected"),
    [
        ([0.9, 0.1, 0.5, 0.3], (1, 2, 3), 2),
        ([0.9, 0.1, 0.5, 0.3], (0,), 0),
        ([0.1, 0.5, 0.5, 0.5], (1, 2, 3), 1),
        ([0.2, 0.9, 0.4, 0.3], (3, 2), 2),
    ],
)
def test_the_best_score_of_those_considered_wins_and_the_first_of_equals(scores, among, expected):
    assert selection.best(np.array(scores, np.float32), among) == expected
