"""`OmDetDetector`: a `promptseg.protocols.Detector` for free text phrases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ....detections import Detections
from ....images import ImageLike, load_image
from ....masks import Size
from ....results import Provenance
from ....runtime.forking import StaysInProcess
from ...phrases import PhraseSettings, ScoredBoxes, asked_phrases, detections, to_pixels
from ...pixels import normalized
from .model import OmDetTurbo
from .prompts import Task, tasks


class OmDetDetector(StaysInProcess):
    """Detector for free text phrases; a `promptseg.protocols.Detector`. Phrases of one pass influence one another.

    Args:
        model: The model.
        settings: Score thresholds, and the number of phrases per forward pass.
    """

    def __init__(
        self,
        model: OmDetTurbo,
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
        model = self._model
        asked = asked_phrases(phrases, "OmDet-Turbo")
        passes = tasks(asked, model.tokenize, model.most_tokens, self._settings.phrases_per_pass)
        pixels = load_image(image)
        size = (pixels.shape[0], pixels.shape[1])
        model_input = normalized(pixels, model.size, Image.Resampling.BILINEAR)
        return detections(size, asked, [self._search(model_input, size, task) for task in passes], self._settings)

    def _search(self, model_input: NDArray[np.float32], size: Size, task: Task) -> ScoredBoxes:
        scores, boxes = self._model(model_input, task)
        phrases = sorted(set(task.phrases))
        best = [scores[:, [owner == phrase for owner in task.phrases]].max(axis=1) for phrase in phrases]
        return ScoredBoxes(to_pixels(boxes, (float(size[1]), float(size[0])), size), phrases, np.stack(best, axis=1))
