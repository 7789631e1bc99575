"""From the logits of tokens to the scores of phrases, by the tokens of each phrase's own span.

A phrase's score for a box is the mean of the probabilities of its tokens, and of several alternatives the best one's. The mean is what the
authors of Grounding DINO evaluate it with on COCO, and what their demonstration does where it is given the spans of phrases: in training
every token of a phrase is to answer to the phrase's objects. Their ``predict`` takes the maximum over all tokens in place of it, which
would give "red car" the score of "car" on a car of any color, and a long phrase more chances than a short one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .captions import Span


def phrase_scores(logits: NDArray[np.float32], spans: Sequence[Span]) -> tuple[tuple[int, ...], NDArray[np.float32]]:
    """Scores each box for each phrase of a caption. No phrase's score depends on another phrase's tokens.

    Args:
        logits: (Q, T) float32, of each token for each of Q boxes; T is at least the caption's length.
        spans: The caption's spans.

    Returns:
        The indices of the phrases, P of them, ascending; and (Q, P) float32 scores in [0, 1].
    """
    best: dict[int, NDArray[np.float32]] = {}
    for span in spans:
        score = _sigmoid(logits[:, span.start : span.stop]).mean(axis=1)
        best[span.phrase] = np.maximum(best[span.phrase], score) if span.phrase in best else score
    phrases = tuple(sorted(best))
    return phrases, np.stack([best[phrase] for phrase in phrases], axis=1)


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    probabilities: NDArray[np.float32] = np.exp(-np.logaddexp(np.float32(0), -logits))
    return probabilities
