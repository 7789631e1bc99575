"""Score thresholds for phrases, calibrated on images that do not show the objects.

A detector that reads phrases scores each box and each phrase separately. It does not know whether the object is present at all. On images
without the object, its highest score differs from phrase to phrase. Such images therefore tell which threshold each phrase needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from .._checks import between
from ..errors import InputError
from ..images import ImageLike
from ..protocols import Detector
from ..vocabulary import parse_phrases


def calibrate_thresholds(
    detector: Detector, images: Iterable[ImageLike], phrases: Sequence[str], false_alarms: float = 0.0
) -> dict[str, float]:
    """Return the lowest threshold of each phrase at which no more than a given share of the images has a false detection.

    Args:
        detector: The detector. Its own threshold must be low, because lower scores are not seen.
        images: Images that show none of the named objects. Use many, and similar ones to those that the thresholds are for.
        phrases: The phrases.
        false_alarms: Allowed share of images with a false detection of a phrase, from 0 to 1.

    Returns:
        Thresholds by label, in the form of the option ``thresholds`` of Grounding DINO. A phrase is left out if no more images than
        allowed have a detection of it: the detector's own threshold is enough. No threshold is above 1, so a false detection with a score
        of exactly 1 remains.

    Raises:
        ConfigError: `false_alarms` is out of range.
        InputError: There are no images, or one cannot be read.
        PromptError: A phrase does not fit the detector.
    """
    false_alarms = between("false_alarms", false_alarms)
    highest: dict[str, list[np.float32]] = {phrase.label: [] for phrase in parse_phrases(phrases)}
    count = 0
    for image in images:
        count += 1
        found = detector.detect(image, phrases)
        labels = np.array(found.labels)
        for label in set(found.labels):
            highest[label].append(found.scores[labels == label].max())
    if not count:
        raise InputError("there are no images to calibrate on: give some that show none of the named objects")
    allowed = int(false_alarms * count)
    ranked = {label: sorted(scores, reverse=True) for label, scores in highest.items()}
    # Detections with a score of the threshold or more are kept, so it is the next number above the highest score to refuse.
    return {label: float(np.nextafter(scores[allowed], np.float32(1))) for label, scores in ranked.items() if len(scores) > allowed}
