"""`FrameBuffer`: random access to the frames of a video in bounded memory.

If the source can be read again, it is read again for earlier frames. If it can be read once only, the buffer keeps the latest
`FrameBuffer.kept` frames. A user who sees a camera image and clicks a moment later can therefore still prompt that frame. Earlier frames
are gone, and asking for one raises `PromptError`. This includes frames that were skipped because a later frame was prompted first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from .._checks import is_whole_number
from ..errors import InputError, PromptError, shown
from ..masks import Size
from ..protocols import Frame, FrameSource

KEPT_BYTES = 64 << 20
"""Default limit of the memory for kept frames, in bytes. At least one frame is kept."""


class FrameBuffer:
    """Frames of a video by index.

    Args:
        source: The frames.
        kept_bytes: Memory in bytes for kept frames, used for going back in a source that is read once, and for reading backward.

    Attributes:
        kept: Number of frames that fit into `kept_bytes`, at least 1.
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
        """Number of frames of the video, or None if its end has not been reached yet."""
        return self._end

    @property
    def nbytes(self) -> int:
        """Memory of the kept frames in bytes."""
        return sum(frame.image.nbytes for frame in self._kept.values())

    def frame(self, index: int) -> Frame:
        """Return one frame.

        Raises:
            PromptError: The video has no such frame, or the frame is no longer available.
            InputError: The frame cannot be read.
        """
        found = self._find(index, index)
        if found is None:
            raise PromptError(f"there is no frame {shown(index)}: the video has {self._end} frames, from 0")
        return found

    def walk(self, start: int, stop: int | None, reverse: bool) -> Iterator[Frame]:
        """Yield the frames from `start` up to but excluding `stop`, forward or, with `reverse`, backward.

        Raises:
            PromptError: There is no frame `start`, or a frame on the way is no longer available.
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
                return  # Do not read a frame that is not needed: a camera would block.
            # Backward, as many frames as fit are read together, because most files can only be decoded forward.
            frame = self._find(index, max(0, index - self.kept + 1) if reverse else index)

    def has(self, count: int) -> bool:
        """Return whether the video has at least `count` frames. For a source that is read once and has not ended, return True."""
        if self._end is not None:
            return self._end >= count
        known = self._source.count
        if self._seen >= count or (known is not None and known >= count) or not self._source.rereadable:
            return True
        try:
            return self._find(count - 1, 0 if count <= self.kept else count - 1) is not None
        except InputError:  # The number of frames in a damaged file is unknown. The error is raised when that frame is read.
            self._seen = count
            return True

    def _find(self, index: int, begin: int) -> Frame | None:
        """Return a frame, or None if the video ends before it. If it must be read, read the frames from `begin` on."""
        if not is_whole_number(index, 0):
            raise PromptError(f"the index of a frame must be a whole number from 0, got {shown(index)}")
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
            raise PromptError(f"frame {index} has gone by: this video can be read once only, and frames from {first} on are kept")
        elif self._reader is None:
            self._reader = self._source.read(0)
        return self._read_to(index)

    def _read_to(self, index: int) -> Frame | None:
        """Read up to a frame and return it, or None if the video ends before it."""
        read = self._next in (0, max(self._kept, default=-1) + 1)  # If not, the frame before the next one may not exist.
        while self._next <= index:
            try:
                frame = next(self._reader, None) if self._reader is not None else None
            except InputError as error:
                self._reader = None
                if not self._source.rereadable:
                    self._failure = error  # The source cannot be read again: later calls raise the same error.
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
