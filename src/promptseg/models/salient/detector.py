"""`SalientDetector`: a salient object model as a `promptseg.protocols.Detector` whose one class is what stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..._checks import between, whole_number
from ...detections import Detections
from ...errors import BackendError, ConfigError, shown
from ...images import ImageLike, load_image
from ...masks import Mask, Masks, Size
from ...results import Provenance
from ...runtime.forking import StaysInProcess
from ...vocabulary import Vocabulary
from .conventions import Conventions

CLASS = "object"
"""The one class."""


class Network(Protocol):
    """Salient object network. It is safe to use from several threads.

    Attributes:
        size: ``(height, width)`` of the model input.
        logits: Whether the output is logits, not probabilities.
    """

    size: Size
    logits: bool

    def __call__(self, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the output, (h, w) float32, for a model input (3, height, width) float32."""
        ...


@dataclass(frozen=True)
class SalientSettings:
    """Settings of the masks.

    Attributes:
        threshold: Score threshold: only objects that score above it are returned.
        mask_threshold: Saliency above which a pixel is in the mask.
        separate: Whether each connected part is an object of its own. Otherwise all salient pixels are one.
        max_detections: Maximum number of objects; the largest are kept.
    """

    threshold: float
    mask_threshold: float
    separate: bool
    max_detections: int

    @classmethod
    def checked(cls, options: Mapping[str, Any]) -> SalientSettings:
        """Return the settings for the options of a load request.

        Raises:
            ConfigError: An option has an invalid value.
        """
        if not isinstance(options["separate"], bool):
            raise ConfigError(f"option separate is True or False, got {shown(options['separate'])}")
        return cls(
            between("option threshold", options["threshold"]),
            between("option mask_threshold", options["mask_threshold"]),
            options["separate"],
            whole_number("option max_detections", options["max_detections"], 1),
        )


class SalientDetector(StaysInProcess):
    """Detector of what stands out in an image, with its mask; a `promptseg.protocols.Detector`.

    Args:
        network: The network.
        conventions: What it takes and makes.
        provenance: Provenance of the model.
        settings: Settings of the masks.

    Attributes:
        classes: The one class, ``"object"``.
    """

    def __init__(self, network: Network, conventions: Conventions, provenance: Provenance, settings: SalientSettings) -> None:
        self.classes = (CLASS,)
        self.provenance = replace(provenance, classes=self.classes)
        self.settings = settings
        self._network = network
        self._conventions = conventions
        self._vocabulary = Vocabulary(self.classes)

    def check_phrases(self, phrases: Sequence[str]) -> None:
        """Check that each phrase names the one class.

        Raises:
            PromptError: A phrase names something else, or two phrases name the class.
        """
        self._vocabulary.labels(phrases)

    def saliency(self, image: ImageLike) -> NDArray[np.float32]:
        """Return how much each pixel stands out, (H, W) float32 in [0, 1], as the model's authors compute it.

        Args:
            image: A path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array.

        Raises:
            InputError: The image cannot be read.
            BackendError: The library that runs the model failed, or the output is not finite.
        """
        pixels = load_image(image)
        return _resized(self._conventions.stretch(self._map(pixels)), (pixels.shape[0], pixels.shape[1]))

    def detect(self, image: ImageLike, phrases: Sequence[str] | None = None) -> Detections:
        """Return what stands out in one image, with its mask; best first. The score is the mean saliency of its pixels.

        Args:
            image: A path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array.
            phrases: None, or one phrase that names the class ``"object"``.

        Raises:
            PromptError: A phrase names something else.
            InputError: The image cannot be read.
            BackendError: The library that runs the model failed, or the output is not finite.
        """
        labels = self._vocabulary.labels(phrases)
        pixels = load_image(image)
        size = (pixels.shape[0], pixels.shape[1])
        if not labels:
            return Detections.empty(size)
        raw = self._map(pixels)
        sure = _resized(raw, size)
        standing_out = _resized(self._conventions.stretch(raw), size) > self.settings.mask_threshold
        found = [
            (float(sure[region][inside].mean()), inside, region)
            for inside, region in _parts(standing_out, self.settings.separate, self.settings.max_detections)
        ]
        kept = sorted((part for part in found if part[0] > self.settings.threshold), key=lambda part: -part[0])
        masks = Masks(
            [
                Mask.from_crop(inside, (region[1].start, region[0].start), size, score=score, label=labels[0])
                for score, inside, region in kept
            ],
            size,
        )
        scores = [score for score, _, _ in kept]
        best = {labels[0]: max([score for score, _, _ in found], default=float(raw.max()))}
        return Detections(size, masks.boxes, scores, [labels[0]] * len(kept), masks, best)

    def _map(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the saliency of an image at the size of the model's output, not stretched."""
        output = self._network(self._conventions.prepared(pixels, self._network.size))
        if not np.isfinite(output).all():
            raise BackendError("the model's output holds NaN or infinity: try a file in float32")
        return self._conventions.saliency(output, logits=self._network.logits)


_Region = tuple[slice, slice]


def _parts(inside: NDArray[np.bool_], separate: bool, most: int) -> list[tuple[NDArray[np.bool_], _Region]]:
    """Return the salient pixels as one part, or each connected part, in its rectangle; the largest first."""
    import cv2

    if not inside.any():
        return []
    if not separate:
        return [(inside, (slice(0, inside.shape[0]), slice(0, inside.shape[1])))]
    count, numbers, boxes, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=8)
    largest = 1 + np.argsort(-boxes[1:count, cv2.CC_STAT_AREA], kind="stable")[:most]
    parts = []
    for number in largest.tolist():
        x, y, width, height = boxes[number, :4].tolist()
        region = (slice(y, y + height), slice(x, x + width))
        parts.append((numbers[region] == number, region))
    return parts


def _resized(values: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    import cv2

    shrinks = size[0] < values.shape[0] and size[1] < values.shape[1]
    return np.asarray(cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.float32)
