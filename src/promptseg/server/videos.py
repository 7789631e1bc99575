"""`Videos`: the videos that clients have opened, with the masks that were made of them so far."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
import uuid
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import PromptSegError
from ..masks import Mask, Masks
from ..protocols import Frame
from ..results import FrameMasks
from ..runtime.files import temporary_folder
from ..runtime.progress import Progress
from ..tracking.outputs import TrackOutputs
from ..tracking.redetection import TrackedFrame
from ..video.frames import open_frames
from .engine import Engine
from .errors import BusyError, ConflictError, NotFoundError, TooLargeError
from .operations import CloseVideo, OpenVideo, Propagate, VideoInfo

MAX_MASKS = 1_000_000
"""Maximum number of masks of one video."""

STAGE = "propagate"


@dataclass(eq=False)
class VideoRecord:
    """A video as clients see it.

    Attributes:
        id: Its id.
        path: Its file or folder.
        own: Whether the server keeps the file, and removes it in the end.
        model: Name of the model that tracks.
        info: What is known of it.
        frames: Masks by the index of their frame.
        masks: Number of masks that are kept.
        busy: Whether a job tracks it now.
        used: When it was last asked for, by `time.monotonic`.
    """

    id: str
    path: Path
    own: bool
    model: str
    info: VideoInfo
    frames: dict[int, FrameMasks] = field(default_factory=dict)
    masks: int = 0
    busy: bool = False
    used: float = field(default_factory=time.monotonic)

    def check_idle(self) -> None:
        """Check that no job tracks the video.

        Raises:
            ConflictError: One does.
        """
        if self.busy:
            raise ConflictError("a job tracks this video now: wait for it, or cancel it")

    def keep(self, frame: FrameMasks) -> None:
        """Keep the masks of a frame in place of those that it had.

        Raises:
            ConflictError: There are too many masks.
        """
        before = self.frames.get(frame.frame)
        self.masks += len(frame.masks) - (0 if before is None else len(before.masks))
        if self.masks > MAX_MASKS:
            raise ConflictError(f"a video has at most {MAX_MASKS} masks here")
        self.frames[frame.frame] = frame

    def remember(self, frame: int, number: int, mask: Mask) -> None:
        """Keep the mask of one object on a frame beside those of the others."""
        others = self._without(self.frames.get(frame), number)
        self.keep(FrameMasks(frame, (*others, number), Masks([*others.values(), mask], self.info.size)))

    def forget(self, number: int) -> None:
        """Drop all masks of an object."""
        for index, frame in list(self.frames.items()):
            others = self._without(frame, number)
            if len(others) == len(frame.masks):
                continue
            self.masks -= len(frame.masks) - len(others)
            if others:
                self.frames[index] = FrameMasks(index, tuple(others), Masks(others.values(), self.info.size), frame.time)
            else:
                del self.frames[index]

    @staticmethod
    def _without(frame: FrameMasks | None, number: int) -> dict[int, Mask]:
        if frame is None:
            return {}
        return {one: mask for one, mask in zip(frame.object_ids, frame.masks, strict=True) if one != number}


class Videos:
    """The open videos of a server.

    Args:
        engine: The engine that tracks.
        folder: Folder for uploaded videos.
        most_bytes: Maximum size of the uploaded videos.
        most: Number of videos that may be open at a time, saved ones included.
        idle_seconds: Time after which a video that nobody has used is closed.
    """

    def __init__(self, engine: Engine, folder: Path, most_bytes: int, most: int, idle_seconds: float) -> None:
        self.folder = folder
        self._engine, self._most_bytes, self._most, self._idle = engine, most_bytes, most, idle_seconds
        self._videos: dict[str, VideoRecord] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._videos)

    def new_path(self) -> Path:
        """Return the path for a video that is being uploaded."""
        return self.folder / uuid.uuid4().hex

    async def open(self, path: Path, model: str, *, own: bool) -> VideoRecord:
        """Open a video.

        Args:
            path: Its file, or a folder of frames.
            model: Name of the model that is to track.
            own: Whether to remove it in the end.

        Raises:
            BusyError: Too many videos are open.
            TooLargeError: The uploaded videos take too much space.
            InputError: It cannot be read.
        """
        if len(self._videos) >= self._most:
            await self.sweep()
        if len(self._videos) >= self._most:
            raise BusyError(f"{len(self._videos)} videos are open already: close one, or try again later", 60)
        if own and self._stored() > self._most_bytes:
            await self.sweep()
            if self._stored() > self._most_bytes:
                raise TooLargeError(f"there is no room for this video: all have at most {self._most_bytes} bytes here")
        name = uuid.uuid4().hex
        try:
            info: VideoInfo = await self._engine.ask(OpenVideo(name, str(path), model))
        except asyncio.CancelledError:  # The client is gone, and the device may be opening it: it is closed behind that.
            self._closing.add(closing := asyncio.create_task(self._close_unknown(name)))
            closing.add_done_callback(self._closing.discard)
            raise
        video = VideoRecord(name, path, own, model, info)
        self._videos[name] = video
        return video

    def get(self, name: str) -> VideoRecord:
        """Return an open video.

        Raises:
            NotFoundError: There is none of this id, or no longer.
        """
        video = self._videos.get(name)
        if video is None:
            raise NotFoundError(f"there is no open video {name[:80]!r}, or no longer: open it again")
        video.used = time.monotonic()
        return video

    def all(self) -> list[VideoRecord]:
        """Return the open videos."""
        return list(self._videos.values())

    async def close(self, name: str) -> None:
        """Close a video and remove its file or its folder of frames, if the server keeps it.

        Raises:
            NotFoundError: There is none of this id.
        """
        video = self.get(name)
        del self._videos[name]
        try:
            await self._engine.ask(CloseVideo(name))
        finally:  # Also if the device is busy: nobody asks for the frames any more.
            if video.own and video.path.is_dir():
                await asyncio.to_thread(shutil.rmtree, video.path, ignore_errors=True)
            elif video.own:
                with contextlib.suppress(OSError):
                    video.path.unlink()

    async def _close_unknown(self, name: str) -> None:
        with contextlib.suppress(PromptSegError):  # The server is ending: its devices close everything.
            await self._engine.ask(CloseVideo(name))

    def _stored(self) -> int:
        """Return the size of the uploaded videos, with those that are being uploaded."""
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())

    async def sweep(self) -> None:
        """Close the videos that nobody has used for long."""
        oldest = time.monotonic() - self._idle
        for name, video in list(self._videos.items()):
            if video.used < oldest and not video.busy:
                await self.close(name)

    async def propagate(self, video: VideoRecord, asked: Propagate) -> AsyncIterator[Progress | FrameMasks]:
        """Track the objects of a video, keep the masks of each frame, and yield them, each with how far the work is.

        Raises:
            ConflictError: Another job tracks it now, or there are too many masks.
        """
        video.check_idle()
        total = _number_of_frames(video, asked)
        video.busy = True
        try:
            done = 0
            yield Progress(STAGE, done, total, "frame")
            async for event in self._engine.stream(asked):
                if not isinstance(event, FrameMasks):
                    continue
                video.keep(event)
                video.used = time.monotonic()
                done += 1
                yield event
                yield Progress(STAGE, done, max(total, done), "frame")
        finally:
            video.busy = False


def export(video: VideoRecord, folder: Path) -> bytes:
    """Return the files of `promptseg track` for the masks that a video has, as a ZIP file. It reads the video once more.

    Args:
        video: The video.
        folder: Folder for temporary files.

    Raises:
        ConflictError: There are no masks yet.
        InputError: The video cannot be read.
        OutputError: A file cannot be written.
    """
    if not video.frames:
        raise ConflictError("there are no masks yet: prompt an object, and propagate")
    with temporary_folder(folder, "export") as made:
        frames = open_frames(str(video.path))
        last = max(video.frames)
        with TrackOutputs(made / "out", video.info.size, video.info.fps, timeline=False) as outputs:
            for frame in frames.read():
                outputs.write(_tracked(frame, video.frames.get(frame.index)))
                if frame.index >= last:
                    break
        target = made / "out.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted((made / "out").rglob("*")):
                if file.is_file():
                    archive.write(file, file.relative_to(made / "out"))
        return target.read_bytes()


def frame_at(video: VideoRecord, index: int) -> Frame:
    """Return a frame of a video.

    Raises:
        NotFoundError: There is none of this index.
        InputError: The video cannot be read.
    """
    found = next(iter(open_frames(str(video.path)).read(index)), None)
    if found is None:
        raise NotFoundError(f"the video has no frame {index}")
    return found


def _tracked(frame: Frame, masks: FrameMasks | None) -> TrackedFrame:
    size = frame.image.shape[0], frame.image.shape[1]
    numbers, found = ((), Masks([], size)) if masks is None else (masks.object_ids, masks.masks)
    return TrackedFrame(frame.index, numbers, found, frame.time, image=frame.image)


def _number_of_frames(video: VideoRecord, asked: Propagate) -> int:
    """Return how many frames a job is about to track, as far as it is known."""
    if asked.reverse:
        return max(0, asked.start - (-1 if asked.stop is None else asked.stop))
    end = video.info.frames if asked.stop is None else asked.stop
    return max(0, (end or 0) - asked.start)
