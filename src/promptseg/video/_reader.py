"""The base of what reads videos, before some of their frames are chosen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Union

import numpy as np
from numpy.typing import NDArray

Unread = tuple[Union[float, None], Callable[[], NDArray[np.uint8]]]
"""A frame's time, and what reads its pixels: frames that are passed over are not converted."""


class Reader(ABC):
    """All frames of a video, unselected.

    Attributes:
        name: What messages call it.
        rereadable: Whether it can be read again, from any frame.
        count: How many frames it has, where that is known.
        fps: Frames a second on average, where that is known.
    """

    name: str
    rereadable: bool = True
    count: int | None = None
    fps: float | None = None

    @abstractmethod
    def read(self, start: int) -> Iterator[Unread]:
        """The frames from the one at `start` on. What is read once gives the frames from there on that were not given yet."""


class OnceReader(Reader):
    """Frames that come once and in order."""

    rereadable = False

    def __init__(self, name: str, frames: Iterator[Unread], fps: float | None = None) -> None:
        self.name, self._unread, self._position, self.fps = name, frames, 0, fps

    def read(self, start: int) -> Iterator[Unread]:
        for unread in self._unread:
            self._position += 1
            if self._position > start:
                yield unread
