"""Masks in the lines of a video's journal: those of keyframes, and those that a tracker found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...masks import Mask, Size
from ...server.errors import RefusedError
from .changes import KeyFrame
from .objects import GONE, KEY, VideoObject, kind_of


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


def object_of_line(line: Mapping[str, Any], frame: int, of: VideoObject, kind: int, size: Size) -> ObjectOnFrame:
    """Return what a line tells of an object on a frame.

    Args:
        line: The content of the line.
        frame: Index of the frame.
        of: The object.
        kind: What is known of it there.
        size: ``(height, width)`` of the frames.
    """
    if kind in (KEY, GONE):
        entry = key_of_line(line, frame, of.uid)
        counts, score, source, prompts = entry["counts"], entry["score"], entry["source"], entry["prompts"]
    else:
        counts, score = next((counts, score) for number, counts, score in line["masks"] if number == of.number)
        source, prompts = "track", ()
    empty = Mask.from_coco_rle({"size": list(size), "counts": [size[0] * size[1]]})
    mask = empty if counts is None else Mask(size, counts.encode("ascii"))
    return ObjectOnFrame(of.uid, kind, replace(mask, score=score, label=of.label), source, prompts)


def key_of_line(line: Mapping[str, Any], frame: int, uid: str) -> Mapping[str, Any]:
    """Return what a line of a change tells of an object's keyframe."""
    found: Mapping[str, Any] = next(key for key in line["change"]["keys"] if (key["frame"], key["uid"]) == (frame, uid))
    return found


def key_values(key: KeyFrame, size: Size) -> dict[str, Any]:
    """Return a keyframe as a line has it.

    Raises:
        RefusedError: Its mask is not of the size ``(height, width)`` of the frames.
    """
    mask = key.mask
    if mask is not None and mask.size != size:
        raise RefusedError(f"the frames have size {list(size)}, and the mask {list(mask.size)}: both are [height, width]")
    return {
        "frame": key.frame,
        "uid": key.uid,
        "counts": None if mask is None else _counts(mask),
        "score": None if mask is None else _rounded(mask.score),
        "source": key.source,
        "prompts": list(key.prompts),
    }


def tracked_values(frame: int, time: float | None, masks: Sequence[tuple[int, Mask]], version: int) -> dict[str, Any]:
    """Return what a tracker found on a frame as a line has it. The masks come with the numbers of their objects."""
    return {
        "frame": frame,
        "time": time,
        "masks": [[number, _counts(mask), _rounded(mask.score)] for number, mask in masks],
        "kinds": [kind_of(mask) for _, mask in masks],
        "version": version,
    }


def _counts(mask: Mask) -> str | None:
    return mask.counts.decode("ascii") if mask.area else None


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(float(score), 6)
