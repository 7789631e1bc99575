"""`KnownObjects`: what the lines of a video's journal tell of its objects. Masks stay in the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...server.errors import NotFoundError
from .objects import GONE, KEY, NONE, SEEN, Track, VideoObject


class KnownObjects:
    """The objects of a video, what is known of each on every frame, and in which line it is. Not for several threads at once.

    Args:
        frames: Number of frames; 0 where it is not known.

    Attributes:
        version: Version after the last line.
        objects: All objects in their order, with those that were removed, by uid.
        tracks: What is known of each object on every frame, by uid.
    """

    def __init__(self, frames: int = 0) -> None:
        self._frames = frames
        self.version = 0
        self.objects: dict[str, VideoObject] = {}
        self.tracks: dict[str, Track] = {}
        self._changed: dict[str, int] = {}
        self._keyed: dict[tuple[int, str], int] = {}

    def there(self) -> list[VideoObject]:
        """Return the objects that were not removed, in their order."""
        return [each for each in self.objects.values() if not each.removed]

    def get(self, uid: str) -> VideoObject:
        """Return an object, which may have been removed.

        Raises:
            NotFoundError: There never was one of that name.
        """
        if uid not in self.objects:
            raise NotFoundError(f"there is no object {uid[:80]!r}")
        return self.objects[uid]

    def changed(self, uid: str) -> int:
        """Return the version in which the values of an object changed last."""
        return self._changed[uid]

    def keyed(self, frame: int, uid: str) -> int:
        """Return the version in which a person last said something of an object on a frame; 0 for never."""
        return self._keyed.get((frame, uid), 0)

    def masked_frames(self) -> list[int]:
        """Return the frames on which some object has a mask, in order."""
        found: set[int] = set()
        for each in self.there():
            kinds = self.tracks[each.uid].kinds
            found.update(((kinds == SEEN) | (kinds == KEY)).nonzero()[0].tolist())
        return sorted(found)

    def live_lines(self) -> int:
        """Return the number of lines to which something refers, with the header."""
        used: set[int] = set()
        for track in self.tracks.values():
            used.update(track.lines[track.lines >= 0].tolist())
        return len(used) + 1

    def clear(self) -> None:
        """Forget the objects before their lines are read anew. In which versions what was changed stays known."""
        self.objects, self.tracks = {}, {}

    def take(self, content: Mapping[str, Any], line: int) -> None:
        """Take what a line tells: a person's change, or what a tracker found on a frame.

        Args:
            content: The content of the line.
            line: Its offset in the file.

        Raises:
            LookupError, TypeError, ValueError: It is not a line of promptseg.
        """
        if "change" in content:
            self._take_change(content["change"], content["version"], line)
        elif "frame" in content:
            self._take_tracked(content, line)

    def _take_change(self, change: Mapping[str, Any], version: int, line: int) -> None:
        for values in change["objects"]:
            made = VideoObject.from_dict(values)
            self.objects[made.uid] = made
            self.tracks.setdefault(made.uid, Track(self._frames))
            self._changed[made.uid] = version
        if change["order"]:
            self._reorder(change["order"])
        for frame, uid in change["unkey"]:
            self.tracks[uid].set(frame, NONE, -1)
            self._keyed[frame, uid] = version
        for key in change["keys"]:
            self.tracks[key["uid"]].set(key["frame"], GONE if key["counts"] is None else KEY, line)
            self._keyed[key["frame"], key["uid"]] = version
        self.version = version

    def _reorder(self, order: Sequence[str]) -> None:
        removed = [uid for uid, each in self.objects.items() if each.removed]
        self.objects = {uid: self.objects[uid] for uid in (*order, *removed)}

    def _take_tracked(self, content: Mapping[str, Any], line: int) -> None:
        uids = {each.number: uid for uid, each in self.objects.items()}
        for (number, _, _), kind in zip(content["masks"], content["kinds"], strict=True):
            self.tracks[uids[number]].set(content["frame"], kind, line)
        self.version = max(self.version, content["version"])
