"""`YoloDetector`: a YOLO model, in torch or in ONNX Runtime, as a `promptseg.protocols.Detector`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..._checks import between, is_whole_number, whole_number
from ...detections import Detections
from ...errors import ConfigError, shown
from ...masks import Size
from ...results import Provenance
from ..classes import ClassDetector, with_masks
from .letterbox import Letterbox
from .output import MAX_INPUT_SIDE, Output, YoloMetadata, best_scores, decode
from .prototypes import masks_in_boxes


class Network(Protocol):
    """YOLO network. It is safe to use from several threads."""

    metadata: YoloMetadata

    def __call__(self, letterboxed: NDArray[np.uint8]) -> Output:
        """Return the raw output for a letterboxed image.

        Args:
            letterboxed: (H, W, 3) uint8 RGB. H and W are multiples of the stride.
        """
        ...


@dataclass(frozen=True)
class YoloSettings:
    """Settings for filtering detections, for the input size and for masks.

    Attributes:
        threshold: Score threshold: only detections that score above it are returned. The default is low, because a pipeline has a
            threshold of its own.
        iou: IoU threshold of the non-maximum suppression within a class.
        max_detections: Maximum number of detections per image.
        imgsz: Side of the model input in pixels, rounded up to a multiple of the stride. None: the model's own input size.
        masks: Whether a ``-seg`` model returns masks. Without them it is faster.
    """

    threshold: float
    iou: float
    max_detections: int
    imgsz: int | None
    masks: bool

    @classmethod
    def checked(cls, options: Mapping[str, Any]) -> YoloSettings:
        """Return the settings for the options of a load request.

        Raises:
            ConfigError: An option has an invalid value.
        """
        for name in ("threshold", "iou"):
            between(f"option {name}", options[name])
        whole_number("option max_detections", options["max_detections"], 1)
        if options["imgsz"] is not None and not (is_whole_number(options["imgsz"], 32) and options["imgsz"] <= MAX_INPUT_SIDE):
            raise ConfigError(
                f"option imgsz is a whole number from 32 to {MAX_INPUT_SIDE}, or None for the model's own, got {shown(options['imgsz'])}"
            )
        if not isinstance(options["masks"], bool):
            raise ConfigError(f"option masks is True or False, got {shown(options['masks'])}")
        return cls(**{field.name: options[field.name] for field in fields(cls)})


class YoloDetector(ClassDetector):
    """YOLO detector; a `promptseg.protocols.Detector`.

    Args:
        network: The network.
        provenance: Provenance of the model.
        settings: Settings for filtering detections, for the input size and for masks.

    Raises:
        ConfigError: The model has a fixed input size, and `imgsz` asks for another.
    """

    def __init__(self, network: Network, provenance: Provenance, settings: YoloSettings) -> None:
        super().__init__(network.metadata.names, provenance)
        self.settings = settings
        self._network = network
        self._input_size = _input_size(network.metadata, settings.imgsz)

    def _search(self, pixels: NDArray[np.uint8], labels: Mapping[int, str]) -> Detections:
        metadata = self._network.metadata
        size = (pixels.shape[0], pixels.shape[1])
        letterbox = Letterbox.fit(size, self._input_size, None if metadata.fixed else metadata.stride)
        output = self._network(letterbox.draw(pixels))
        chosen = self.settings
        found = decode(output, metadata, labels, chosen.threshold, chosen.iou, chosen.max_detections)
        found = replace(found, boxes=letterbox.to_image(found.boxes))
        found = found.where(np.flatnonzero((found.boxes[:, 2:] > found.boxes[:, :2]).all(axis=1)))
        names = [labels[index] for index in found.classes.tolist()]
        best: dict[str, float] = {}
        for index, score in best_scores(output, metadata, labels).items():
            best[labels[index]] = max(score, best.get(labels[index], 0.0))
        detections = Detections(size, found.boxes, found.scores, names, best_scores=best)
        if output.prototypes is None or not chosen.masks:
            return detections
        return with_masks(detections, masks_in_boxes(output.prototypes, found.coefficients, found.boxes, letterbox))


def _input_size(metadata: YoloMetadata, imgsz: int | None) -> Size:
    if imgsz is None:
        return metadata.input_size
    side = -(-imgsz // metadata.stride) * metadata.stride
    if metadata.fixed and (side, side) != metadata.input_size:
        raise ConfigError(
            f"this model has a fixed input size of {metadata.input_size[0]} x {metadata.input_size[1]} pixels, "
            f"and imgsz={imgsz} asks for another"
        )
    return (side, side)
