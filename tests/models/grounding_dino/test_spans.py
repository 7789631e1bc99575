"""Scores of phrases from the logits of their own tokens."""

import numpy as np
import pytest

from promptseg.models.grounding_dino.captions import Span
from promptseg.models.grounding_dino.spans import phrase_scores


def logit(probability):
    return np.log(probability / (1 - probability))


def logits_of(*rows):
    """Return the logits of boxes from the probabilities of their tokens."""
    return np.array([[logit(probability) for probability in row] for row in rows], np.float32)


def test_a_phrases_score_is_the_mean_of_its_tokens():
    # [CLS] red car . dog . [SEP]
    logits = logits_of([0.9, 0.2, 0.8, 0.9, 0.1, 0.9, 0.9], [0.9, 0.6, 0.7, 0.9, 0.3, 0.9, 0.9])
    phrases, scores = phrase_scores(logits, [Span(0, 1, 3), Span(1, 4, 5)])
    assert phrases == (0, 1)
    np.testing.assert_allclose(scores, [[0.5, 0.1], [0.65, 0.3]], rtol=1e-6)


def test_a_shared_word_counts_for_each_phrase_by_its_own_token():
    # [CLS] red car . car . [SEP]: the car of "red car" is not the car of "car".
    logits = logits_of([0.9, 0.1, 0.3, 0.9, 0.8, 0.9, 0.9])
    _, scores = phrase_scores(logits, [Span(0, 1, 3), Span(1, 4, 5)])
    np.testing.assert_allclose(scores, [[0.2, 0.8]], rtol=1e-6)


def test_marks_and_full_stops_never_count():
    spans = [Span(0, 1, 3), Span(1, 4, 5)]
    logits = np.random.default_rng(0).normal(size=(6, 7)).astype(np.float32)
    changed = logits.copy()
    changed[:, [0, 3, 5, 6]] = [99, -99, -np.inf, 5]
    for found, expected in zip(phrase_scores(changed, spans), phrase_scores(logits, spans), strict=True):
        assert np.array_equal(found, expected)


def test_a_phrases_scores_do_not_depend_on_another_phrases_tokens():
    logits = np.random.default_rng(0).normal(size=(6, 7)).astype(np.float32)
    changed = logits.copy()
    changed[:, 4] += 3
    _, alone = phrase_scores(logits, [Span(0, 1, 3)])
    _, together = phrase_scores(changed, [Span(0, 1, 3), Span(1, 4, 5)])
    assert np.array_equal(together[:, :1], alone)


def test_alternatives_give_the_best_of_their_scores():
    logits = logits_of([0.5, 0.2, 0.5, 0.6], [0.5, 0.7, 0.5, 0.1])
    phrases, scores = phrase_scores(logits, [Span(3, 1, 2), Span(3, 3, 4)])
    assert phrases == (3,)
    np.testing.assert_allclose(scores, [[0.6], [0.7]], rtol=1e-6)


@pytest.mark.parametrize(("value", "score"), [(1e4, 1.0), (-1e4, 0.0), (-np.inf, 0.0), (0.0, 0.5)])
def test_extreme_logits_are_scores_all_the_same(value, score):
    _, scores = phrase_scores(np.full((1, 3), value, np.float32), [Span(0, 1, 2)])
    assert scores.dtype == np.float32
    assert scores.item() == score
