"""`DisplayFrames`: the frames of a video by index, as JPEG at the size of the screen, or as pixels for a model.

One thread owns the reader. It answers the latest request first, because a person who scrubs has no interest in the earlier ones any more,
and reads ahead while nobody asks. What it has encoded is kept in bounded memory.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...masks import Size
from ...protocols import Frame
from ...server.errors import NotFoundError
from ...video.frames import counted, open_frames

CACHE_BYTES = 96 << 20
"""Default limit of the memory for encoded frames, in bytes."""

AHEAD = 48
"""Number of frames that are encoded ahead of the one that was asked for last."""

BEHIND = 24
"""Number of frames that are encoded together where one goes back: files can only be decoded forward."""

NEAR = 96
"""Number of frames up to which reading on is faster than seeking."""

QUALITY = 85


@dataclass(frozen=True, eq=False)
class _Request:
    """A frame that somebody waits for: as JPEG of a width, or, without one, as pixels."""

    index: int
    width: int | None
    future: Future[Any]


class DisplayFrames:
    """Frames of a video for a page.

    Args:
        path: The video: a file or a folder of frames.
        cache_bytes: Limit of the memory for encoded frames, in bytes.
        ahead: Number of frames to encode ahead.

    Raises:
        InputError: The video cannot be read, or it is a live source.
    """

    def __init__(self, path: Path, cache_bytes: int = CACHE_BYTES, ahead: int = AHEAD) -> None:
        self._source = open_frames(str(path))
        if not self._source.rereadable:
            raise InputError(f"{path} can be read once only: record it to a file first")
        self._cache_bytes, self._ahead = cache_bytes, ahead
        self._encoded: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._used = 0
        self._reader: Iterator[Frame] | None = None
        self._next = 0
        self._last: tuple[int, int] | None = None
        self._requests: list[_Request] = []
        self._changed = threading.Condition()
        self._closed = False
        if self._source.count is None:
            counted(self._source)
        self._listing: threading.Thread | None = None
        self._thread = threading.Thread(target=self._run, name="promptseg-frames", daemon=True)
        self._thread.start()

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        return self._source.size

    @property
    def count(self) -> int | None:
        """Number of frames, or None if it cannot be known without decoding all of them."""
        return self._source.count

    @property
    def fps(self) -> float | None:
        """Average number of frames per second, or None if unknown."""
        return self._source.fps

    @property
    def nbytes(self) -> int:
        """Memory of the encoded frames, in bytes."""
        return self._used

    def jpeg(self, index: int, width: int) -> Future[bytes]:
        """Return a future of a frame as JPEG, at most `width` pixels wide. It may fail with `NotFoundError` or `InputError`."""
        with self._changed:
            known = self._encoded.get((index, width))
            if known is not None:
                self._encoded.move_to_end((index, width))
                self._last = index, width
                done: Future[bytes] = Future()
                done.set_result(known)
                self._changed.notify()  # To read ahead of it.
                return done
        future: Future[bytes] = Future()
        self._ask(index, width, future)
        return future

    def pixels(self, index: int) -> Future[Frame]:
        """Return a future of a frame at full size. It may fail with `NotFoundError` or `InputError`."""
        future: Future[Frame] = Future()
        self._ask(index, None, future)
        return future

    def close(self) -> None:
        """End the thread. Requests that wait fail."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(30)

    def _ask(self, index: int, width: int | None, future: Future[Any]) -> None:
        with self._changed:
            if self._closed:
                future.set_exception(NotFoundError("the video was closed"))
            else:
                self._requests.append(_Request(index, width, future))
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._requests or self._closed or self._is_behind()):
                    self._changed.wait()
                if self._closed:
                    break
                request = self._requests.pop() if self._requests else None
            if request is not None:
                self._answer(request)
            else:
                self._read_ahead()
        for request in self._requests:
            request.future.set_exception(NotFoundError("the video was closed"))

    def _answer(self, request: _Request) -> None:
        if not request.future.set_running_or_notify_cancel():
            return
        try:
            if request.width is None:
                request.future.set_result(self._frame(request.index, None))
                return
            key = request.index, request.width
            if key not in self._encoded:
                self._frame(*key)
            self._last = key
            request.future.set_result(self._encoded[key])
            self._list()
        except BaseException as error:
            self._reader = None
            request.future.set_exception(error)

    def _list(self) -> None:
        """Begin to list the frames of the file, beside the reading: then any of them is found quickly. The first frame goes before it."""
        if self._listing is None:
            self._listing = threading.Thread(target=self._list_frames, name="promptseg-frame-list", daemon=True)
            self._listing.start()

    def _list_frames(self) -> None:
        with contextlib.suppress(InputError):  # Who reads the damaged place is told.
            counted(self._source)

    def _frame(self, index: int, width: int | None) -> Frame:
        """Read up to a frame, encode what is passed on the way, and return the frame."""
        if self._reader is None or not self._next <= index <= self._next + NEAR:
            goes_back = width is not None and self._last is not None and index < self._last[0]
            self._seek(max(0, index - BEHIND) if goes_back else index)
        while True:
            frame = self._read()
            if frame is None:
                raise NotFoundError(f"the video has no frame {index}")
            if width is not None:
                self._keep(frame, width)
            if frame.index == index:
                return frame

    def _seek(self, index: int) -> None:
        self._reader, self._next = self._source.read(index), index

    def _read(self) -> Frame | None:
        frame = None if self._reader is None else next(self._reader, None)
        if frame is None:
            self._reader = None
        else:
            self._next = frame.index + 1
        return frame

    def _is_behind(self) -> bool:
        """Return whether frames can be encoded ahead of the one that was asked for last."""
        if self._last is None or self._reader is None:
            return False
        return self._last[0] < self._next <= self._last[0] + self._ahead

    def _read_ahead(self) -> None:
        if self._last is None:
            return
        try:
            frame = self._read()
            if frame is not None:
                self._keep(frame, self._last[1])
        except InputError:  # Who asks for that frame is told.
            self._reader = None

    def _keep(self, frame: Frame, width: int) -> None:
        key = frame.index, width
        if key in self._encoded:
            return
        content = encoded(frame.image, width)
        with self._changed:
            self._encoded[key] = content
            self._used += len(content)
            while self._used > self._cache_bytes and len(self._encoded) > 1:
                self._used -= len(self._encoded.popitem(last=False)[1])


def encoded(image: NDArray[np.uint8], width: int, quality: int = QUALITY) -> bytes:
    """Return an image, (H, W, 3) uint8 RGB, as JPEG of at most `width` pixels across."""
    height, full = image.shape[:2]
    if width < full:
        image = cv2.resize(image, (width, max(1, round(height * width / full))), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    done, content = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise InputError(f"a frame of {full} x {height} pixels cannot be encoded as JPEG")
    return content.tobytes()
