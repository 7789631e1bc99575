"""Doubt: from 0 to 1, more where the scores are lower."""

from __future__ import annotations

import numpy as np
import pytest

from promptseg import Mask
from promptseg.results import PhraseCount
from promptseg.studio_server.doubt import UNKNOWN, doubt_of


def masks(*scores):
    return [Mask.from_array(np.ones((4, 5), bool), score=score) for score in scores]


def doubt(*scores, phrases=()):
    return doubt_of(masks(*scores), phrases)


def test_lower_scores_are_more_doubtful():
    assert doubt(0.9, 0.9) < doubt(0.9, 0.5) < doubt(0.5, 0.5)


@pytest.mark.parametrize("scores", [(1.0,), (0.0,), (1.2, 3.0), (-2.0,), (0.3, None)])
def test_doubt_is_a_share(scores):
    assert 0 <= doubt(*scores) <= 1


def test_where_nothing_tells_it_is_in_the_middle():
    assert doubt(None, None) == UNKNOWN
    assert doubt() == UNKNOWN


def test_an_image_where_something_was_nearly_found_is_more_doubtful_than_an_empty_one():
    nearly, not_at_all = (doubt(phrases=[PhraseCount("cup", 0, score, 0.3)]) for score in (0.29, 0.02))
    assert not_at_all < 0.1 < 0.9 < nearly <= 1
