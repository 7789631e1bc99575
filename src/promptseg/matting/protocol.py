"""`Matting`: what computes the alpha of the pixels around the border of a mask."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Matting(Protocol):
    """What computes alpha: the share of the object in the color of a pixel. Threads may share it."""

    def alpha(self, image: NDArray[np.uint8], inside: NDArray[np.bool_], trimap: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the alpha of each pixel.

        Args:
            image: (H, W, 3) uint8 RGB: the object and what is around it.
            inside: (H, W) the mask of the object.
            trimap: (H, W) 255 for the object, 0 for the background, 128 where alpha is not known, as `make_trimap` makes it.

        Returns:
            (H, W) float32 in [0, 1]. Only the values at unknown pixels are used.
        """
        ...
