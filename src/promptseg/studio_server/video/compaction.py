"""The lines of a video's journal without what was superseded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .journal import VideoJournal
from .known import KnownObjects
from .masks import key_of_line
from .objects import LOST, SEEN


def compacted(journal: VideoJournal, known: KnownObjects) -> Iterator[dict[str, Any]]:
    """Yield all lines that tell what is known: the header, all that a person said, and for each frame what was tracked on it."""
    yield journal.header
    yield _said(journal, known)
    yield from _tracked(journal, known)


def _said(journal: VideoJournal, known: KnownObjects) -> dict[str, Any]:
    """Return all objects and keyframes as one change."""
    keys = [
        key_of_line(journal.read(int(track.lines[frame])), frame, uid)
        for uid, track in known.tracks.items()
        for frame in (*track.marked(), *track.gone())
    ]
    objects = [each.to_dict() for each in known.objects.values()]
    return {"change": {"objects": objects, "order": [], "keys": keys, "unkey": []}, "version": known.version}


def _tracked(journal: VideoJournal, known: KnownObjects) -> Iterator[dict[str, Any]]:
    lines: dict[int, dict[int, int]] = {}
    for uid, track in known.tracks.items():
        for frame in ((track.kinds == SEEN) | (track.kinds == LOST)).nonzero()[0].tolist():
            lines.setdefault(frame, {})[known.objects[uid].number] = int(track.lines[frame])
    for frame, offsets in sorted(lines.items()):
        masks, kinds, time = [], [], None
        for number, offset in offsets.items():
            line = journal.read(offset)
            at = next(place for place, each in enumerate(line["masks"]) if each[0] == number)
            masks.append(line["masks"][at])
            kinds.append(line["kinds"][at])
            time = line["time"]
        yield {"frame": frame, "time": time, "masks": masks, "kinds": kinds, "version": known.version}
