"""Least scores for phrases, from images that do not show what they name.

A detector that reads phrases scores each box for each phrase by itself, and nothing tells it that the phrase's object may be absent: what
it then gives differs from phrase to phrase. Images without the objects show how high that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..errors import ConfigError, InputError
from ..images import ImageLike
from ..protocols import Detector
from ..vocabulary import parse_phrases


def least_scores(detector: Detector, images: Iterable[ImageLike], phrases: Sequence[str], false_alarms: float = 0.0) -> dict[str, float]:
    """The least score of each phrase at which at most a share of the images would have a detection of it.

    Args:
        detector: The detector, with a low threshold of its own.
        images: Images that show none of what the phrases name. A least score is no better than they are many and like those to come.
        phrases: The phrases.
        false_alarms: That share, from 0 to 1.

    Returns:
        Scores by label, as option ``thresholds`` of Grounding DINO takes them. A phrase that is found in no more of the images than are
        allowed is not among them: the detector's own threshold does for it. No score is above 1, so that a phrase that images without it
        have at just 1 keeps that detection.

    Raises:
        ConfigError: `false_alarms` is out of range.
        InputError: There are no images, or one cannot be used.
        PromptError: A phrase does not fit the detector.
    """
    if not 0 <= false_alarms <= 1:
        raise ConfigError(f"false_alarms is a share of the images, from 0 to 1, got {false_alarms!r}")
    highest: dict[str, list[np.float32]] = {phrase.label: [] for phrase in parse_phrases(phrases)}
    count = 0
    for image in images:
        count += 1
        found = detector.detect(image, phrases)
        labels = np.array(found.labels)
        for label in set(found.labels):
            highest[label].append(found.scores[labels == label].max())
    if not count:
        raise InputError("there are no images to learn from: give some that show none of what the phrases name")
    allowed = int(false_alarms * count)
    ranked = {label: sorted(scores, reverse=True) for label, scores in highest.items()}
    # The next number above the highest score that is to be refused: scores of a threshold or more are kept. No threshold is above 1.
    return {label: float(np.nextafter(scores[allowed], np.float32(1))) for label, scores in ranked.items() if len(scores) > allowed}
