"""Any video as a stream of frames: a file, a stream's address, a camera, a folder of images, arrays, or whatever yields images.

`open_frames` makes a `FrameSource` of each. Frames are read one after the other when they are asked for, and none is
kept here. A source that can be read again (file, folder, arrays) starts at any frame, as often as one likes; a stream, a camera or a
generator is read once.

Frames are (H, W, 3) uint8 RGB and upright: a file's rotation is applied, 10-bit samples become 8-bit, odd sizes stay odd. The frames of one
video have one size. Where a video has times, frames keep theirs, so that a variable frame rate is no special case.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .._checks import whole_number
from ..errors import InputError
from ..images import IMAGE_SUFFIXES, ImageLike, load_image
from ..masks import Size
from ..protocols import Frame, FrameSource, VideoLike
from ._reader import OnceReader, Reader, Unread
from .camera import open_camera
from .ffmpeg import FileReader


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
        if value is not None:
            whole_number(name, value, least, InputError)
    whole = (every, start, stop) == (1, 0, None)
    if isinstance(source, FrameSource):
        return source if whole else _Chosen(_Source(source), every, start, stop)
    return _Chosen(_reader(source), every, start, stop)


def _reader(source: Any) -> Reader:
    """Return what reads the frames of a value."""
    if isinstance(source, bool) or source is None:
        raise InputError(f"a video is a path, an address, a camera's number, a folder, arrays or an iterable of images, got {source!r}")
    if isinstance(source, int):
        return open_camera(source)
    if isinstance(source, (str, os.PathLike)):
        text = os.fspath(source)
        if re.match(r"[a-z][a-z0-9+.-]+://", str(text), re.IGNORECASE):
            return OnceReader(str(text), iter(FileReader(str(text)).read(0)))
        path = Path(text)
        if path.is_dir():
            return _Images(_images_in(path), str(path))
        # A GIF by itself may be an animation, and is read as a video; in a folder it is one frame.
        return _Images([path], str(path)) if path.suffix.lower() in IMAGE_SUFFIXES - {".gif"} else FileReader(path)
    if isinstance(source, (bytes, bytearray)):
        return FileReader(bytes(source))
    if isinstance(source, np.ndarray):
        if source.ndim != 4:
            raise InputError(f"a video array has shape (N, H, W, 3), got {source.shape}: write [image] for a video of one frame")
        return _Images(cast("Sequence[ImageLike]", source), "the video array")
    if isinstance(source, Sequence):
        return _Images(source, f"the sequence of {len(source)} images")
    if isinstance(source, Iterable):
        return OnceReader("the stream of images", ((None, lambda image=image: load_image(image)) for image in source))  # type: ignore[misc]
    kind = type(source).__name__
    raise InputError(f"a video is a path, an address, a camera's number, a folder, arrays or an iterable of images, got {kind}")


class _Chosen:
    """Some frames of a video; a `FrameSource`."""

    def __init__(self, video: Reader, every: int, start: int, stop: int | None) -> None:
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


class _Images(Reader):
    """Images in a sequence, each read when it is reached."""

    def __init__(self, images: Sequence[ImageLike], name: str) -> None:
        self.name, self._images, self.count = name, images, len(images)

    def read(self, start: int) -> Iterator[Unread]:
        for index in range(start, len(self._images)):
            yield None, lambda index=index: self._image(index)  # type: ignore[misc]

    def _image(self, index: int) -> NDArray[np.uint8]:
        try:
            return load_image(self._images[index])
        except InputError as error:
            raise InputError(f"frame {index} of {self.name}: {error}") from error


class _Source(Reader):
    """A source of frames from elsewhere."""

    def __init__(self, source: FrameSource) -> None:
        self.name, self._source = "the source of frames", source
        self.rereadable, self.count, self.fps = source.rereadable, source.count, source.fps

    def read(self, start: int) -> Iterator[Unread]:
        for frame in self._source.read(start):
            yield frame.time, lambda frame=frame: frame.image  # type: ignore[misc]


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
