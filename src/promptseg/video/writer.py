"""Writing of frames to a video file with PyAV (FFmpeg)."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import positive
from .._install import install_extra
from ..errors import InputError, MissingDependencyError, OutputError
from ..masks import Size
from ..runtime.files import short_name
from ..runtime.output_paths import check_output_file

_TICKS = 60_000
"""Time units per second in the file. All usual frame rates divide it, and MPEG-4 allows at most 65,535."""


class VideoWriter:
    """Writer of a video file, to be used in a ``with`` block.

    The codec is H.264 if FFmpeg has an encoder for it, else MPEG-4. The file is renamed to its final name when the block ends. If the block
    fails, an existing file is not changed. H.264 in its common form needs even sides, so the last row or column of an odd side is repeated.

    Args:
        path: Path of the file. The suffix selects the container: ``.mp4`` or ``.mkv``.
        size: ``(height, width)`` of the frames.
        fps: Frames per second, for frames without times.

    Raises:
        MissingDependencyError: Package ``av`` is missing.
        OutputError: The file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], size: Size, fps: float = 25.0) -> None:
        try:
            import av
        except ImportError as error:
            raise MissingDependencyError(f"writing videos needs package av, which is not installed: {install_extra('video')}") from error
        fps = positive("fps", fps, InputError)
        self._av: Any = av
        self._path, self._size, self._fps = Path(path), size, fps
        if not self._path.parent.is_dir():  # FFmpeg would raise this error only at the first frame.
            raise OutputError(f"cannot write video {self._path}: there is no folder {self._path.parent}, create it first")
        check_output_file(self._path)
        self._temporary = self._path.with_name(f".{short_name(self._path.stem, 200)}.part{self._path.suffix}")
        self._last, self._count = -1, 0
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        try:
            self._container = self._av.open(str(self._temporary), "w")
            self._stream = self._container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        except Exception as error:  # FFmpeg's errors have many base classes: an unknown suffix is a ValueError.
            self._drop()
            raise OutputError(f"cannot write video {self._path}: {error}") from error
        self._stream.width, self._stream.height = size[1] + size[1] % 2, size[0] + size[0] % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, _TICKS)

    def write(self, image: NDArray[np.uint8], time: float | None = None) -> None:
        """Write one frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            time: Seconds since the first frame. Default: the time according to the frame rate. A time that is not after that of the last
                frame is moved to just after it.

        Raises:
            InputError: The frame has another size or dtype.
            OutputError: The file cannot be written.
        """
        if image.shape != (*self._size, 3) or image.dtype != np.uint8:
            raise InputError(f"expected frames of shape {(*self._size, 3)} and dtype uint8, got {image.shape} and {image.dtype}")
        even = np.pad(image, ((0, self._size[0] % 2), (0, self._size[1] % 2), (0, 0)), mode="edge")
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        seconds = self._count / self._fps if time is None else time
        self._last = max(self._last + 1, round(seconds * _TICKS))
        frame.pts, frame.time_base = self._last, Fraction(1, _TICKS)
        self._mux(frame)
        self._count += 1

    def __enter__(self) -> VideoWriter:  # noqa: PYI034 - Python 3.10 has no Self.
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                if self._count:
                    self._mux(None)
                self._container.close()
                self._temporary.replace(self._path)
            else:
                self._container.close()
        except OutputError:
            raise
        except Exception as failure:  # FFmpeg's errors have many base classes.
            raise OutputError(f"cannot write video {self._path}: {failure}") from failure
        finally:
            self._drop()

    def _mux(self, frame: Any) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except Exception as error:  # FFmpeg's errors have many base classes.
            raise OutputError(f"cannot write video {self._path}: {error}") from error

    def _drop(self) -> None:
        self._temporary.unlink(missing_ok=True)
