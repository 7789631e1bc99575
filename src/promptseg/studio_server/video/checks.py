"""A person's change of a video's objects, checked against what is known and what others changed meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...masks import Size
from ...server.errors import ConflictError, NotFoundError, TooLargeError
from .changes import VideoChange
from .known import KnownObjects
from .masks import key_values
from .objects import VideoObject

MAX_OBJECTS = 1000
"""Maximum number of objects of a video."""

MAX_FRAMES = 10_000_000
"""Maximum index of a frame of a video whose number of frames is unknown."""


def checked(change: VideoChange, version: int, known: KnownObjects, size: Size, frames: int | None) -> dict[str, Any]:
    """Return a change as a line has it.

    Args:
        change: The change.
        version: The version that the person saw.
        known: What is known.
        size: ``(height, width)`` of the frames.
        frames: Number of frames, or None.

    Raises:
        ConflictError: Somebody else has changed the same object since, or its mask on the same frame.
        NotFoundError: It names an object or a frame that is not there.
        RefusedError: A mask is of another size.
        TooLargeError: There would be too many objects.
    """
    if version > known.version:
        raise ConflictError(f"this is version {known.version}, and the change is of version {version}: load the video again")
    objects = _checked_objects(change, version, known)
    for frame, uid in [*((key.frame, key.uid) for key in change.keys), *change.unkey]:
        if uid not in objects:
            known.get(uid)
        if known.keyed(frame, uid) > version:
            raise ConflictError(f"the mask of an object on frame {frame} was changed elsewhere: load the video again")
        if not 0 <= frame < (frames or MAX_FRAMES):
            raise NotFoundError(f"the video has no frame {frame}")
    return {
        "objects": [each.to_dict() for each in objects.values()],
        "order": _checked_order(change.order, {**known.objects, **objects}),
        "keys": [key_values(key, size) for key in change.keys],
        "unkey": [[frame, uid] for frame, uid in change.unkey],
    }


def _checked_objects(change: VideoChange, version: int, known: KnownObjects) -> dict[str, VideoObject]:
    """Return the objects that are new, changed or removed, as they will be."""
    last = max((each.number for each in known.objects.values()), default=0)
    objects: dict[str, VideoObject] = {}
    for values in change.objects:
        before = known.objects.get(values["uid"])
        last += before is None
        made = VideoObject(number=last if before is None else before.number, **values)
        if before is not None and made != before and known.changed(made.uid) > version:
            raise ConflictError(f"object {made.number} was changed elsewhere: load the video again")
        if made != before:
            objects[made.uid] = made
    for uid in change.remove:
        objects[uid] = replace(objects.get(uid) or known.get(uid), removed=True)
    if len(known.objects.keys() | objects.keys()) > MAX_OBJECTS:
        raise TooLargeError(f"a video has at most {MAX_OBJECTS} objects here")
    return objects


def _checked_order(order: Sequence[str] | None, objects: Mapping[str, VideoObject]) -> list[str]:
    """Return the order of the objects that will be there; none where it stays."""
    if order is None:
        return []
    there = [uid for uid, each in objects.items() if not each.removed]
    if sorted(there) != sorted(order):
        raise ConflictError("the order does not name all objects once: load the video again")
    return [] if there == list(order) else list(order)
