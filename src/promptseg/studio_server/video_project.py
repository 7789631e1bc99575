"""`VideoProject`: the objects of one video with their masks, kept in a folder line by line.

What a person does is a line of ``video.jsonl`` before the answer: a `VideoChange` with its number. What a tracker finds is a line for each
frame. Memory holds for each object and frame what is known, one byte, and where the line is; masks are read when they are asked for. So
nothing is lost with the process, and an hour of video needs little memory.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..annotation.folder_lock import locked
from ..annotation.journal_lines import digest, encode_line
from ..errors import InputError
from ..masks import Mask, Size
from ..results import FrameMasks
from ..runtime.files import output_errors, write_atomically
from ..server.errors import ConflictError, NotFoundError, RefusedError, TooLargeError
from .events import Events
from .labels import Label, Labels
from .project import OWN_FOLDER, stamp_of
from .video_changes import KeyFrame, VideoChange
from .video_frames import DisplayFrames
from .video_journal import VideoJournal
from .video_objects import GONE, KEY, LOST, NONE, SEEN, Track, VideoObject, kind_of

JOURNAL = "video.jsonl"
TRACK = "track"
"""Name of the export that has the files of `promptseg track`."""
MAX_OBJECTS = 1000
"""Maximum number of objects of a video."""
COMPACT_BYTES = 64 << 20
"""Size from which a file that is mostly superseded is written anew when it is opened."""


@dataclass(frozen=True, eq=False)
class ObjectOnFrame:
    """What is known of an object on one frame.

    Attributes:
        uid: The object.
        kind: `SEEN`, `LOST`, `KEY` or `GONE`.
        mask: Its mask, which is empty where nothing of it is seen.
        source: Where the mask is from: ``"track"``, or the source of a keyframe.
        prompts: What was prompted, of a keyframe.
    """

    uid: str
    kind: int
    mask: Mask
    source: str
    prompts: Sequence[Mapping[str, Any]] = ()


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
        own: The folder in it for what is no annotation.
        threshold: The score from which text finds objects at first.
        truth: None: true masks are of images.
        events: What the open pages are told.
        labels: The labels.
        frames: The frames of the video.
        version: Number of lines so far. Each change and each tracked frame makes a new version.

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
        self.version = 0
        self._lock = threading.RLock()
        self._objects: dict[str, VideoObject] = {}
        self._tracks: dict[str, Track] = {}
        self._changed: dict[str, int] = {}
        self._keyed: dict[tuple[int, str], int] = {}
        with contextlib.ExitStack() as stack:
            stack.callback(self.frames.close)
            with output_errors(self.own):
                self.own.mkdir(parents=True, exist_ok=True)
            self._journal = VideoJournal(out / JOURNAL, {"name": path.name, "size": list(self.size), "frames": self.frames.count})
            stack.callback(self._journal.close)
            self._check_video()
            lines = self._load()
            if self._journal.nbytes > COMPACT_BYTES and lines > 2 * self._live_lines():
                self._compact()
            self.labels = Labels(self.own / "labels.json", [*labels, *(each.label for each in self.objects() if each.label is not None)])
            stack.pop_all()

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        return self.frames.size

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
            return [each for each in self._objects.values() if not each.removed]

    def track(self, uid: str) -> Track:
        """Return what is known of an object on each frame.

        Raises:
            NotFoundError: There is no such object.
        """
        self._known(uid)
        return self._tracks[uid]

    def on_frame(self, frame: int) -> list[ObjectOnFrame]:
        """Return what is known of the objects on a frame, in their order. Objects of which nothing is known are left out."""
        with self._lock:
            return [found for each in self.objects() if (found := self.object_on(frame, each)) is not None]

    def object_on(self, frame: int, of: VideoObject) -> ObjectOnFrame | None:
        """Return what is known of one object on a frame, or None."""
        with self._lock:
            track = self._tracks[of.uid]
            kind = track.kind(frame)
            if kind == NONE:
                return None
            line = self._journal.read(int(track.lines[frame]))
        if kind in (KEY, GONE):
            entry = next(key for key in line["change"]["keys"] if (key["frame"], key["uid"]) == (frame, of.uid))
            counts, score, source, prompts = entry["counts"], entry["score"], entry["source"], entry["prompts"]
        else:
            counts, score = next((counts, score) for number, counts, score in line["masks"] if number == of.number)
            source, prompts = "track", ()
        empty = Mask.from_coco_rle({"size": list(self.size), "counts": [self.size[0] * self.size[1]]})
        mask = empty if counts is None else Mask(self.size, counts.encode("ascii"))
        return ObjectOnFrame(of.uid, kind, replace(mask, score=score, label=of.label), source, prompts)

    def masked_frames(self) -> list[int]:
        """Return the frames on which some object has a mask, in order."""
        with self._lock:
            found: set[int] = set()
            for each in self.objects():
                kinds = self._tracks[each.uid].kinds
                found.update(((kinds == SEEN) | (kinds == KEY)).nonzero()[0].tolist())
        return sorted(found)

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
            content = self._checked(change, version)
            if not any(content.values()):
                return self.version
            line = self._journal.append({"change": content, "version": self.version + 1})
            self._apply_change(content, self.version + 1, line)
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
                if number in uids and self._tracks[uids[number]].kind(tracked.frame) not in (KEY, GONE)
            ]
            if found:
                masks = [[number, mask.counts.decode("ascii") if mask.area else None, _rounded(mask.score)] for number, mask in found]
                kinds = [kind_of(mask) for _, mask in found]
                content = {"frame": tracked.frame, "time": tracked.time, "masks": masks, "kinds": kinds, "version": self.version + 1}
                self._apply_tracked(content, self._journal.append(content))
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

    def _checked(self, change: VideoChange, version: int) -> dict[str, Any]:
        """Return a change as the content of a line, checked against what is there."""
        if version > self.version:
            raise ConflictError(f"this is version {self.version}, and the change is of version {version}: load the video again")
        known = {each.number for each in self._objects.values()}
        objects: dict[str, VideoObject] = {}
        for values in change.objects:
            before = self._objects.get(values["uid"])
            number = max(known, default=0) + 1 if before is None else before.number
            made = VideoObject(number=number, **values)
            known.add(number)
            if before is not None and made != before and self._changed[made.uid] > version:
                raise ConflictError(f"object {number} was changed elsewhere: load the video again")
            if made != before:
                objects[made.uid] = made
        for uid in change.remove:
            objects[uid] = replace(objects.get(uid) or self._known(uid), removed=True)
        if len(self._objects.keys() | objects.keys()) > MAX_OBJECTS:
            raise TooLargeError(f"a video has at most {MAX_OBJECTS} objects here")
        places = [(key.frame, key.uid) for key in change.keys] + list(change.unkey)
        for frame, uid in places:
            if uid not in objects:
                self._known(uid)
            if self._keyed.get((frame, uid), 0) > version:
                raise ConflictError(f"the mask of an object on frame {frame} was changed elsewhere: load the video again")
            if not 0 <= frame < (self.frames.count or MAX_FRAMES):
                raise NotFoundError(f"the video has no frame {frame}")
        return {
            "objects": [each.to_dict() for each in objects.values()],
            "order": self._checked_order(change.order, objects),
            "keys": [self._key_values(key) for key in change.keys],
            "unkey": [[frame, uid] for frame, uid in change.unkey],
        }

    def _checked_order(self, order: Sequence[str] | None, objects: Mapping[str, VideoObject]) -> list[str]:
        if order is None:
            return []
        all_of = {**self._objects, **objects}
        there = [uid for uid, each in all_of.items() if not each.removed]
        if sorted(there) != sorted(order):
            raise ConflictError("the order does not name all objects once: load the video again")
        return [] if there == list(order) else list(order)

    def _key_values(self, key: KeyFrame) -> dict[str, Any]:
        mask = key.mask
        if mask is not None and mask.size != self.size:
            raise RefusedError(f"the frames have size {list(self.size)}, and the mask {list(mask.size)}: both are [height, width]")
        there = mask is not None and mask.area > 0
        return {
            "frame": key.frame,
            "uid": key.uid,
            "counts": mask.counts.decode("ascii") if mask is not None and there else None,
            "score": None if mask is None else _rounded(mask.score),
            "source": key.source,
            "prompts": list(key.prompts),
        }

    def _known(self, uid: str) -> VideoObject:
        if uid not in self._objects:
            raise NotFoundError(f"there is no object {uid[:80]!r}")
        return self._objects[uid]

    def _load(self) -> int:
        """Read the file, and return its number of lines."""
        lines = 0
        for offset, content in self._journal.lines():
            lines += 1
            try:
                if "change" in content:
                    self._apply_change(content["change"], content["version"], offset)
                elif "frame" in content:
                    self._apply_tracked(content, offset)
            except (LookupError, TypeError, ValueError) as error:
                raise InputError(f"{self._journal.path} has a line that is not of promptseg: {error}") from error
        return lines

    def _apply_change(self, content: Mapping[str, Any], version: int, line: int) -> None:
        for values in content["objects"]:
            made = VideoObject.from_dict(values)
            self._objects[made.uid] = made
            self._tracks.setdefault(made.uid, Track(self.frames.count or 0))
            self._changed[made.uid] = version
        if content["order"]:
            removed = [uid for uid, each in self._objects.items() if each.removed]
            self._objects = {uid: self._objects[uid] for uid in (*content["order"], *removed)}
        for frame, uid in content["unkey"]:
            self._tracks[uid].set(frame, NONE, -1)
            self._keyed[frame, uid] = version
        for key in content["keys"]:
            self._tracks[key["uid"]].set(key["frame"], GONE if key["counts"] is None else KEY, line)
            self._keyed[key["frame"], key["uid"]] = version
        self.version = version

    def _apply_tracked(self, content: Mapping[str, Any], line: int) -> None:
        uids = {each.number: uid for uid, each in self._objects.items()}
        for (number, _, _), kind in zip(content["masks"], content["kinds"], strict=True):
            self._tracks[uids[number]].set(content["frame"], kind, line)
        self.version = max(self.version, content["version"])

    def _live_lines(self) -> int:
        """Return the number of lines to which something refers."""
        used: set[int] = set()
        for track in self._tracks.values():
            used.update(track.lines[track.lines >= 0].tolist())
        return len(used) + 1

    def _compact(self) -> None:
        """Write the file anew, without what was superseded."""
        path = self._journal.path
        header = self._journal.header
        with output_errors(path), write_atomically(path) as file:
            for content in (header, self._state_line(), *self._track_lines()):
                file.write(encode_line(content))
        self._journal.close()
        self._journal = VideoJournal(path, header)
        self._objects, self._tracks = {}, {}
        self._load()

    def _state_line(self) -> dict[str, Any]:
        """Return all objects and keyframes as one change."""
        keys = []
        for uid, track in self._tracks.items():
            for frame in (*track.marked(), *track.gone()):
                line = self._journal.read(int(track.lines[frame]))
                keys.append(next(key for key in line["change"]["keys"] if (key["frame"], key["uid"]) == (frame, uid)))
        objects = [each.to_dict() for each in self._objects.values()]
        return {"change": {"objects": objects, "order": [], "keys": keys, "unkey": []}, "version": self.version}

    def _track_lines(self) -> Iterator[dict[str, Any]]:
        """Yield for each frame what was tracked on it."""
        lines: dict[int, dict[int, int]] = {}
        for uid, track in self._tracks.items():
            for frame in ((track.kinds == SEEN) | (track.kinds == LOST)).nonzero()[0].tolist():
                lines.setdefault(frame, {})[self._objects[uid].number] = int(track.lines[frame])
        for frame, offsets in sorted(lines.items()):
            masks, kinds, time = [], [], None
            for number, offset in offsets.items():
                line = self._journal.read(offset)
                at = next(place for place, each in enumerate(line["masks"]) if each[0] == number)
                masks.append(line["masks"][at])
                kinds.append(line["kinds"][at])
                time = line["time"]
            yield {"frame": frame, "time": time, "masks": masks, "kinds": kinds, "version": self.version}


MAX_FRAMES = 10_000_000
"""Maximum index of a frame of a video whose number of frames is unknown."""


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(float(score), 6)
