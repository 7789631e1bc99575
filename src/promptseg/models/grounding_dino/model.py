"""`GroundingModel`: the interface between the detector and the engines. It passes numpy arrays and no torch tensors."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...results import Provenance


class GroundingModel(Protocol):
    """Grounding DINO for one caption and one image per call. It is safe to use from several threads."""

    @property
    def provenance(self) -> Provenance:
        """Model, weights and license."""
        ...

    def __call__(self, pixels: NDArray[np.float32], tokens: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return token logits and boxes for one caption on one image.

        Args:
            pixels: (3, h, w) float32, from `promptseg.models.grounding_dino.preprocessing.preprocess`.
            tokens: IDs of the T tokens of the caption.

        Returns:
            (Q, T) float32 logits of each token for each of Q boxes; and the boxes, (Q, 4) float32 ``cx, cy, w, h``, relative to the model
            input, in [0, 1].
        """
        ...
