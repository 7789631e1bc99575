"""`Owlv2Detector`: a `promptseg.protocols.Detector` for free text phrases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ....detections import Detections
from ....images import ImageLike, load_image
from ....masks import Size
from ....results import Provenance
from ....runtime.forking import StaysInProcess
from ....vocabulary import Phrase
from ...phrases import PhraseSettings, ScoredBoxes, asked_phrases, detections, to_pixels
from .model import Owlv2
from .preprocessing import preprocess


class Owlv2Detector(StaysInProcess):
    """Detector for free text phrases; a `promptseg.protocols.Detector`. The score of a phrase does not depend on the other phrases.

    Args:
        model: The model.
        settings: Score thresholds.
    """

    def __init__(
        self,
        model: Owlv2,
        settings: PhraseSettings = PhraseSettings(),  # noqa: B008 - Frozen.
    ) -> None:
        self._model = model
        self._settings = settings

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
            PromptError: There are no phrases, or a phrase is blank or has more tokens than the model reads.
        """
        asked = asked_phrases(phrases, "OWLv2")
        pixels = load_image(image)
        size = (pixels.shape[0], pixels.shape[1])
        queries = self._model.texts([words for phrase in asked for words in phrase.alternatives])
        features = self._model.encode(preprocess(pixels, self._model.side))
        scores = by_phrase(self._model.scores(features, queries), asked)
        boxes = in_image(self._model.boxes(features).boxes, size)
        return detections(size, asked, [ScoredBoxes(boxes, range(len(asked)), scores)], self._settings)


def by_phrase(scores: NDArray[np.float32], asked: Sequence[Phrase]) -> NDArray[np.float32]:
    """Return the score of each box for each phrase: that of its best alternative.

    Args:
        scores: (Q, A) scores of all alternatives, those of one phrase beside one another.
        asked: The phrases.
    """
    starts = np.cumsum([0, *(len(phrase.alternatives) for phrase in asked[:-1])])
    best: NDArray[np.float32] = np.maximum.reduceat(scores, starts, axis=1)
    return best


def in_image(boxes: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Return boxes of the padded square in pixels of the image, clipped to it. Those in the padding have no area."""
    longer = float(max(size))
    return to_pixels(boxes, (longer, longer), size)
