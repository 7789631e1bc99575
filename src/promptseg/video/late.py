"""`LateReader`: frames of a live source without those that came while the caller was busy.

A thread reads the source as fast as its frames come, and keeps the newest one. Whoever asks for the next frame gets that one, or waits for
it. A tracker that takes longer than a frame lasts is therefore never far behind. It skips the frames in between.

A video file has no pace of its own. Its frames come at their times, as if it was played.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Literal

from ..errors import InputError, shown
from ._reader import Reader, StreamReader, Unread

Drop = Literal["late"]
"""Which frames are dropped: those that came while the caller was busy."""

Wait = Callable[[threading.Event, float], object]
"""Function that waits for some seconds, or until an event is set."""


def late_reader(source: Reader, drop: object) -> Reader:
    """Return a reader that drops late frames, or the reader itself if `drop` is None.

    Raises:
        InputError: `drop` is neither ``"late"`` nor None.
    """
    if drop is None:
        return source
    if not isinstance(drop, str) or drop != "late":
        raise InputError(f"drop is 'late' or None, got {shown(drop)}")
    return LateReader(source)


class LateReader(StreamReader):
    """Reader of the newest frames of another reader.

    The first frame is read at once. The thread starts when the second is asked for, so that a file does not play while models are loaded.

    Args:
        source: The other reader. One that can be read again must have times.
        clock: Function that returns seconds.
        wait: Function that waits.
    """

    def __init__(self, source: Reader, clock: Callable[[], float] = time.monotonic, wait: Wait = threading.Event.wait) -> None:
        self._mailbox = _Mailbox()
        super().__init__(source.name, _newest(source, self._mailbox, clock, wait), source.fps)
        # Neither the thread nor the iterator refers to this reader, so that the thread ends when nobody reads any more.
        weakref.finalize(self, self._mailbox.closed.set)

    @property
    def dropped(self) -> int:
        """Number of frames that were dropped just before the frame that was yielded last."""
        return self._mailbox.dropped


class _Mailbox:
    """Place for one frame, which a newer frame replaces.

    Attributes:
        dropped: Number of frames that were replaced before the frame that was taken last.
        closed: Set when nobody will take a frame any more.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self.closed = threading.Event()
        self._changed = threading.Condition()
        self._newest: Unread | None = None
        self._replaced = 0
        self._ended = False
        self._failure: BaseException | None = None

    def put(self, frame: Unread) -> None:
        with self._changed:
            self._replaced += self._newest is not None
            self._newest = frame
            self._changed.notify()

    def end(self, failure: BaseException | None = None) -> None:
        """Say that no frame will come any more, and why if it is an error."""
        with self._changed:
            self._ended, self._failure = True, failure
            self._changed.notify()

    def take(self) -> Unread | None:
        """Return the newest frame, when there is one; None after the last frame.

        Raises:
            BaseException: The source failed. The frames before the failure have been taken.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._ended)
            frame, self._newest = self._newest, None
            if frame is None and self._failure is not None:
                raise self._failure
            self.dropped, self._replaced = self._replaced, 0
            return frame


def _newest(source: Reader, mailbox: _Mailbox, clock: Callable[[], float], wait: Wait) -> Iterator[Unread]:
    """Yield the first frame of a source, and then always its newest frame."""
    frames: Any = source.read(0)
    first = next(frames, None)
    if first is None:
        return
    paced = source.rereadable
    if paced and first[0] is None:
        raise InputError(
            f"no frame of {source.name} can be late, because its frames have no times: drop='late' is for cameras, streams and videos with "
            "times, so leave it out"
        )
    yield first

    def read() -> None:
        try:
            started = clock() - (first[0] or 0.0)
            for moment, image in frames:
                early = started + (moment or 0.0) - clock()
                if paced and early > 0:
                    wait(mailbox.closed, early)
                if mailbox.closed.is_set():
                    break
                mailbox.put((moment, image))
            frames.close()  # In this thread: it releases the camera.
        except BaseException as failure:
            mailbox.end(failure)
        else:
            mailbox.end()

    threading.Thread(target=read, name="promptseg frames", daemon=True).start()
    while (frame := mailbox.take()) is not None:
        yield frame
