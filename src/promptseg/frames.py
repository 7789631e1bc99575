"""Any video as a stream of frames: a file, a stream's address, a camera, a folder of images, arrays, or whatever yields images.

`open_frames` makes a `FrameSource` of each. Frames are read one after the other when they are asked for, and none is
kept here. A source that can be read again (file, folder, arrays) starts at any frame, as often as one likes; a stream, a camera or a
generator is read once.

Frames are (H, W, 3) uint8 RGB and upright: a file's rotation is applied, 10-bit samples become 8-bit, odd sizes stay odd. The frames of one
video have one size. Where a video has times, frames keep theirs, so that a variable frame rate is no special case.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from abc import ABC, abstractmethod
from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Union, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, MissingDependencyError
from .images import IMAGE_SUFFIXES, ImageLike, load_image
from .masks import Size

_Unread = tuple[Union[float, None], Callable[[], NDArray[np.uint8]]]
"""A frame's time, and what reads its pixels: frames that are passed over are not converted."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a video.

    Attributes:
        index: Its place among the frames that were asked for, from 0.
        image: (H, W, 3) uint8 RGB.
        time: Seconds since the video's first frame, or None where the source has no times.
    """

    index: int
    image: NDArray[np.uint8]
    time: float | None = None


@runtime_checkable
class FrameSource(Protocol):
    """A stream of video frames of one size; `open_frames` makes one of any video, and yours need not inherit from anything."""

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        ...

    @property
    def rereadable(self) -> bool:
        """Whether frames can be read again, from any of them; if not, each comes once."""
        ...

    @property
    def count(self) -> int | None:
        """How many frames there are, as far as that is known before all are read: a video file may say less or more than it has."""
        ...

    @property
    def fps(self) -> float | None:
        """Frames a second on average, where that is known."""
        ...

    def read(self, start: int = 0) -> Iterator[Frame]:
        """The frames from that at `start` on, in order; where they come once, only those that have not been given.

        Raises:
            InputError: `start` has gone by, or a frame cannot be read or has another size; frames before it were given.
        """
        ...


VideoLike = Union[str, "os.PathLike[str]", bytes, int, NDArray[Any], Sequence[ImageLike], Iterable[ImageLike], FrameSource]
"""What `open_frames` takes."""


def open_frames(source: VideoLike, *, every: int = 1, start: int = 0, stop: int | None = None) -> FrameSource:
    """A stream of frames of whatever holds a video.

    Args:
        source: The path of a video file, or its bytes (package ``av``, extra ``video``); the address of a stream, such as
            ``"rtsp://…"``; the number of a camera; a folder of images with any names, taken in their natural order (2 before 10); a
            sequence of images or an (N, H, W, 3) array; or any other iterable of images. Images are what `load_image` takes. A
            `FrameSource` stays what it is.
        every: Take every n-th frame.
        start: Pass over so many frames first.
        stop: End before this frame of the video, counted before `every`.

    Returns:
        The frames, numbered from 0 as they were chosen.

    Raises:
        InputError: It cannot be read, has no frame, or is no video; or `every`, `start` or `stop` is out of its range.
        MissingDependencyError: Package ``av`` is missing.
    """
    for name, value, least in (("every", every, 1), ("start", start, 0), ("stop", stop, start + 1)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise InputError(f"{name} is a whole number of at least {least}, got {value!r}")
    whole = (every, start, stop) == (1, 0, None)
    if isinstance(source, FrameSource):
        return source if whole else _Chosen(_Source(source), every, start, stop)
    return _Chosen(_videos(source), every, start, stop)


def _videos(source: Any) -> _Video:
    """The kind of video that a value is."""
    if isinstance(source, bool) or source is None:
        raise InputError(f"a video is a path, an address, a camera's number, a folder, arrays or an iterable of images, got {source!r}")
    if isinstance(source, int):
        return _Once(*_camera(source))
    if isinstance(source, (str, os.PathLike)):
        text = os.fspath(source)
        if re.match(r"[a-z][a-z0-9+.-]+://", str(text), re.IGNORECASE):
            return _Once(str(text), iter(_File(str(text)).read(0)))
        path = Path(text)
        if path.is_dir():
            return _Images(_images_in(path), str(path))
        # A GIF by itself may be an animation, and is read as a video; in a folder it is one frame.
        return _Images([path], str(path)) if path.suffix.lower() in IMAGE_SUFFIXES - {".gif"} else _File(path)
    if isinstance(source, (bytes, bytearray)):
        return _File(bytes(source))
    if isinstance(source, np.ndarray):
        if source.ndim != 4:
            raise InputError(f"a video array has shape (N, H, W, 3), got {source.shape}: write [image] for a video of one frame")
        return _Images(cast("Sequence[ImageLike]", source), "the video array")
    if isinstance(source, Sequence):
        return _Images(source, f"the sequence of {len(source)} images")
    if isinstance(source, Iterable):
        return _Once("the stream of images", ((None, lambda image=image: load_image(image)) for image in source))  # type: ignore[misc]
    kind = type(source).__name__
    raise InputError(f"a video is a path, an address, a camera's number, a folder, arrays or an iterable of images, got {kind}")


class _Video(ABC):
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
    def read(self, start: int) -> Iterator[_Unread]:
        """The frames from the one at `start` on. What is read once gives the frames from there on that were not given yet."""


class _Chosen:
    """Some frames of a video; a `FrameSource`."""

    def __init__(self, video: _Video, every: int, start: int, stop: int | None) -> None:
        self._video, self._every, self._start, self._stop = video, every, start, stop
        self._given = 0
        self._frames: Iterator[Frame] | None = None
        first = next(self._chosen(0), None)
        if first is None:
            raise InputError(f"{video.name} has no frame" + (f" at {start} or after it" if start else ""))
        height, width = first.image.shape[:2]
        self.size: Size = (height, width)
        if not video.rereadable:
            self._frames = self._after(first)

    @property
    def rereadable(self) -> bool:
        return self._video.rereadable

    @property
    def count(self) -> int | None:
        known = self._video.count
        if known is None:
            return None
        return len(range(self._start, known if self._stop is None else min(known, self._stop), self._every))

    @property
    def fps(self) -> float | None:
        return None if self._video.fps is None else self._video.fps / self._every

    def read(self, start: int = 0) -> Iterator[Frame]:
        if self._frames is None:
            return self._checked(self._chosen(start))
        if start < self._given:
            raise InputError(f"{self._video.name} is read once: frame {start} has gone by, the next is {self._given}")
        return (frame for frame in self._checked(self._frames) if frame.index >= start)

    def __iter__(self) -> Iterator[Frame]:
        return self.read()

    def _after(self, first: Frame) -> Iterator[Frame]:
        """The frames of a video that is read once, the first of which was read already."""
        yield first
        yield from self._chosen(1)

    def _chosen(self, start: int) -> Iterator[Frame]:
        raw = self._start + start * self._every
        for position, (time, image) in enumerate(self._video.read(raw), raw):
            if self._stop is not None and position >= self._stop:
                return
            index, beside = divmod(position - self._start, self._every)
            if not beside:
                yield Frame(index, image(), time)
            if self._stop is not None and position + self._every >= self._stop and not beside:
                return  # A camera need not give a frame that no one asked for.

    def _checked(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            height, width = frame.image.shape[:2]
            if (height, width) != self.size:
                size = f"{self.size[1]} wide and {self.size[0]} high"
                raise InputError(f"frame {frame.index} of {self._video.name} is {width} wide and {height} high, the first is {size}")
            self._given = max(self._given, frame.index + 1)
            yield frame


class _Images(_Video):
    """Images in a sequence, each read when it is reached."""

    def __init__(self, images: Sequence[ImageLike], name: str) -> None:
        self.name, self._images, self.count = name, images, len(images)

    def read(self, start: int) -> Iterator[_Unread]:
        for index in range(start, len(self._images)):
            yield None, lambda index=index: self._image(index)  # type: ignore[misc]

    def _image(self, index: int) -> NDArray[np.uint8]:
        try:
            return load_image(self._images[index])
        except InputError as error:
            raise InputError(f"frame {index} of {self.name}: {error}") from error


class _Once(_Video):
    """Frames that come once and in order."""

    rereadable = False

    def __init__(self, name: str, frames: Iterator[_Unread], fps: float | None = None) -> None:
        self.name, self._unread, self._position, self.fps = name, frames, 0, fps

    def read(self, start: int) -> Iterator[_Unread]:
        for unread in self._unread:
            self._position += 1
            if self._position > start:
                yield unread


class _Source(_Video):
    """A source of frames from elsewhere."""

    def __init__(self, source: FrameSource) -> None:
        self.name, self._source = "the source of frames", source
        self.rereadable, self.count, self.fps = source.rereadable, source.count, source.fps

    def read(self, start: int) -> Iterator[_Unread]:
        for frame in self._source.read(start):
            yield frame.time, lambda frame=frame: frame.image  # type: ignore[misc]


class _File(_Video):
    """A video file or the bytes of one, through PyAV (FFmpeg).

    To start in the middle, the last key frame at or before that place is sought, if it was met before: only then it is known which frame
    it is. If not, the file is decoded from the last key frame that was met.
    """

    def __init__(self, file: str | Path | bytes) -> None:
        self._file = file
        self.name = f"video data of {len(file)} bytes" if isinstance(file, bytes) else str(file)
        with self._opened() as (_, stream):
            self._header_count = stream.frames or None
            self.count = self._header_count
            self.fps = float(stream.average_rate) if stream.average_rate else None
        self._keys: list[tuple[int, int]] = []  # (index, presentation time in the stream's units) of key frames.
        self._first: int | None = None

    def read(self, start: int) -> Iterator[_Unread]:
        at = bisect_right(self._keys, (start, 1 << 62)) - 1
        if at > 0 and self._keys[at][0] > 0:
            sought = self._sought(self._keys[at], start)
            if sought is not None:
                yield from sought
                return
        with self._opened() as (container, stream):
            yield from self._counted(self._decoded(container, stream), 0, start)

    def _sought(self, key: tuple[int, int], start: int) -> Iterator[_Unread] | None:
        """The frames from `start` on, found from a key frame before it; None where seeking does not lead to that very frame."""
        index, time = key
        with contextlib.ExitStack() as stack:
            container, stream = stack.enter_context(self._opened())
            try:
                container.seek(time, stream=stream)
            except Exception:  # FFmpeg's errors have many bases; a file that cannot be sought in is read from its start.
                return None
            frames = self._decoded(container, stream)
            first = next((frame for frame in frames if frame.pts is not None and frame.pts >= time), None)
            if first is None or first.pts != time or not first.key_frame:
                return None
            held = stack.pop_all()

            def found() -> Iterator[_Unread]:
                with held:
                    yield from self._counted(_chain(first, frames), index, start)

            return found()

    def _counted(self, frames: Iterator[Any], index: int, start: int) -> Iterator[_Unread]:
        """Frames from `start` on, where the first of `frames` is the one at `index`; key frames and the end are remembered."""
        for frame in frames:
            if index == 0:
                self._first = frame.pts
            if frame.key_frame and frame.pts is not None and (index, frame.pts) not in self._keys:
                insort(self._keys, (index, frame.pts))
            if index >= start:
                time = None if frame.pts is None or frame.time_base is None else float((frame.pts - (self._first or 0)) * frame.time_base)
                yield time, lambda frame=frame: _pixels(frame, self.name)  # type: ignore[misc]
            index += 1
        self.count = index

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        """The frames of an open file.

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
            except Exception as error:  # As above: FFmpeg's errors have many bases.
                why, cause = str(error), error
                with contextlib.suppress(Exception):  # The frames that the decoder still holds.
                    frames = stream.codec_context.decode(None)
            for frame in frames:
                done, end = done + 1, max(end, (frame.time or 0.0) + float((frame.duration or 0) * (frame.time_base or 0)))
                yield frame
        if why:
            raise InputError(f"{self.name} is damaged or truncated after {done} decoded frames: {why}") from cause

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        """The file, opened anew, and its video stream.

        Raises:
            InputError: It cannot be read, or has no video.
            MissingDependencyError: Package ``av`` is missing.
        """
        av = _av()
        try:
            container = av.open(io.BytesIO(self._file) if isinstance(self._file, bytes) else str(self._file))
        except FileNotFoundError as error:
            raise InputError(f"there is no video {self.name}") from error
        except Exception as error:  # As above.
            why = getattr(error, "strerror", None) or error  # Without FFmpeg's number and the name once more.
            raise InputError(f"{self.name} is empty, truncated or no video that FFmpeg reads: {why}") from error
        with container:
            if not container.streams.video:
                raise InputError(f"{self.name} has no video: only {', '.join(sorted({s.type for s in container.streams})) or 'no stream'}")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            yield container, stream


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _missing(end: float, stream: Any) -> str:
    """What is missing of a video whose last frame ends at `end` seconds, where its file says so; Matroska does, MP4 marks its packets."""
    told = re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", ""))
    whole = sum(float(part) * unit for part, unit in zip(told.groups(), (3600, 60, 1), strict=True)) if told else 0.0
    return f"it ends at {end:.2f} of {whole:.2f} seconds" if end < 0.95 * whole - 0.2 else ""


