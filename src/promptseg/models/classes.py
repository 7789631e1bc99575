"""What detectors with a fixed list of classes share: phrases that name classes, and detections with masks of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..detections import Detections
from ..images import ImageLike, load_image
from ..masks import Mask, Masks
from ..results import Provenance
from ..runtime.forking import StaysInProcess
from ..vocabulary import Vocabulary


class ClassDetector(StaysInProcess, ABC):
    """Base class of detectors with a fixed list of classes; a `promptseg.protocols.Detector`.

    Args:
        classes: Names of the classes. A subclass knows a class by its index here.
        provenance: Provenance of the model.

    Attributes:
        classes: Names of the classes.
        provenance: Provenance of the model, with its classes.
    """

    def __init__(self, classes: Sequence[str], provenance: Provenance) -> None:
        self.classes = tuple(classes)
        self.provenance = replace(provenance, classes=self.classes)
        self._vocabulary = Vocabulary(self.classes)

    def check_phrases(self, phrases: Sequence[str]) -> None:
        """Check that each phrase names a class.

        Raises:
            PromptError: A phrase names no class, or two phrases name the same class.
        """
        self._vocabulary.labels(phrases)

    def detect(self, image: ImageLike, phrases: Sequence[str] | None = None) -> Detections:
        """Return the detections on one image, best first.

        Args:
            image: A path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array.
            phrases: Phrases that name classes of the model, as `promptseg.vocabulary` matches them. None: every class under its own name.

        Raises:
            PromptError: A phrase names no class, or two phrases name the same class.
            InputError: The image cannot be read.
            BackendError: The library that runs the model failed.
        """
        labels = self._vocabulary.labels(phrases)
        return self._search(load_image(image), labels)

    @abstractmethod
    def _search(self, pixels: NDArray[np.uint8], labels: Mapping[int, str]) -> Detections:
        """Return the detections of some classes, best first.

        Args:
            pixels: The image, (H, W, 3) uint8 RGB.
            labels: Label of each class to find, by the index of the class.
        """


def with_masks(detections: Detections, masks: Iterable[Mask]) -> Detections:
    """Return detections with masks, which get their scores and labels. Detections with an empty mask are dropped.

    Args:
        detections: The detections.
        masks: Mask of each detection, in the size of the image.
    """
    named = Masks(
        (
            replace(mask, score=score, label=label)
            for mask, score, label in zip(masks, detections.scores.tolist(), detections.labels, strict=True)
        ),
        detections.size,
    )
    whole = Detections(detections.size, detections.boxes, detections.scores, detections.labels, named, detections.best_scores)
    return whole.where(named.areas > 0)
