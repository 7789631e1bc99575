"""`GroundingDino`: a `promptseg.protocols.Detector` that finds what phrases name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._checks import between, whole_number
from ...detections import Detections
from ...errors import ConfigError, PromptError
from ...images import ImageLike, load_image
from ...masks import Size
from ...results import Provenance
from ...vocabulary import parse_phrase, parse_phrases
from .captions import Caption, WordPieces, pack
from .frame import FrameSize, frame, to_photo
from .model import GroundingModel
from .spans import phrase_scores

_Found = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]


@dataclass(frozen=True)
class Settings:
    """What is returned, and how phrases are asked.

    Attributes:
        threshold: Least score of a detection.
        thresholds: Least score by phrase, as its label or as it is asked for; other phrases have `threshold`.
        phrases_per_pass: Most phrases that the model is asked at once, or None for as many as it can read.
    """

    threshold: float = 0.05
    thresholds: Mapping[str, float] = field(default_factory=dict)
    phrases_per_pass: int | None = None

    @classmethod
    def checked(cls, options: Mapping[str, Any]) -> Settings:
        """The settings that `load` was asked for.

        Raises:
            ConfigError: An option has an impossible value.
        """
        most = options["phrases_per_pass"]
        if most is not None:
            most = whole_number("option phrases_per_pass", most, 1)
        given = {} if options["thresholds"] is None else options["thresholds"]
        if not isinstance(given, Mapping):
            raise ConfigError(f"option thresholds says the least score by phrase, such as {{'red car': 0.4}}, got {given!r}")
        try:
            thresholds = {
                parse_phrase(phrase).label: _share(value, f"of {phrase!r} in option thresholds") for phrase, value in given.items()
            }
        except PromptError as error:
            raise ConfigError(f"option thresholds: {error}") from error
        return cls(_share(options["threshold"], "in option threshold"), thresholds, most)


class GroundingDino:
    """Finds what phrases name.

    Each detection is one box of the model with one phrase, as the user wrote it, and that phrase's own score. Phrases are independent
    questions: a box that answers to two of them is two detections.

    Args:
        model: The model.
        pieces: Its tokenizer.
        settings: What is returned.
        size: How large the frame is that it sees.
    """

    def __init__(
        self,
        model: GroundingModel,
        pieces: WordPieces,
        settings: Settings = Settings(),
        size: FrameSize = FrameSize(),  # noqa: B008 - Frozen.
    ) -> None:
        self._model = model
        self._pieces = pieces
        self._settings = settings
        self._size = size

    @property
    def provenance(self) -> Provenance:
        """Which model this is, with its weights and license."""
        return self._model.provenance

    def detect(self, image: ImageLike, phrases: Sequence[str] | None = None) -> Detections:
        """Detections on one image, best first, of all phrases.

        Args:
            image: A path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array.
            phrases: What to find; ``"car|automobile"`` gives alternatives, of which the first is the label.

        Raises:
            InputError: The image cannot be used.
            PromptError: There are no phrases, or one is blank, too long, or not in the model's vocabulary, or the same to it as another.
        """
        if phrases is None:
            raise PromptError("Grounding DINO has no classes of its own: name the phrases that it is to find")
        asked = parse_phrases(phrases)
        captions = pack(asked, self._pieces, self._settings.phrases_per_pass)
        pixels = load_image(image)
        size = (pixels.shape[0], pixels.shape[1])
        seen = frame(pixels, self._size)
        least = np.array([self._settings.thresholds.get(phrase.label, self._settings.threshold) for phrase in asked], np.float32)
        passes = [self._search(seen, size, caption, least) for caption in captions]
        boxes, scores, owners = (np.concatenate(parts) for parts in zip(*passes, strict=True))
        order = np.argsort(-scores, kind="stable")
        return Detections(size, boxes[order], scores[order], [asked[owner].label for owner in owners[order]])

    def _search(self, seen: NDArray[np.float32], size: Size, caption: Caption, least: NDArray[np.float32]) -> _Found:
        """What one pass finds: boxes, their scores, and the indices of the phrases that they are scored for."""
        logits, shares = self._model(seen, caption.tokens)
        indices, scores = phrase_scores(logits, caption.spans)
        phrases = np.array(indices)
        boxes = to_photo(shares, size)
        has_area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1, keepdims=True)
        rows, columns = np.nonzero((scores >= least[phrases]) & has_area)
        return boxes[rows], scores[rows, columns], phrases[columns]


def _share(value: Any, where: str) -> float:
    return between(f"the least score {where}", value)
