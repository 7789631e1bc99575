"""Objects of a video as they are kept, and on which frames each was seen, lost or marked by a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...masks import Mask
from ...tracking.redetection import RedetectionConfig

NONE, SEEN, LOST, KEY, GONE = 0, 1, 2, 3, 4
"""What is known of an object on a frame: nothing; tracked; tracked, but lost; marked by a person; marked by a person as not there."""

LOST_BELOW = RedetectionConfig().lost_below
"""Confidence of a tracker below which an object is lost, as in `promptseg.tracking.redetection`."""

EventKind = Literal["added", "lost", "found"]


@dataclass(frozen=True)
class VideoObject:
    """An object of a video, without its masks.

    Attributes:
        uid: Its name for ever, chosen by who made it.
        number: Its number in exports and for the tracker, from 1.
        label: Its label, or None.
        color: Its color as "#rrggbb", or None for that of its label.
        hidden: Whether the page hides it.
        locked: Whether the page keeps it from being changed.
        attributes: Further values as text.
        removed: Whether it was removed. Its masks stay, so that it can be brought back.
    """

    uid: str
    number: int
    label: str | None = None
    color: str | None = None
    hidden: bool = False
    locked: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    removed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {**vars(self), "attributes": dict(self.attributes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> VideoObject:
        """Return the object that `to_dict` has made values of.

        Raises:
            KeyError: A value is missing.
            TypeError: There is one too many.
        """
        return cls(**values)


class Track:
    """What is known of one object on each frame, and where the lines with its masks are.

    Attributes:
        kinds: (N,) uint8, for each frame one of `NONE`, `SEEN`, `LOST`, `KEY` and `GONE`. N grows.
        lines: (N,) int64, for each frame the offset of the line with the mask; -1 for none.
    """

    def __init__(self, frames: int = 0) -> None:
        self.kinds: NDArray[np.uint8] = np.zeros(frames, np.uint8)
        self.lines: NDArray[np.int64] = np.full(frames, -1, np.int64)

    def set(self, frame: int, kind: int, line: int) -> None:
        """Say what is known of the object on a frame, and at which offset."""
        if frame >= len(self.kinds):
            more = max(frame + 1, 2 * len(self.kinds)) - len(self.kinds)
            self.kinds = np.concatenate([self.kinds, np.zeros(more, np.uint8)])
            self.lines = np.concatenate([self.lines, np.full(more, -1, np.int64)])
        self.kinds[frame], self.lines[frame] = kind, line

    def kind(self, frame: int) -> int:
        """Return what is known of the object on a frame."""
        return int(self.kinds[frame]) if frame < len(self.kinds) else NONE

    def marked(self) -> list[int]:
        """Return the frames on which a person marked the object, those where it is not there left out."""
        return [int(frame) for frame in np.flatnonzero(self.kinds == KEY)]

    def gone(self) -> list[int]:
        """Return the frames on which a person said that the object is not there."""
        return [int(frame) for frame in np.flatnonzero(self.kinds == GONE)]

    def runs(self) -> list[tuple[int, int, int]]:
        """Return the runs of frames on which the same is known, as ``(start, stop, kind)``, half-open. Keyframes count as seen."""
        kinds = np.where(self.kinds == KEY, SEEN, self.kinds)
        edges = np.flatnonzero(np.diff(kinds)) + 1
        starts, stops = [0, *edges.tolist()], [*edges.tolist(), len(kinds)]
        return [
            (start, stop, int(kinds[start])) for start, stop in zip(starts, stops, strict=True) if stop > start and kinds[start] != NONE
        ]

    def events(self) -> Iterator[tuple[int, EventKind]]:
        """Yield the frames on which the object appears for the first time, is lost, and is found again."""
        before: int | None = None
        for start, _, kind in self.runs():
            if kind == SEEN and before is None:
                yield start, "added"
            elif kind == SEEN and before != SEEN:
                yield start, "found"
            elif kind != SEEN and before == SEEN:
                yield start, "lost"
            before = kind


def kind_of(mask: Mask) -> int:
    """Return whether a tracker has seen an object or lost it, by the mask that it gave."""
    if not mask.area or (mask.score is not None and mask.score < LOST_BELOW):
        return LOST
    return SEEN
