"""`Sam3Tracker`: points, boxes and masks on images with SAM 3, on the torch engine of the SAM family.

``Sam3TrackerModel`` of transformers has the decoder of SAM 2 under other names. Here it gets the names of segment-anything, so that the
engine's decoder runs it: sessions, batches, candidates and everything mode are those of every SAM.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ....results import Provenance
from ....runtime.memory import MemoryRequirement
from ...sam.geometry import InputGeometry
from ...sam.torch.encoding import TorchSettings
from ...sam.torch.sam2 import StretchedSam
from ..sam.naming import PyramidEncoder, named
from .inputs import model_input


class Sam3Tracker(StretchedSam):
    """SAM 3 for points, boxes and masks on images; a `promptseg.models.sam.model.SamModel`.

    Args:
        tracker: ``Sam3TrackerModel`` of transformers, with its weights, in evaluation mode. It is moved to the device and converted, and
            must not be used elsewhere afterwards.
        provenance: Provenance of the model.
        settings: Device, dtype and further settings.
        need: Memory requirements of the model; None if unknown.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(self, tracker: Any, provenance: Provenance, settings: TorchSettings, need: MemoryRequirement | None = None) -> None:
        super().__init__(named(tracker, PyramidEncoder(tracker)), provenance, settings, need)

    def _model_input(self, images: Sequence[NDArray[np.uint8]], geometries: Sequence[InputGeometry]) -> Tensor:
        return model_input(images, geometries[0].input_size, self.settings.device, self.settings.dtype)
