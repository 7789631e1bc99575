"""`GroundingDino`: a `promptseg.protocols.Detector` for free text phrases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...detections import Detections
from ...images import ImageLike, load_image
from ...masks import Size
from ...results import Provenance
from ...runtime.forking import StaysInProcess
from ..phrases import PhraseSettings, ScoredBoxes, asked_phrases, detections, to_pixels
from .captions import Caption, WordPieceTokenizer, pack
from .model import GroundingModel
from .preprocessing import InputSize, preprocess
from .spans import phrase_scores


class GroundingDino(StaysInProcess):
    """Detector for free text phrases; a `promptseg.protocols.Detector`.

    Each detection is a box with one phrase, as the user wrote it, and the score of that phrase. A box that matches two phrases gives two
    detections.

    Args:
        model: The model.
        tokenizer: Tokenizer of the model.
        settings: Score thresholds, and the number of phrases per forward pass.
        input_size: Rule for the size of the model input.
        name: Name of the family of models, for messages.
    """

    def __init__(
        self,
        model: GroundingModel,
        tokenizer: WordPieceTokenizer,
        settings: PhraseSettings = PhraseSettings(),  # noqa: B008 - Frozen.
        input_size: InputSize = InputSize(),  # noqa: B008 - Frozen.
        name: str = "Grounding DINO",
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._settings = settings
        self._input_size = input_size
        self._name = name

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
        asked = asked_phrases(phrases, self._name)
        captions = pack(asked, self._tokenizer, self._settings.phrases_per_pass)
        pixels = load_image(image)
        size = (pixels.shape[0], pixels.shape[1])
        model_input = preprocess(pixels, self._input_size)
        return detections(size, asked, [self._search(model_input, size, caption) for caption in captions], self._settings)

    def _search(self, model_input: NDArray[np.float32], size: Size, caption: Caption) -> ScoredBoxes:
        logits, relative_boxes = self._model(model_input, caption.tokens)
        indices, scores = phrase_scores(logits, caption.spans)
        return ScoredBoxes(to_pixels(relative_boxes, size[::-1], size), indices, scores)
