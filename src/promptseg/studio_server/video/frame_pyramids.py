"""`FramePyramids`: the latest frames of a video in several sizes, for their tiles."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from ..pyramid import Pyramid, pyramid_of

KEPT = 3
"""Number of frames that are kept."""


class FramePyramids:
    """The latest frames in several sizes, for their tiles. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pyramids: OrderedDict[int, Pyramid] = OrderedDict()

    def get(self, frame: int) -> Pyramid | None:
        """Return the sizes of a frame, if they are kept."""
        with self._lock:
            return self._pyramids.get(frame)

    def make(self, frame: int, image: NDArray[np.uint8]) -> Pyramid:
        """Return the sizes of a frame, (H, W, 3) uint8 RGB, and keep them."""
        made = pyramid_of(image)
        with self._lock:
            self._pyramids[frame] = made
            while len(self._pyramids) > KEPT:
                self._pyramids.popitem(last=False)
        return made
