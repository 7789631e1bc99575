"""Frames of video files, bytes of video files, and network streams, decoded by PyAV (FFmpeg)."""

from __future__ import annotations

import contextlib
import io
import re
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._install import install_extra
from ..errors import InputError, MissingDependencyError
from ..image_formats import MAX_PIXELS
from ._reader import Reader, Unread
from .packet_index import Key, packet_index

FAR = 250
"""Number of frames from a known key frame beyond which the packets are listed: that is then faster than decoding."""


class FileReader(Reader):
    """Reader of a video file or its bytes, by PyAV (FFmpeg).

    To start in the middle, the reader seeks the last known key frame before the start and decodes from there. A key frame is known after it
    was decoded once. Where a start is far from the last one that is known, the packets of the file are listed first, if they tell.
    """

    def __init__(self, file: str | Path | bytes) -> None:
        self._file = file
        self.name = f"video data of {len(file)} bytes" if isinstance(file, bytes) else str(file)
        with self._opened() as (_, stream):
            self._header_count = stream.frames or None
            self.count = self._header_count
            self.fps = float(stream.average_rate) if stream.average_rate else None
        self._keys: list[Key] = []  # In order.
        self._listed, self._listing = False, threading.Lock()
        self._first: int | None = None

    def counted(self) -> int | None:
        self._list_packets()
        return self.count

    def read(self, start: int) -> Iterator[Unread]:
        at = self._last_key(start)
        if start - (self._keys[at][0] if at >= 0 else 0) > FAR:
            self._list_packets()
            at = self._last_key(start)
        if at > 0 and self._keys[at][0] > 0:
            sought = self._sought(self._keys[at], start)
            if sought is not None:
                yield from sought
                return
        with self._opened() as (container, stream):
            yield from self._counted(self._decoded(container, stream), 0, start)

    def _last_key(self, start: int) -> int:
        """Return the place in `_keys` of the last one up to frame `start`; -1 for none."""
        return bisect_right(self._keys, (start, 1 << 62)) - 1

    def _list_packets(self) -> None:
        """Learn the number of frames and all key frames from the packets, once. Another thread that needs them waits for it."""
        with self._listing:
            if self._listed:
                return
            self._listed = True
            with self._opened() as (container, stream):
                found = packet_index(container, stream)
            if found is not None:
                self.count, self._keys = found

    def _sought(self, key: Key, start: int) -> Iterator[Unread] | None:
        """Return the frames from `start` on, decoded from a key frame before it, or None if seeking does not reach that key frame."""
        index, time = key
        with contextlib.ExitStack() as stack:
            container, stream = stack.enter_context(self._opened())
            try:
                container.seek(time, stream=stream)
            except Exception:  # FFmpeg's errors have many base classes. A file without seeking is read from its start.
                return None
            frames = self._decoded(container, stream)
            first = next((frame for frame in frames if frame.pts is not None and frame.pts >= time), None)
            if first is None or first.pts != time or not first.key_frame:
                return None
            held = stack.pop_all()

            def found() -> Iterator[Unread]:
                with held:
                    yield from self._counted(_chain(first, frames), index, start)

            return found()

    def _counted(self, frames: Iterator[Any], index: int, start: int) -> Iterator[Unread]:
        """Yield the frames from `start` on, and store key frames and the number of frames.

        Args:
            frames: Decoded frames.
            index: Index of the first of them.
            start: Index of the first frame to yield.
        """
        for frame in frames:
            if index == 0:
                self._first = frame.pts
            if frame.key_frame and frame.pts is not None:
                self._keep((index, frame.pts))
            if index >= start:
                time = None if frame.pts is None or frame.time_base is None else float((frame.pts - (self._first or 0)) * frame.time_base)
                yield time, lambda frame=frame: _pixels(frame, self.name)  # type: ignore[misc]
            index += 1
        self.count = index

    def _keep(self, key: Key) -> None:
        at = bisect_left(self._keys, key)
        if at == len(self._keys) or self._keys[at] != key:
            self._keys.insert(at, key)

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield the decoded frames of an open file.

        Raises:
            InputError: The file is damaged or ends too early.
        """
        done, end, packets, cause = 0, 0.0, container.demux(stream), None
        why: str | None = None
        while why is None:
            frames: list[Any] = []
            try:
                packet = next(packets, None)
                if packet is None:
                    why = _missing(end, stream)
                    break
                if packet.is_corrupt:
                    why = "FFmpeg finds it corrupt"
                frames = packet.decode() if why is None else stream.codec_context.decode(None)
            except Exception as error:  # FFmpeg's errors have many base classes.
                why, cause = str(error), error
                with contextlib.suppress(Exception):  # Frames that the decoder still holds.
                    frames = stream.codec_context.decode(None)
            for frame in frames:
                done, end = done + 1, max(end, (frame.time or 0.0) + float((frame.duration or 0) * (frame.time_base or 0)))
                yield frame
        if why:
            raise InputError(f"{self.name} is damaged or truncated after {done} decoded frames: {why}") from cause

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        """Open the file and return its container and its video stream, within a ``with`` block.

        Raises:
            InputError: The file cannot be read, or has no video stream.
            MissingDependencyError: Package ``av`` is missing.
        """
        av = _av()
        try:
            if isinstance(self._file, Path):
                # A playlist must not open other addresses, nor a name such as "concat:a|b" be taken for one.
                container = av.open(f"file:{self._file}", options={"protocol_whitelist": "file,crypto,data"})
            else:
                container = av.open(io.BytesIO(self._file) if isinstance(self._file, bytes) else self._file)
        except FileNotFoundError as error:
            raise InputError(f"there is no video {self.name}: check the path") from error
        except Exception as error:  # FFmpeg's errors have many base classes.
            why = getattr(error, "strerror", None) or error  # Without the number of the error and a second file name.
            if isinstance(self._file, str):
                raise InputError(f"{self.name} cannot be reached, or is not a video that FFmpeg can read: {why}") from error
            raise InputError(
                f"{self.name} is empty, truncated or no video that FFmpeg can read: {why}. Get it again, or convert it to MP4"
            ) from error
        with container:
            if not container.streams.video:
                found = ", ".join(sorted({stream.type for stream in container.streams})) or "no stream"
                raise InputError(f"{self.name} has no video stream, only {found}")
            stream = container.streams.video[0]
            _check_size(stream.codec_context.width, stream.codec_context.height, self.name)
            stream.thread_type = "AUTO"
            yield container, stream


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _check_size(width: int, height: int, name: str) -> None:
    if width * height > MAX_PIXELS:
        raise InputError(f"{name} has frames of {width} x {height} pixels, more than {MAX_PIXELS}")


def _missing(end: float, stream: Any) -> str:
    """Return a message if a video ends, at `end` seconds, before the duration in its header; else an empty text.

    Matroska files have that duration. In truncated MP4 files, FFmpeg marks the packets as corrupt instead.
    """
    header = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    whole = sum(float(part) * unit for part, unit in zip(header.groups(), (3600, 60, 1), strict=True)) if header else 0.0
    return f"it ends at {end:.2f} of {whole:.2f} seconds" if end < 0.95 * whole - 0.2 else ""


def _pixels(frame: Any, name: str) -> NDArray[np.uint8]:
    """Return a decoded frame as (H, W, 3) uint8 RGB, rotated according to its display matrix."""
    _check_size(frame.width, frame.height, name)
    try:
        image: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    except Exception as error:  # FFmpeg's errors have many base classes.
        raise InputError(f"a frame of {name} cannot be converted from {frame.format.name} to RGB: {error}") from error
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(f"reading videos needs package av, which is not installed: {install_extra('video')}") from error
    return av
