"""`FrameFolders`: videos that clients send frame by frame, each as a folder of images, bounded in bytes and time."""

from __future__ import annotations

import contextlib
import re
import shutil
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import OutputError
from ..images import IMAGE_SUFFIXES
from .errors import BusyError, NotFoundError, RefusedError, TooLargeError
from .images import checked_image

MAX_FRAMES = 20_000
"""Maximum number of frames of a video."""
MAX_FOLDERS = 64
"""Maximum number of videos that are being sent."""


@dataclass(eq=False)
class FrameFolder:
    """A folder of frames.

    Attributes:
        path: The folder.
        name: What the client calls it; empty if only the server knows it.
        nbytes: Size of its files.
        taken: Whether a video was opened from it. It then lasts as long as the video.
        used: When the last frame came, by `time.monotonic`.
    """

    path: Path
    name: str = ""
    nbytes: int = 0
    names: set[str] = field(default_factory=set)
    taken: bool = False
    used: float = field(default_factory=time.monotonic)


class FrameFolders:
    """Folders of frames. Threads may share it.

    Args:
        folder: An existing folder, in which each video gets a folder of its own.
        max_bytes: Maximum size of all frames.
        max_pixels: Maximum number of pixels of a frame.
        idle_seconds: Time after which frames that nobody has made a video of are removed.
    """

    def __init__(self, folder: Path, max_bytes: int, max_pixels: int, idle_seconds: float) -> None:
        self._folder = folder
        self._max_bytes, self._max_pixels, self._idle = max_bytes, max_pixels, idle_seconds
        self._lock = threading.Lock()
        self._folders: list[FrameFolder] = []

    @property
    def nbytes(self) -> int:
        """Size of all frames."""
        with self._lock:
            return self._size()

    def create(self, name: str = "") -> FrameFolder:
        """Return a new folder or, if a client calls one by this name that is not a video yet, that one.

        Raises:
            BusyError: Too many folders are no videos yet.
            OutputError: It cannot be made.
        """
        with self._lock:
            self._size()
            waiting = [frames for frames in self._folders if not frames.taken]
            for frames in waiting:
                if name and frames.name == name:
                    return frames
            if len(waiting) >= MAX_FOLDERS:
                raise BusyError(f"{len(waiting)} videos are being sent already: try again later", 60)
            frames = FrameFolder(self._folder / uuid.uuid4().hex, name)
            try:
                frames.path.mkdir()
            except OSError as error:
                raise OutputError(f"the frames cannot be kept: {error.strerror or error}") from error
            self._folders.append(frames)
            return frames

    def get(self, name: str) -> FrameFolder:
        """Return the folder that a client calls by a name.

        Raises:
            NotFoundError: There is none, or no longer.
        """
        with self._lock:
            self._size()
            for frames in self._folders:
                if name and frames.name == name and not frames.taken:
                    return frames
        raise NotFoundError(f"there are no frames of a video {name[:80]!r}, or no longer: send them again")

    def add(self, frames: FrameFolder, content: bytes, name: str) -> None:
        """Write a frame.

        Args:
            frames: The folder.
            content: The file of an image.
            name: Its name without the suffix. Frames are in the natural order of their names (2 before 10).

        Raises:
            RefusedError: The name is not one of letters, digits, ``_``, ``-`` and ``.``, or was used before.
            InputError: It is not an image, or is damaged.
            TooLargeError: It has too many pixels, there are too many frames, or the frames of all videos are too large.
            OutputError: It cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise RefusedError("the name of a frame is one of letters, digits, '_', '-' and '.', such as 0001")
        _, form = checked_image(content, self._max_pixels)
        suffix = f".{form.lower()}"
        with self._lock:
            if name in frames.names:
                raise RefusedError(f"there is a frame {name!r} already")
            if len(frames.names) >= MAX_FRAMES:
                raise TooLargeError(f"a video that is sent frame by frame has at most {MAX_FRAMES} frames here")
            if self._size() + len(content) > self._max_bytes:
                raise TooLargeError(f"the frames of all videos have at most {self._max_bytes} bytes here: close a video, or send fewer")
            frames.names.add(name)
            frames.nbytes += len(content)
            frames.used = time.monotonic()
        path = frames.path / f"{name}{suffix if suffix in IMAGE_SUFFIXES else '.png'}"
        try:
            path.write_bytes(content)
        except OSError as error:
            with self._lock:  # The client can send it again.
                frames.names.discard(name)
                frames.nbytes -= len(content)
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            raise OutputError(f"the frame cannot be kept: {error.strerror or error}") from error

    def remove(self, frames: FrameFolder) -> None:
        """Remove a folder."""
        shutil.rmtree(frames.path, ignore_errors=True)

    def sweep(self) -> None:
        """Remove frames that nobody has made a video of for long."""
        oldest = time.monotonic() - self._idle
        for frames in list(self._folders):
            if not frames.taken and frames.used < oldest:
                self.remove(frames)

    def _size(self) -> int:
        """Return the size of the folders that still exist: with a video, its folder is removed."""
        self._folders = [frames for frames in self._folders if frames.path.exists()]
        return sum(frames.nbytes for frames in self._folders)


_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)
