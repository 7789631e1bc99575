"""`DetrDetector`: RF-DETR or D-FINE, in torch or in ONNX Runtime, as a `promptseg.protocols.Detector`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..._checks import between, is_whole_number, whole_number
from ...detections import Detections
from ...errors import ConfigError, shown
from ...results import Provenance
from ..bilinear import mask_above_zero
from ..classes import ClassDetector, with_masks
from ..phrases import to_pixels
from .class_columns import ClassColumns
from .output import DetrOutput, search
from .preprocessing import MAX_SIDE, ModelInput


class Network(Protocol):
    """A network of the family. It is safe to use from several threads."""

    def __call__(self, pixels: NDArray[np.float32]) -> DetrOutput:
        """Return the output for a model input.

        Args:
            pixels: (3, h, w) float32, from a `promptseg.models.detr.preprocessing.ModelInput`.
        """
        ...


@dataclass(frozen=True)
class DetrSettings:
    """Settings for filtering detections, for the input size and for masks.

    Attributes:
        threshold: Score threshold: only detections that score above it are returned. The default is low, because a pipeline has a
            threshold of its own.
        max_detections: Maximum number of detections per image.
        imgsz: Side of the model input in pixels, rounded up to a size that the model takes. None: the model's own input size.
        masks: Whether a model with masks returns them. Without them it is faster.
    """

    threshold: float = 0.05
    max_detections: int = 300
    imgsz: int | None = None
    masks: bool = True

    @classmethod
    def checked(cls, options: Mapping[str, Any]) -> DetrSettings:
        """Return the settings for the options of a load request. An option that a backend does not have has its default.

        Raises:
            ConfigError: An option has an invalid value.
        """
        values = {field.name: options.get(field.name, field.default) for field in fields(cls)}
        between("option threshold", values["threshold"])
        whole_number("option max_detections", values["max_detections"], 1)
        if values["imgsz"] is not None and not (is_whole_number(values["imgsz"], 32) and values["imgsz"] <= MAX_SIDE):
            raise ConfigError(
                f"option imgsz is a whole number from 32 to {MAX_SIDE}, or None for the model's own, got {shown(values['imgsz'])}"
            )
        if not isinstance(values["masks"], bool):
            raise ConfigError(f"option masks is True or False, got {shown(values['masks'])}")
        return cls(**values)


class DetrDetector(ClassDetector):
    """Detector with a fixed list of classes, and with masks if its network makes them; a `promptseg.protocols.Detector`.

    Args:
        network: The network.
        classes: Its classes.
        model_input: How images become model inputs, with a size.
        provenance: Provenance of the model.
        settings: Settings for filtering detections, and for masks.
    """

    def __init__(
        self,
        network: Network,
        classes: ClassColumns,
        model_input: ModelInput,
        provenance: Provenance,
        settings: DetrSettings = DetrSettings(),
    ) -> None:
        super().__init__(classes.names, provenance)
        self.model_input = model_input
        self.settings = settings
        self._network = network
        self._columns = list(classes.columns)

    def _search(self, pixels: NDArray[np.uint8], labels: Mapping[int, str]) -> Detections:
        size = (pixels.shape[0], pixels.shape[1])
        output = self._network(self.model_input(pixels))
        output.check(self._columns, self.provenance.model)
        boxes = to_pixels(output.boxes, (float(size[1]), float(size[0])), size)
        has_area = np.asarray((boxes[:, 2:] > boxes[:, :2]).all(axis=1), np.bool_)
        chosen = self.settings
        found = search(output.scores[:, self._columns], labels, has_area, chosen.threshold, chosen.max_detections)
        detections = Detections(size, boxes[found.rows], found.scores, found.labels, best_scores=found.best)
        if output.masks is None or not chosen.masks:
            return detections
        rows, places = np.unique(found.rows, return_inverse=True)  # A row may be there for several labels.
        masks = [mask_above_zero(logits, size) for logits in output.masks(rows)]
        return with_masks(detections, (masks[place] for place in places.tolist()))
