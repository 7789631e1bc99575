"""Tracking of every instance of concepts, by a model that finds and tracks in one: frames with events, as redetection gives them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .._counting import number_of
from ..errors import shown
from ..masks import Mask
from ..prompts import Concept
from ..protocols import ConceptVideoSegmenter, VideoLike
from ..video.frames import open_frames
from .recent_frames import RecentFrames
from .redetection import Event, EventKind, TrackedFrame

READ_AHEAD = 32
"""Number of frames whose images are kept. SAM 3 reads 15 frames ahead of the one that it yields."""

FIRST_ID = 1
"""Id of the first object."""


def track_concepts(finder: ConceptVideoSegmenter, video: VideoLike, concepts: Sequence[Concept]) -> Iterator[TrackedFrame]:
    """Find and track every instance of concepts through a video.

    The events say when an object was ``added``, ``lost``, ``recovered`` and ``removed``. An object is lost while its mask is empty.

    The ids of the objects are 1, 2, …: one more than those of the model's session, for 0 is the background of a label image.

    Args:
        finder: Model that finds and tracks.
        video: A path, stream address, camera number, folder, array or iterable of images; see `promptseg.video.frames.open_frames`.
        concepts: What to find. Text prompts are taken, too.

    Yields:
        The frames in order.

    Raises:
        PromptError: There is no concept, or one has a phrase or examples that the model does not take.
        InputError: The video cannot be read. If this shows only in the middle, the frames before it are yielded first.
    """
    recent = RecentFrames(open_frames(video), READ_AHEAD)
    session = finder.open(recent)
    session.find(concepts)
    lost: dict[int, bool] = {}
    labels: dict[int, str | None] = {}
    for at in session.propagate():
        masks = dict(zip((number + FIRST_ID for number in at.object_ids), at.masks, strict=True))
        dropped = recent.dropped(at.frame)
        found: list[tuple[int | None, EventKind, str]] = []
        if dropped:
            found.append((None, "dropped", f"{number_of(dropped, 'frame')} came while the tracker was busy"))
        found += [(object_id, "removed", "the model dropped it") for object_id in lost if object_id not in masks]
        labels |= {object_id: mask.label for object_id, mask in masks.items()}
        for object_id, mask in masks.items():
            if event := _event(mask, lost.get(object_id)):
                found.append((object_id, *event))
        lost = {object_id: not mask.area for object_id, mask in masks.items()}
        told = tuple(Event(at.frame, one, kind, why, None if one is None else labels[one], at.time) for one, kind, why in found)
        labels = {object_id: labels[object_id] for object_id in masks}
        yield TrackedFrame(at.frame, tuple(masks), at.masks, at.time, recent.image(at.frame), told, True, dropped, asked=at.asked)


def _event(mask: Mask, was_lost: bool | None) -> tuple[EventKind, str] | None:
    """Return what has happened to an object; `was_lost` is None for one that is new."""
    confidence = "" if mask.score is None else f" with confidence {mask.score:.2f}"
    if was_lost is None:
        return "added", f"found as {shown(mask.label)}{confidence}"
    if not mask.area:
        return None if was_lost else ("lost", "nothing of it is seen")
    return ("recovered", f"seen again{confidence}") if was_lost else None
