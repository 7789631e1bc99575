"""`open_frames`: any video as a source of frames.

A video is a file, the address of a stream, a camera, a folder of images, an array, or any iterable of images. The file may be an animation
or a stack of pages: all its images are frames. Frames are read lazily, one
after the other, and none is kept in memory. Files, folders and arrays can be read again, from any frame. Streams, cameras and generators
are read once only.

Frames are (H, W, 3) uint8 RGB and upright: the rotation of a file is applied. 10-bit samples are converted to 8 bits. Odd sizes are kept.
All frames of a video have the same size. Frames keep their times, if the video has times, so a variable frame rate is supported.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._checks import absent_hint, is_whole_number, whole_number
from ..errors import InputError
from ..images import IMAGE_SUFFIXES, load_image
from ..masks import Size
from ..protocols import Frame, FrameSource, VideoLike
from ._reader import Reader, StreamReader, Unread
from .camera import open_camera
from .ffmpeg import FileReader
from .image_readers import ArrayReader, ImageReader, PageReader, folder_reader, pattern_reader
from .late import Drop, late_reader

_EXPECTED = "a video is a path, a stream address, a camera number, a folder, an array or an iterable of images"


def open_frames(source: VideoLike, *, every: int = 1, start: int = 0, stop: int | None = None, drop: Drop | None = None) -> FrameSource:
    """Return the frames of a video.

    Args:
        source: The path of a video file, or its bytes (package ``av``, extra ``video``); the same of an animation or a TIFF stack, whose
            images are all frames; the address of a stream, such as ``"rtsp://…"``; the number of a camera; a folder of images with any
            names, or a pattern such as ``"frames/*.png"``, taken in natural order (2 before 10); a sequence of images or an (N, H, W, 3)
            array; any other iterable of images; or a `FrameSource`. Images are of any kind that `promptseg.images.load_image` takes.
        every: Take every n-th frame.
        start: Index of the first frame to take.
        stop: Index of the frame before which to end, counted in frames of the video, not in frames taken.
        drop: ``"late"`` drops the frames that come while the caller is busy with another one, and goes on with the newest. `Frame.dropped`
            says how many. It is for cameras and streams; a file is played at its own pace. `every`, `start` and `stop` count the frames
            that are not dropped. Default: no frame is dropped.

    Returns:
        The frames, numbered from 0 in the order in which they are taken.

    Raises:
        InputError: The source cannot be read, has no frame, or is not a video; `every`, `start`, `stop` or `drop` is out of range; or late
            frames are to be dropped of a source that is not live and has no times.
        MissingDependencyError: Package ``av`` is missing.
    """
    every = whole_number("every", every, 1, InputError)
    start = whole_number("start", start, 0, InputError)
    if stop is not None:
        stop = whole_number("stop", stop, start + 1, InputError)
    whole = (every, start, stop, drop) == (1, 0, None, None)
    if isinstance(source, FrameSource) and whole:
        return source
    reader = _SourceReader(source) if isinstance(source, FrameSource) else _reader(source)
    return _SelectedFrames(late_reader(reader, drop), every, start, stop)


def counted(source: FrameSource) -> int | None:
    """Return the number of frames of a source, for a video file by its packets rather than its header; None if it is unknown.

    No frame is decoded. For a long file this takes about a second, after which every frame of it is found quickly.
    """
    return source.counted() if isinstance(source, _SelectedFrames) else source.count


def _reader(source: Any) -> Reader:
    """Return the reader for a source."""
    if isinstance(source, bool) or source is None:
        raise InputError(f"{_EXPECTED}, got {source!r}")
    if is_whole_number(source):
        return open_camera(int(source))
    if isinstance(source, (str, os.PathLike)):
        return _path_reader(os.fspath(source))
    if isinstance(source, (bytes, bytearray)):
        content = bytes(source)
        return PageReader(content) if _may_have_pages(content) else FileReader(content)
    if isinstance(source, np.ndarray):
        return ArrayReader(source)
    if isinstance(source, Sequence):
        return ImageReader(source, f"the sequence of {len(source)} images")
    if isinstance(source, Iterable) and not isinstance(source, Mapping) and not hasattr(source, "read"):
        return StreamReader("the stream of images", ((None, lambda image=image: load_image(image)) for image in source))  # type: ignore[misc]
    raise InputError(f"{_EXPECTED}, got {type(source).__name__}")


def _may_have_pages(content: bytes) -> bool:
    """Return whether a file is APNG, AVIF, TIFF or WebP, of which FFmpeg may read only the first image."""
    kind = content[8:12] if content[:4] == b"RIFF" else content[4:12]
    return content.startswith((b"\x89PNG", b"II*\0", b"MM\0*")) or kind in (b"WEBP", b"ftypavif", b"ftypavis")


def _path_reader(text: str | bytes) -> Reader:
    """Return the reader for a path or the address of a stream."""
    if not isinstance(text, str) or not text:
        raise InputError(f"{_EXPECTED}, got {text!r}")
    if re.match(r"[a-z][a-z0-9+.-]+://", text, re.IGNORECASE):
        return StreamReader(text, iter(FileReader(text).read(0)))
    path = Path(text)
    try:
        is_folder = path.is_dir()
        path.stat()
    except (OSError, ValueError) as error:  # A path with a null byte is a ValueError.
        short = text if len(text) <= 200 else text[:199] + "…"
        if isinstance(error, FileNotFoundError):
            if glob.has_magic(text):
                return pattern_reader(path)
            raise InputError(f"there is no video {short}{absent_hint(path)}") from error
        raise InputError(f"cannot read video {short!r}: {getattr(error, 'strerror', None) or error}") from error
    if is_folder:
        return folder_reader(path)
    # A GIF is read by FFmpeg, as other videos are; in a folder it is one frame.
    return PageReader(path) if path.suffix.lower() in IMAGE_SUFFIXES - {".gif"} else FileReader(path)


class _SelectedFrames:
    """Selected frames of a video; a `FrameSource`."""

    def __init__(self, video: Reader, every: int, start: int, stop: int | None) -> None:
        self._video, self._every, self._start, self._stop = video, every, start, stop
        self._given = 0
        self._frames: Iterator[Frame] | None = None
        first = next(self._selected(0), None)
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
        return self._selected_of(self._video.count)

    def counted(self) -> int | None:
        return self._selected_of(self._video.counted())

    def _selected_of(self, known: int | None) -> int | None:
        if known is None:
            return None
        return len(range(self._start, known if self._stop is None else min(known, self._stop), self._every))

    @property
    def fps(self) -> float | None:
        return None if self._video.fps is None else self._video.fps / self._every

    def read(self, start: int = 0) -> Iterator[Frame]:
        if self._frames is None:
            return self._checked(self._selected(start))
        if start < self._given:
            raise InputError(f"{self._video.name} can be read once only: frame {start} has gone by, the next is {self._given}")
        return (frame for frame in self._checked(self._frames) if frame.index >= start)

    def __iter__(self) -> Iterator[Frame]:
        return self.read()

    def _after(self, first: Frame) -> Iterator[Frame]:
        """Yield the frames of a video that is read once, after the first one, which has already been read."""
        yield first
        yield from self._selected(1)

    def _selected(self, start: int) -> Iterator[Frame]:
        """Yield the selected frames from selected index `start` on."""
        raw, dropped = self._start + start * self._every, 0
        if start and not self._video.rereadable:
            raw -= self._every - 1  # From just after the last selected frame on, to see what is dropped in between.
        for position, (time, image) in enumerate(self._video.read(raw), raw):
            if self._stop is not None and position >= self._stop:
                return
            index, beside = divmod(position - self._start, self._every)
            dropped += self._video.dropped
            if not beside:
                yield Frame(index, image(), time, dropped)
                dropped = 0
            if self._stop is not None and position + self._every >= self._stop and not beside:
                return  # Do not read a frame that is not needed: a camera would block.

    def _checked(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Yield frames, and raise `InputError` for one of another size than the first."""
        for frame in frames:
            height, width = frame.image.shape[:2]
            if (height, width) != self.size:
                size = f"{self.size[1]} wide and {self.size[0]} high"
                raise InputError(f"frame {frame.index} of {self._video.name} is {width} wide and {height} high, the first is {size}")
            self._given = max(self._given, frame.index + 1)
            yield frame


class _SourceReader(Reader):
    """Reader of a `FrameSource`."""

    def __init__(self, source: FrameSource) -> None:
        self.name, self._source = "the source of frames", source
        self.rereadable, self.count, self.fps = source.rereadable, source.count, source.fps
        self._dropped = 0

    @property
    def dropped(self) -> int:
        return self._dropped

    def read(self, start: int) -> Iterator[Unread]:
        for frame in self._source.read(start):
            self._dropped = frame.dropped
            yield frame.time, lambda frame=frame: frame.image  # type: ignore[misc]
