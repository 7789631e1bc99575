"""`GroundingDino`: a `promptseg.protocols.Detector` for free text phrases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._checks import between, whole_number
from ...detections import Detections
from ...errors import ConfigError, PromptError, shown
from ...images import ImageLike, load_image
from ...masks import Size
from ...results import Provenance
from ...runtime.forking import StaysInProcess
from ...vocabulary import parse_phrase, parse_phrases
from .captions import Caption, WordPieceTokenizer, pack
from .model import GroundingModel
from .preprocessing import InputSize, preprocess, to_image
from .spans import phrase_scores

_Found = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp], NDArray[np.float32]]


@dataclass(frozen=True)
class GroundingDinoSettings:
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
    def checked(cls, options: Mapping[str, Any]) -> GroundingDinoSettings:
        """Return the settings for the options of a load request.

        Raises:
            ConfigError: An option has an invalid value.
        """
        per_pass = options["phrases_per_pass"]
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


class GroundingDino(StaysInProcess):
    """Detector for free text phrases; a `promptseg.protocols.Detector`.

    Each detection is a box with one phrase, as the user wrote it, and the score of that phrase. A box that matches two phrases gives two
    detections.

    Args:
        model: The model.
        tokenizer: Tokenizer of the model.
        settings: Score thresholds, and the number of phrases per forward pass.
        input_size: Rule for the size of the model input.
    """

    def __init__(
        self,
        model: GroundingModel,
        tokenizer: WordPieceTokenizer,
        settings: GroundingDinoSettings = GroundingDinoSettings(),
        input_size: InputSize = InputSize(),  # noqa: B008 - Frozen.
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._settings = settings
        self._input_size = input_size

    @property
    def provenance(self) -> Provenance:
        """Model, weights and license."""
        return self._model.provenance

    def detect(self, image: ImageLike, phrases: Sequence[str] | None = None) -> Detections:
        """Return the detections of all phrases on one image, best first.

        Args:
            image: A path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array.
            phrases: Phrases to detect. ``"car|automobile"`` gives alternatives; the first alternative is the label.

        Raises:
            InputError: The image cannot be read.
            PromptError: There are no phrases; or a phrase is blank, too long or not in the model's vocabulary; or two phrases have the same
                tokens.
        """
        if phrases is None:
            raise PromptError("Grounding DINO has no fixed classes: pass the phrases to detect")
        asked = parse_phrases(phrases)
        captions = pack(asked, self._tokenizer, self._settings.phrases_per_pass)
        pixels = load_image(image)
        size = (pixels.shape[0], pixels.shape[1])
        model_input = preprocess(pixels, self._input_size)
        thresholds = np.array([self._settings.thresholds.get(phrase.label, self._settings.threshold) for phrase in asked], np.float32)
        passes = [self._search(model_input, size, caption, thresholds) for caption in captions]
        boxes, scores, owners = (np.concatenate(parts) for parts in list(zip(*passes, strict=True))[:3])
        order = np.argsort(-scores, kind="stable")
        best = np.max([of_pass for *_, of_pass in passes], axis=0)
        best_scores = {phrase.label: score for phrase, score in zip(asked, best.tolist(), strict=True) if score >= 0}
        return Detections(size, boxes[order], scores[order], [asked[owner].label for owner in owners[order]], best_scores=best_scores)

    def _search(self, model_input: NDArray[np.float32], size: Size, caption: Caption, thresholds: NDArray[np.float32]) -> _Found:
        """Return boxes, scores and phrase indices of one forward pass, and the best score of each phrase before thresholding.

        The best score of a phrase that is not in the caption, or has no box with an area, is -1.
        """
        logits, relative_boxes = self._model(model_input, caption.tokens)
        indices, scores = phrase_scores(logits, caption.spans)
        phrases = np.array(indices)
        boxes = to_image(relative_boxes, size)
        has_area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1, keepdims=True)
        rows, columns = np.nonzero((scores >= thresholds[phrases]) & has_area)
        best = np.full(len(thresholds), -1, np.float32)
        np.maximum.at(best, phrases, np.where(has_area, scores, -1).max(axis=0))
        return boxes[rows], scores[rows, columns], phrases[columns], best


def _share(value: Any, where: str) -> float:
    return between(f"the minimum score {where}", value)
