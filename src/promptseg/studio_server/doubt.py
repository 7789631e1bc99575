"""How doubtful a pipeline's suggestions for an image are, from 0 to 1, so that a person can begin where it is worth most.

The rule is simple: 1 less the mean of the scores. `benchmarks/studio_doubt.py` compares it with the truth of images of COCO: on the most
doubtful third of the images, the suggestions have one to two thirds of the quality that they have on the least doubtful third. The lowest
score alone, the scores of the masks alone, and the share of scores near the threshold told less.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..masks import Mask
from ..results import PhraseCount

UNKNOWN = 0.5
"""Doubt where nothing tells: masks without scores, or nothing found and no score of what was nearly found."""


def doubt_of(masks: Sequence[Mask], phrases: Sequence[PhraseCount] = ()) -> float:
    """Return how doubtful the masks of an image are: 1 less the mean of their scores.

    Where nothing was found, it is how near the best score of a phrase came to its threshold: nothing near is no doubt.

    Args:
        masks: The masks that are suggested.
        phrases: What was found of each phrase.
    """
    scores = [mask.score for mask in masks if mask.score is not None]
    if scores:
        return _share(1 - sum(scores) / len(scores))
    if masks:
        return UNKNOWN
    near = [each.best_score / each.threshold for each in phrases if each.best_score is not None and each.threshold > 0]
    return _share(max(near)) if near else UNKNOWN


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4)
