"""`FrameBuffer`: the frames of a video by number, for a session that goes forwards, backward and to any frame, in bounded memory.

A source that can be read again is read again where an earlier frame is wanted. Of frames that come once, the latest are kept, as many as
`FrameBuffer.kept` says: whoever looks at a camera's image and clicks a moment later can still prompt the frame that they saw. An earlier
frame has gone by, and a `PromptError` says so. So has one that was passed over, where a later frame was prompted before those before it
were tracked, unless it is among those kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from .._checks import is_whole_number
from ..errors import InputError, PromptError
from ..masks import Size
from ..protocols import Frame, FrameSource

KEPT_BYTES = 64 << 20
"""Frames that have been read are kept up to this many bytes, and one in any case."""


class FrameBuffer:
    """Frames by number.

    Args:
        source: Where they come from.
        kept_bytes: How many bytes of frames to keep, for going back on frames that come once and for reading backward.
    """

    def __init__(self, source: FrameSource, kept_bytes: int = KEPT_BYTES) -> None:
        self._source = source
        self._kept: OrderedDict[int, Frame] = OrderedDict()
        self._reader: Iterator[Frame] | None = None
        self._next = self._seen = 0
        self._end: int | None = None
        self._failure: InputError | None = None
        self.kept = max(1, kept_bytes // (source.size[0] * source.size[1] * 3))

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        return self._source.size

    @property
    def end(self) -> int | None:
        """How many frames the video has, where its end was reached."""
        return self._end

    @property
    def nbytes(self) -> int:
        """Bytes of the frames that are kept."""
        return sum(frame.image.nbytes for frame in self._kept.values())

    def frame(self, index: int) -> Frame:
        """One frame.

        Raises:
            PromptError: There is none of that number, or it has gone by.
            InputError: It cannot be read.
        """
        found = self._find(index, index)
        if found is None:
            raise PromptError(f"there is no frame {index!r}: the video has {self._end} frames, from 0")
        return found

    def walk(self, start: int, stop: int | None, reverse: bool) -> Iterator[Frame]:
        """The frames from `start` to before `stop`, or backward from `start` to after `stop`.

        Raises:
            PromptError: There is no frame `start`, or a frame on the way has gone by.
            InputError: A frame cannot be read.
        """
        last = 0 if reverse else None
        if stop is not None:
            last = max(0, stop + 1) if reverse else stop - 1
        index, step = start, -1 if reverse else 1
        frame: Frame | None = self.frame(start)
        while frame is not None and (last is None or (last - index) * step >= 0):
            yield frame
            index += step
            if index < 0 or (last is not None and (last - index) * step < 0):
                return  # The next frame is not wanted: a camera would wait for it.
            # Backwards, as many frames as can be kept are read together, because most files are decoded forward alone.
            frame = self._find(index, max(0, index - self.kept + 1) if reverse else index)

    def has(self, count: int) -> bool:
        """Whether the video has so many frames. Where they come once, and they have not all been read, it is taken to have them."""
        if self._end is not None:
            return self._end >= count
        known = self._source.count
        if self._seen >= count or (known is not None and known >= count) or not self._source.rereadable:
            return True
        try:
            return self._find(count - 1, 0 if count <= self.kept else count - 1) is not None
        except InputError:  # Of a damaged file no one knows; it is told when that frame is asked for.
            self._seen = count
            return True

    def _find(self, index: int, begin: int) -> Frame | None:
        """A frame, for which those from `begin` on are read; None where the video ends before it."""
        if not is_whole_number(index, 0):
            raise PromptError(f"a frame is a whole number from 0, got {index!r}")
        if index in self._kept:
            return self._kept[index]
        if self._end is not None and index >= self._end:
            return None
        if self._failure is not None:
            raise self._failure
        if self._source.rereadable:
            if self._reader is None or self._next != begin:
                self._reader, self._next = self._source.read(begin), begin
        elif index < self._next:
            first = next(iter(self._kept), self._next)
            raise PromptError(f"frame {index} has gone by: this video is read once, and of its frames those from {first} on are kept")
        elif self._reader is None:
            self._reader = self._source.read(0)
        return self._read_to(index)

    def _read_to(self, index: int) -> Frame | None:
        read = self._next in (0, max(self._kept, default=-1) + 1)  # Else nothing is known of the frame before the next.
        while self._next <= index:
            try:
                frame = next(self._reader, None) if self._reader is not None else None
            except InputError as error:
                self._reader = None
                if not self._source.rereadable:
                    self._failure = error  # What comes once does not come again: later calls get the same answer.
                raise
            if frame is None:
                self._reader = None
                counted = self._source.count
                self._end = self._next if read or counted is None else min(counted, self._next)
                return None
            read, self._next = True, frame.index + 1
            self._seen = max(self._seen, self._next)
            self._kept[frame.index] = frame
            self._kept.move_to_end(frame.index)
            while len(self._kept) > self.kept:
                self._kept.popitem(last=False)
        return self._kept.get(index)
