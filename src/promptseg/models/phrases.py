"""What detectors of phrases share: their score thresholds, and detections from a score for each box and phrase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import between, whole_number
from ..detections import Detections
from ..errors import ConfigError, PromptError, shown
from ..masks import Size
from ..vocabulary import Phrase, parse_phrase, parse_phrases


@dataclass(frozen=True)
class PhraseSettings:
    """Score thresholds, and the number of phrases per forward pass.

    Attributes:
        threshold: Minimum score of a detection.
        thresholds: Minimum score by the label of a phrase. All other phrases have `threshold`.
        phrases_per_pass: Maximum number of phrases per forward pass. None: as many as the model can read.
    """

    threshold: float = 0.05
    thresholds: Mapping[str, float] = field(default_factory=dict)
    phrases_per_pass: int | None = None

    @classmethod
    def checked(cls, options: Mapping[str, Any]) -> PhraseSettings:
        """Return the settings for the options of a load request.

        Raises:
            ConfigError: An option has an invalid value.
        """
        per_pass = options.get("phrases_per_pass")
        if per_pass is not None:
            per_pass = whole_number("option phrases_per_pass", per_pass, 1)
        given = {} if options["thresholds"] is None else options["thresholds"]
        if not isinstance(given, Mapping):
            raise ConfigError(
                f"option thresholds is a mapping from phrases to minimum scores, such as {{'red car': 0.4}}, got {shown(given)}"
            )
        try:
            thresholds = {
                parse_phrase(phrase).label: _share(value, f"of {shown(phrase)} in option thresholds") for phrase, value in given.items()
            }
        except PromptError as error:
            raise ConfigError(f"option thresholds: {error}") from error
        return cls(_share(options["threshold"], "in option threshold"), thresholds, per_pass)


@dataclass(frozen=True, eq=False)
class ScoredBoxes:
    """Boxes of one forward pass, with a score for each of the phrases that were asked in it.

    Attributes:
        boxes: (Q, 4) float32 ``xyxy`` in pixels of the image, clipped to it.
        phrases: Indices of the P phrases.
        scores: (Q, P) float32 scores in [0, 1].
    """

    boxes: NDArray[np.float32]
    phrases: Sequence[int]
    scores: NDArray[np.float32]


def asked_phrases(phrases: Sequence[str] | None, model: str) -> tuple[Phrase, ...]:
    """Return the phrases that a detector without fixed classes is asked for.

    Raises:
        PromptError: There are none, or one is blank.
    """
    if phrases is None:
        raise PromptError(f"{model} has no fixed classes: pass the phrases to detect")
    return tuple(parse_phrases(phrases))


def detections(size: Size, asked: Sequence[Phrase], passes: Sequence[ScoredBoxes], settings: PhraseSettings) -> Detections:
    """Return the detections of all passes, best first. A box that matches two phrases gives two detections.

    Args:
        size: ``(height, width)`` of the image in pixels.
        asked: The phrases.
        passes: Boxes and scores of each forward pass; at least one.
        settings: The thresholds.
    """
    thresholds = np.array([settings.thresholds.get(phrase.label, settings.threshold) for phrase in asked], np.float32)
    best = np.full(len(asked), -1, np.float32)  # -1: a phrase without a box that has an area.
    boxes, scores, owners = [], [], []
    for one in passes:
        phrases = np.array(one.phrases)
        has_area = (one.boxes[:, 2:] > one.boxes[:, :2]).all(axis=1, keepdims=True)
        rows, columns = np.nonzero((one.scores >= thresholds[phrases]) & has_area)
        np.maximum.at(best, phrases, np.where(has_area, one.scores, -1).max(axis=0, initial=-1))
        boxes.append(one.boxes[rows])
        scores.append(one.scores[rows, columns])
        owners.append(phrases[columns])
    every = np.concatenate(scores)
    order = np.argsort(-every, kind="stable")
    labels = [asked[owner].label for owner in np.concatenate(owners)[order]]
    best_scores = {phrase.label: score for phrase, score in zip(asked, best.tolist(), strict=True) if score >= 0}
    return Detections(size, np.concatenate(boxes)[order], every[order], labels, best_scores=best_scores)


def to_pixels(boxes: NDArray[np.float32], extent: tuple[float, float], size: Size) -> NDArray[np.float32]:
    """Return boxes of a model in pixels of the image.

    Args:
        boxes: (N, 4) ``cx, cy, w, h``, relative to the model input.
        extent: Width and height of the model input in pixels of the image. With padding they are more than those of the image.
        size: ``(height, width)`` of the image in pixels.

    Returns:
        (N, 4) float32 ``xyxy`` pixels, half-open, clipped to the image.
    """
    scale = np.array(extent, np.float32)
    center, half = boxes[:, :2], boxes[:, 2:] / 2
    corners = np.concatenate([(center - half) * scale, (center + half) * scale], axis=1)
    clipped: NDArray[np.float32] = np.clip(corners, 0, np.tile(np.array(size[::-1], np.float32), 2)).astype(np.float32)
    return clipped


def _share(value: Any, where: str) -> float:
    return between(f"the minimum score {where}", value)
