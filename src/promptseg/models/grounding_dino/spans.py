"""Scores of phrases from the logits of their tokens.

The score of a phrase for a box is the mean probability of the tokens in the phrase's span. A phrase with alternatives has the score of its
best alternative. The authors of Grounding DINO use the mean in their evaluation on COCO, and in their demo for given spans, because
training makes every token of a phrase match the objects of the phrase. Their function ``predict`` uses the maximum over all tokens instead.
With the maximum, "red car" would have the score of "car" for a car of any color, and long phrases would score higher than short ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .captions import Span


def phrase_scores(logits: NDArray[np.float32], spans: Sequence[Span]) -> tuple[tuple[int, ...], NDArray[np.float32]]:
    """Return the score of each box for each phrase of a caption. The score of a phrase depends only on its own tokens.

    Args:
        logits: (Q, T) float32 logits of T tokens for each of Q boxes. T is at least the length of the caption.
        spans: Spans of the caption.

    Returns:
        The indices of the P phrases in ascending order, and (Q, P) float32 scores in [0, 1].
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
