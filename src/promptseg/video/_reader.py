"""Base class of video readers, which give every frame of a video."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Union

import numpy as np
from numpy.typing import NDArray

Unread = tuple[Union[float, None], Callable[[], NDArray[np.uint8]]]
"""Time of a frame in seconds, and a function that returns its pixels. Frames that are skipped are not converted."""


class Reader(ABC):
    """Reader of all frames of a video.

    Attributes:
        name: Name of the video in error messages.
        rereadable: Whether it can be read again, from any frame.
        count: Number of frames, if known.
        fps: Frames per second on average, if known.
        dropped: Number of frames that were dropped just before the frame that was yielded last.
    """

    name: str
    rereadable: bool = True
    count: int | None = None
    fps: float | None = None

    @property
    def dropped(self) -> int:
        return 0

    def counted(self) -> int | None:
        """Return the number of frames as their list in the file has it, without decoding one; `count` where there is no such list."""
        return self.count

    @abstractmethod
    def read(self, start: int) -> Iterator[Unread]:
        """Yield the frames from index `start` on. A video that is read once yields only frames that it has not yielded before."""


class StreamReader(Reader):
    """Reader of frames that can be read once only, in order."""

    rereadable = False

    def __init__(self, name: str, frames: Iterator[Unread], fps: float | None = None) -> None:
        self.name, self._unread, self._position, self.fps = name, frames, 0, fps

    def read(self, start: int) -> Iterator[Unread]:
        for unread in self._unread:
            self._position += 1
            if self._position > start:
                yield unread
