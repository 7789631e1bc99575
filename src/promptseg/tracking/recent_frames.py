"""`RecentFrames`: a source of frames that keeps the latest ones, because video sessions return masks without images."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..masks import Size
from ..protocols import Frame, FrameSource


class RecentFrames:
    """Source of frames that keeps the latest ones; a `promptseg.protocols.FrameSource`.

    Args:
        source: The frames.
        kept: Number of frames that are kept: more than a session reads ahead of the frame that it yields.
    """

    def __init__(self, source: FrameSource, kept: int = 8) -> None:
        self._source, self._kept = source, kept
        self._latest: OrderedDict[int, Frame] = OrderedDict()
        self.size: Size = source.size
        self.rereadable, self.fps = source.rereadable, source.fps

    @property
    def count(self) -> int | None:
        """Number of frames as the source states it, or None."""
        return self._source.count

    def read(self, start: int = 0) -> Iterator[Frame]:
        """Yield the frames from index `start` on, and keep the latest."""
        for frame in self._source.read(start):
            self._latest[frame.index] = frame
            while len(self._latest) > self._kept:
                self._latest.popitem(last=False)
            yield frame

    def image(self, index: int) -> NDArray[np.uint8]:
        """Return the image of a frame that was read recently."""
        if index not in self._latest:
            return next(self._source.read(index)).image
        return self._latest[index].image

    def dropped(self, index: int) -> int:
        """Return how many frames of a live source were dropped before a frame that was read recently."""
        return self._latest[index].dropped if index in self._latest else 0
