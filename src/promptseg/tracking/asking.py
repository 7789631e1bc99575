"""When a tracker asks the segmenter: on every k-th frame, or when a mask that optical flow has moved may have gone wrong.

Encoding a frame takes most of the time of tracking. Between two frames on which the segmenter is asked, the mask is moved by flow alone,
which is cheap, and wrong sooner or later: it cannot find an object again, and it does not see what appears from behind something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, Union

from .._checks import is_whole_number
from ..errors import ConfigError, shown
from ..results import EVERY_FRAME
from .propagation import Track

Every = Union[int, Literal["auto"]]
"""``k`` for every k-th frame, or ``"auto"``."""

PROMPTED = "prompted"
"""Reason for asking the segmenter on a frame on which an object was prompted."""

LEAST_GAP, LONGEST_GAP = 2, 4
"""With ``"auto"``, the segmenter is asked at the earliest and at the latest so many frames after it was last asked."""

WAY = 0.1
"""With ``"auto"``, the segmenter is asked if the mask has moved by more than this share of the object's size since. Of all signals it says
best how wrong a mask is, in sequences that did not choose it: docs/understand/benchmarks.md has the figures."""

CONSISTENT = 0.5
"""With ``"auto"``, the segmenter is asked if the flow was consistent in less than this share of the mask, over all frames since."""

AREA = 0.3
"""With ``"auto"``, the segmenter is asked if the area of the mask has changed by more than this share since."""


def checked_every(value: object) -> Every:
    """Return a value as an `Every`, or raise an error.

    Raises:
        ConfigError: It is neither a whole number of at least 1 nor ``"auto"``.
    """
    if isinstance(value, str) and value == "auto":
        return "auto"
    if not is_whole_number(value, 1):
        raise ConfigError(f"every is a whole number of frames of at least 1, or 'auto', got {shown(value)}")
    return int(value)


def reason_to_ask(every: Every, frame: int, before: Iterable[int], carried: Mapping[int, Track], *, prompted: bool) -> str | None:
    """Return why the segmenter is to be asked on a frame about all objects, or None if it is not to be asked.

    Args:
        every: When to ask.
        frame: Index of the frame.
        before: Indices of the frames on which the objects were last tracked.
        carried: The objects with their masks moved to this frame, by id; unused if `every` is 1.
        prompted: Whether other objects are prompted on the frame. The segmenter has then encoded it, which is most of the work.
    """
    if every == 1:
        return EVERY_FRAME
    far = next((index for index in before if abs(frame - index) > 1), None)
    if far is not None:
        return f"the objects were last tracked on frame {far}"
    if every != "auto":
        return f"every {every} frames" if frame % every == 0 else None
    if prompted:
        return PROMPTED
    return next((f"object {number}: {why}" for number, track in carried.items() if (why := _doubt(track)) is not None), None)


def _doubt(track: Track) -> str | None:
    """Return why the segmenter is to be asked about an object whose mask flow has moved, or None if there is no reason."""
    change = abs(int(track.mask.sum()) - track.asked_area) / max(track.asked_area, 1)
    if track.gap < LEAST_GAP:
        return None
    if track.gap >= LONGEST_GAP:
        return f"{track.gap} frames since the last question"
    if track.signals.lost:
        return "lost"
    if track.way > WAY:
        return f"it moved by {track.way:.0%} of its size"
    if track.consistency < CONSISTENT:
        return f"the flow is consistent in {track.consistency:.0%} of the mask"
    if change > AREA:
        return f"its area changed by {change:.0%}"
    return None
