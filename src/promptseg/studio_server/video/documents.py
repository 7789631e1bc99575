"""The objects on one frame of a video as a document like that of an image, and a change of it as one of the video.

So the page works on a frame as on an image: the same tools, lists, saving, undo and conflicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from ...masks import Mask
from ...server.errors import ConflictError
from ..changes import Change, Changed, ChangedByOthersError
from ..documents import ImageDocument, Source, StudioObject, check_object
from .changes import KeyFrame, VideoChange
from .objects import GONE, KEY, SEEN, VideoObject
from .project import VideoProject


def frame_document(project: VideoProject, frame: int) -> ImageDocument:
    """Return the objects on a frame, those that are not there left out. What a tracker found is a suggestion."""
    version = project.version
    known = {each.uid: each for each in project.objects()}
    objects = []
    for found in project.on_frame(frame):
        if not found.mask.area:
            continue
        of, source = known[found.uid], "suggestion" if found.source == "track" else found.source
        objects.append(
            StudioObject(
                uid=of.uid,
                counts=found.mask.counts.decode("ascii"),
                label=of.label,
                score=found.mask.score,
                source=cast("Source", source),
                locked=of.locked,
                hidden=of.hidden,
                color=of.color,
                attributes=of.attributes,
                prompts=tuple(found.prompts),
            )
        )
    return ImageDocument(project.size, version, "started" if objects else "new", tuple(objects))


def change_frame(project: VideoProject, frame: int, version: int, change: Change) -> Changed:
    """Make a change of the objects on a frame, made to a version. It is on the disk when this returns.

    Raises:
        ChangedByOthersError: Others changed the same since. Its attribute `document` has the objects of the frame as they are.
        InputError: A value of the change is not usable.
        NotFoundError: The video has no such frame.
        OutputError: It cannot be written. Nothing has changed.
    """
    before = project.version
    for each in change.put:
        check_object(each, project.size)
    try:
        after = project.change(video_change(project, frame, change), version)
    except ConflictError as error:
        raise ChangedByOthersError(str(error), frame_document(project, frame)) from error
    return Changed(after, None if before == version else frame_document(project, frame))


def video_change(project: VideoProject, frame: int, change: Change) -> VideoChange:
    """Return what a change of the objects on a frame means for the video.

    A new mask is a keyframe. To remove an object from a frame leaves it on the others; one that is on no other frame is removed.
    """
    known = {each.uid: each for each in project.objects()}
    objects: list[Mapping[str, Any]] = []
    keys: list[KeyFrame] = []
    for each in change.put:
        of = known.get(each.uid)
        if of is None or not _has_values(of, each):
            objects.append(_values(each))
        if of is None or _is_key(project, frame, of, each):
            mask = Mask(project.size, each.counts.encode("ascii"), each.score)
            keys.append(KeyFrame(frame, each.uid, mask, "model" if each.source == "suggestion" else each.source, each.prompts))
    remove, unkey = [], []
    for uid in change.remove:
        kind = project.track(uid).kind(frame) if uid in known else None
        if kind is None or not _is_elsewhere(project, frame, uid):
            remove += [uid] if uid in known else []
        elif kind == KEY:
            unkey.append((frame, uid))
        elif kind != GONE:
            keys.append(KeyFrame(frame, uid, None, "hand"))
    return VideoChange(tuple(objects), tuple(remove), _order(project, change, {each["uid"] for each in objects}), tuple(keys), tuple(unkey))


def _is_key(project: VideoProject, frame: int, of: VideoObject, given: StudioObject) -> bool:
    """Return whether the mask that a person gives is another than the one that is there.

    One that the page has from a tracker is none, also if the object has been tracked anew meanwhile.
    """
    there = project.object_on(frame, of)
    if there is None or not there.mask.area:
        return True
    if there.source == "track" and given.source == "suggestion":
        return False
    return there.mask.counts.decode("ascii") != given.counts


def _is_elsewhere(project: VideoProject, frame: int, uid: str) -> bool:
    """Return whether an object is seen on another frame."""
    track = project.track(uid)
    seen = int(((track.kinds == SEEN) | (track.kinds == KEY)).sum())
    return seen > (track.kind(frame) in (SEEN, KEY))


def _order(project: VideoProject, change: Change, made: set[str]) -> tuple[str, ...] | None:
    """Return the order of all objects of the video, of which those on the frame have a new one."""
    if change.order is None:
        return None
    there = [each.uid for each in project.objects() if each.uid not in change.remove]
    everything = [*there, *(uid for uid in change.order if uid in made and uid not in there)]
    named = [uid for uid in dict.fromkeys(change.order) if uid in everything]
    places = iter(named)
    moved = set(named)
    return tuple(next(places) if uid in moved else uid for uid in everything)


def _values(each: StudioObject) -> dict[str, Any]:
    return {
        "uid": each.uid,
        "label": each.label,
        "color": each.color,
        "hidden": each.hidden,
        "locked": each.locked,
        "attributes": dict(each.attributes),
    }


def _has_values(of: VideoObject, each: StudioObject) -> bool:
    return replace(of, **_values(each)) == of
