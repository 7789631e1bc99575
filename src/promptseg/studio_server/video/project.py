"""`VideoProject`: the objects of one video with their masks, kept in a folder line by line.

What a person does is a line of ``video.jsonl`` before the answer: a `VideoChange` with its number. What a tracker finds is a line for each
frame. Memory holds for each object and frame what is known, one byte, and where the line is; masks are read when they are asked for. So
nothing is lost with the process, and an hour of video needs little memory.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ...annotation.folder_lock import locked
from ...annotation.journal_lines import digest, encode_line
from ...errors import InputError
from ...masks import Size
from ...results import FrameMasks
from ...runtime.files import output_errors, write_atomically
from ...server.errors import ConflictError
from ..events import Events
from ..file_stamps import stamp_of
from ..labels import Label, Labels
from ..project import OWN_FOLDER
from .changes import VideoChange
from .checks import checked
from .compaction import compacted
from .frames import DisplayFrames
from .journal import VideoJournal
from .known import KnownObjects
from .masks import ObjectOnFrame, object_of_line, tracked_values
from .objects import GONE, KEY, NONE, Track, VideoObject

JOURNAL = "video.jsonl"
TRACK = "track"
"""Name of the export that has the files of `promptseg track`."""
COMPACT_BYTES = 64 << 20
"""Size from which a file that is mostly superseded is written anew when it is opened."""


@contextlib.contextmanager
def open_video_project(path: Path, out: Path, labels: Sequence[str] = (), threshold: float = 0.3) -> Iterator[VideoProject]:
    """Open a video with its dataset folder, which is made if it is missing, and hold the folder during the block.

    Raises:
        FolderInUseError: Another process has the folder.
        ConflictError: The folder is of another video.
        InputError: The video or the folder cannot be read.
        OutputError: The folder cannot be written.
    """
    with locked(out):
        project = VideoProject(path, out, labels, threshold)
        try:
            yield project
        finally:
            project.close()


class VideoProject:
    """A video with its objects. Threads may share it. Made by `open_video_project`.

    Args:
        path: The video: a file or a folder of frames.
        out: The dataset folder. The caller holds its lock.
        labels: Names of labels to offer, in their order.
        threshold: The score from which text finds objects at first.

    Attributes:
        kind: ``"video"``. Images have another class, `promptseg.studio_server.project.Project`.
        own_formats: Name and summary of what can be exported beside the formats of images.
        name: Name of the video.
        path: The video.
        out: The dataset folder.
        own: The folder in it for what is not an annotation.
        threshold: The score from which text finds objects at first.
        truth: None: true masks are of images.
        events: What the open pages are told.
        labels: The labels.
        frames: The frames of the video.

    Raises:
        ConflictError: The folder is of another video.
        InputError: The video or the folder cannot be read.
        OutputError: The folder cannot be written.
    """

    kind: Literal["video"] = "video"
    own_formats: tuple[tuple[str, str], ...] = ((TRACK, "The video with its masks, label images, events and a table"),)

    def __init__(self, path: Path, out: Path, labels: Sequence[str] = (), threshold: float = 0.3) -> None:
        self.name, self.path, self.out, self.own, self.threshold = path.name, path, out, out / OWN_FOLDER, threshold
        self.truth = None
        self.events = Events()
        self.frames = DisplayFrames(path)
        self._lock = threading.RLock()
        self._known = KnownObjects(self.frames.count or 0)
        with contextlib.ExitStack() as stack:
            stack.callback(self.frames.close)
            with output_errors(self.own):
                self.own.mkdir(parents=True, exist_ok=True)
            self._journal = VideoJournal(out / JOURNAL, {"name": path.name, "size": list(self.size), "frames": self.frames.count})
            stack.callback(self._journal.close)
            self._check_video()
            lines = self._load()
            if self._journal.nbytes > COMPACT_BYTES and lines > 2 * self._known.live_lines():
                self._compact()
            self.labels = Labels(self.own / "labels.json", [*labels, *(each.label for each in self.objects() if each.label is not None)])
            stack.pop_all()

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        return self.frames.size

    @property
    def version(self) -> int:
        """Number of lines so far. Each change and each tracked frame makes a new version."""
        return self._known.version

    @property
    def content(self) -> str:
        """A text that changes with the file of the video."""
        return digest([str(self.path.absolute()), stamp_of(self.path)])

    @property
    def damaged(self) -> int:
        """Number of damaged lines in the file."""
        return self._journal.damaged

    def summaries(self) -> list[Any]:
        """Return the images of the project: none, because a video has frames."""
        return []

    def objects(self) -> list[VideoObject]:
        """Return the objects in their order."""
        with self._lock:
            return self._known.there()

    def track(self, uid: str) -> Track:
        """Return what is known of an object on each frame.

        Raises:
            NotFoundError: There is no such object.
        """
        self._known.get(uid)
        return self._known.tracks[uid]

    def on_frame(self, frame: int) -> list[ObjectOnFrame]:
        """Return what is known of the objects on a frame, in their order. Objects of which nothing is known are left out."""
        with self._lock:
            return [found for each in self.objects() if (found := self.object_on(frame, each)) is not None]

    def object_on(self, frame: int, of: VideoObject) -> ObjectOnFrame | None:
        """Return what is known of one object on a frame, or None."""
        with self._lock:
            track = self._known.tracks[of.uid]
            kind = track.kind(frame)
            if kind == NONE:
                return None
            line = self._journal.read(int(track.lines[frame]))
        return object_of_line(line, frame, of, kind, self.size)

    def masked_frames(self) -> list[int]:
        """Return the frames on which some object has a mask, in order."""
        with self._lock:
            return self._known.masked_frames()

    def change(self, change: VideoChange, version: int) -> int:
        """Make a change of a person, and return the new version when it is on the disk.

        Args:
            change: The change.
            version: The version that the person saw.

        Raises:
            ConflictError: Since then, somebody else has changed the same object, or its mask on the same frame.
            NotFoundError: It names an object or a frame that is not there.
            TooLargeError: There would be too many objects.
            OutputError: It cannot be kept. Then nothing has changed.
        """
        with self._lock:
            content = checked(change, version, self._known, self.size, self.frames.count)
            if not any(content.values()):
                return self.version
            self._append({"change": content, "version": self.version + 1})
            version, named = self.version, self.labels.add(each["label"] for each in content["objects"] if each["label"])
        self.events.publish({"type": "video", "version": version})
        if named:
            self.events.publish({"type": "labels"})
        return version

    def set_labels(self, labels: Sequence[Label]) -> None:
        """Replace the labels. They are on the disk when this returns.

        Raises:
            InputError: A label is not usable.
            OutputError: They cannot be written. Nothing has changed.
        """
        with self._lock:
            self.labels.replace(labels)
        self.events.publish({"type": "labels"})

    def keep_tracked(self, tracked: FrameMasks, uids: Mapping[int, str]) -> list[ObjectOnFrame]:
        """Keep what a tracker found on a frame, and return what is known there now. What a person said of that frame stays.

        Args:
            tracked: The masks, with the numbers of their objects.
            uids: The objects by these numbers. Others are left out.

        Raises:
            OutputError: It cannot be kept.
        """
        with self._lock:
            found = [
                (number, mask)
                for number, mask in zip(tracked.object_ids, tracked.masks, strict=True)
                if number in uids and self._known.tracks[uids[number]].kind(tracked.frame) not in (KEY, GONE)
            ]
            if found:
                self._append(tracked_values(tracked.frame, tracked.time, found, self.version + 1))
            return self.on_frame(tracked.frame)

    def close(self) -> None:
        """End the connections of the pages, and close the file and the video."""
        self.events.close()
        self.frames.close()
        with self._lock:
            self._journal.close()

    def _check_video(self) -> None:
        """Check that the file is of this video."""
        name, size = self._journal.header.get("name"), self._journal.header.get("size")
        if name != self.name or size != list(self.size):
            raise ConflictError(f"{self.out} is the dataset of the video {str(name)[:80]!r}: give another folder for {self.name!r}")

    def _append(self, content: Mapping[str, Any]) -> None:
        """Append a line, and take what it tells."""
        self._known.take(content, self._journal.append(content))

    def _load(self) -> int:
        """Read the file, and return its number of lines."""
        lines = 0
        for offset, content in self._journal.lines():
            lines += 1
            try:
                self._known.take(content, offset)
            except (LookupError, TypeError, ValueError) as error:
                raise InputError(f"{self._journal.path} has a line that is not of promptseg: {error}") from error
        return lines

    def _compact(self) -> None:
        """Write the file anew, without what was superseded."""
        path, header = self._journal.path, self._journal.header
        with output_errors(path), write_atomically(path) as file:
            for content in compacted(self._journal, self._known):
                file.write(encode_line(content))
        self._journal.close()
        self._journal = VideoJournal(path, header)
        self._known.clear()
        self._load()
