"""`YoloDetector`: a YOLO model, run by whichever library, as a `promptseg.protocols.Detector`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..._checks import between, is_whole_number, whole_number
from ...detections import Detections
from ...errors import ConfigError
from ...images import ImageLike, load_image
from ...masks import Masks, Size
from ...results import Provenance
from ...vocabulary import Vocabulary
from .letterbox import Letterbox
from .output import MAX_FRAME, Found, Layout, Output, decode
from .prototypes import masks_in_boxes


class Network(Protocol):
    """A YOLO model that computes. Threads share it."""

    layout: Layout

    def __call__(self, frame: NDArray[np.uint8]) -> Output:
        """What it makes of a frame, (H, W, 3) uint8 RGB with sides that are multiples of the stride."""
        ...


@dataclass(frozen=True)
class Settings:
    """How detections are chosen.

    Attributes:
        threshold: Scores up to it are left out. It is low, because a pipeline has a threshold of its own.
        iou: IoU over which the worse of two boxes of a class is left out.
        max_detections: Most detections of an image.
        imgsz: Longer side of the frame that photos are scaled to, rounded up to a multiple of the stride; None for the model's own.
        masks: Whether a ``-seg`` model makes its masks; without, its boxes come sooner.
    """

    threshold: float
    iou: float
    max_detections: int
    imgsz: int | None
    masks: bool

    @classmethod
    def checked(cls, options: Mapping[str, Any]) -> Settings:
        """The settings that `load` was asked for.

        Raises:
            ConfigError: An option has an impossible value.
        """
        for name in ("threshold", "iou"):
            between(f"option {name}", options[name])
        whole_number("option max_detections", options["max_detections"], 1)
        if options["imgsz"] is not None and not (is_whole_number(options["imgsz"], 32) and options["imgsz"] <= MAX_FRAME):
            raise ConfigError(
                f"option imgsz is a whole number from 32 to {MAX_FRAME}, or None for the model's own, got {options['imgsz']!r}"
            )
        if not isinstance(options["masks"], bool):
            raise ConfigError(f"option masks is True or False, got {options['masks']!r}")
        return cls(**{field.name: options[field.name] for field in fields(cls)})


class YoloDetector:
    """A `promptseg.protocols.Detector` of fixed classes.

    Args:
        network: The model.
        provenance: Which model it is.
        settings: How detections are chosen.

    Attributes:
        classes: Names of the classes that it knows.

    Raises:
        ConfigError: The model takes frames of one size alone, and `imgsz` asks for another.
    """

    def __init__(self, network: Network, provenance: Provenance, settings: Settings) -> None:
        self.provenance = provenance
        self.settings = settings
        self.classes = network.layout.names
        self._network = network
        self._vocabulary = Vocabulary(self.classes)
        self._frame = _frame(network.layout, settings.imgsz)

    def detect(self, image: ImageLike, phrases: Sequence[str] | None = None) -> Detections:
        """Detections on one image, best first.

        Args:
            image: A path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array.
            phrases: What to find, each naming classes of the model (`promptseg.vocabulary`); None for every class under its own name.

        Raises:
            PromptError: A phrase names no class, or two phrases name the same one.
            InputError: The image cannot be used.
            BackendError: The library behind the model failed.
        """
        labels = self._vocabulary.labels(phrases)
        pixels = load_image(image)
        layout = self._network.layout
        size = (pixels.shape[0], pixels.shape[1])
        letterbox = Letterbox.fit(size, self._frame, None if layout.fixed else layout.stride)
        output = self._network(letterbox.draw(pixels))
        chosen = self.settings
        found = decode(output, layout, labels, chosen.threshold, chosen.iou, chosen.max_detections)
        found = replace(found, boxes=letterbox.to_photo(found.boxes))
        found = found.where(np.flatnonzero((found.boxes[:, 2:] > found.boxes[:, :2]).all(axis=1)))
        names = [labels[index] for index in found.classes.tolist()]
        detections = Detections(size, found.boxes, found.scores, names)
        if output.prototypes is None or not chosen.masks:
            return detections
        return _with_masks(detections, found, output.prototypes, letterbox)


def _with_masks(detections: Detections, found: Found, prototypes: NDArray[np.float32], letterbox: Letterbox) -> Detections:
    """The detections with their masks, without those whose mask is empty."""
    drawn = masks_in_boxes(prototypes, found.coefficients, found.boxes, letterbox)
    masks = Masks(
        (
            replace(mask, score=score, label=label)
            for mask, score, label in zip(drawn, found.scores.tolist(), detections.labels, strict=True)
        ),
        detections.size,
    )
    whole = Detections(detections.size, detections.boxes, detections.scores, detections.labels, masks)
    return whole.where(masks.areas > 0)


def _frame(layout: Layout, imgsz: int | None) -> Size:
    if imgsz is None:
        return layout.frame
    side = -(-imgsz // layout.stride) * layout.stride
    if layout.fixed and (side, side) != layout.frame:
        raise ConfigError(
            f"this model takes frames of {layout.frame[0]} x {layout.frame[1]} pixels alone, and imgsz={imgsz} asks for others"
        )
    return (side, side)