def _pixels(frame: Any, name: str) -> NDArray[np.uint8]:
    """A decoded frame as (H, W, 3) uint8 RGB, turned as its display matrix says."""
    try:
        image: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    except Exception as error:  # FFmpeg's errors have many bases.
        raise InputError(f"a frame of {name} cannot be converted from {frame.format.name} to RGB: {error}") from error
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError("video files need package av, which is not installed: pip install 'promptseg[video]'") from error
    return av


def _images_in(folder: Path) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")]
    except OSError as error:
        raise InputError(f"cannot read folder {folder}: {error.strerror or error}") from error
    if not found:
        raise InputError(f"folder {folder} has no images: a video in a folder is files such as 0001.jpg")
    return sorted(found, key=lambda path: _natural(path.name))


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """A key by which numbers in names are compared as numbers."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name))


def _camera(number: int) -> tuple[str, Iterator[_Unread], float | None]:
    """A camera's name, frames and frame rate. It is let go when the frames are no longer held.

    Raises:
        InputError: There is no such camera.
    """
    import cv2

    camera = cv2.VideoCapture(number)
    if not camera.isOpened():
        camera.release()
        raise InputError(f"camera {number} cannot be opened: is it connected, and free?")

    def frames() -> Iterator[_Unread]:
        import time

        try:
            started, given = time.monotonic(), 0
            while True:
                there, picture = camera.read()
                if not there:
                    raise InputError(f"camera {number} gave no frame any more after {given}: was it unplugged?")
                now, given = time.monotonic() - started, given + 1
                yield now if given > 1 else 0.0, lambda picture=picture: np.ascontiguousarray(picture[:, :, ::-1])  # type: ignore[misc]
        finally:
            camera.release()

    return f"camera {number}", frames(), camera.get(cv2.CAP_PROP_FPS) or None
