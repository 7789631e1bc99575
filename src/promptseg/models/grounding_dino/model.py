"""`GroundingModel`: the seam between the detector and the engines. numpy crosses it, torch does not."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...results import Provenance


class GroundingModel(Protocol):
    """A Grounding DINO that answers one caption about one frame. Safe to use from several threads."""

    @property
    def provenance(self) -> Provenance:
        """Which model this is, with its weights and license."""
        ...

    def __call__(self, frame: NDArray[np.float32], tokens: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Looks for what a caption says.

        Args:
            frame: (3, h, w) float32, as `promptseg.models.grounding_dino.frame.frame` makes it.
            tokens: Numbers of the caption's T tokens.

        Returns:
            (Q, T) float32 logits of each token for each of Q boxes; and the boxes, (Q, 4) float32, center x, center y, width and height as
            shares of the frame.
        """
        ...
