"""Redetection: a tracker and, where there is one, a detector that is asked again, with every decision as an event.

`track_with_redetection` runs over a video. From one frame to the next the tracker says where its objects are; each decision beyond that
is an `Event`:

- ``added``: an object was prompted, or a detection is of none that is known.
- ``lost``: the tracker's own confidence in an object (`Mask.score`) fell under `RedetectionConfig.lost_below`, or its mask is empty.
- ``recovered``: a lost object is seen again, by the tracker, or because a detection looks like it.
- ``corrected``: a detection shows an object that is tracked elsewhere, or in part alone: its mask is the detection's from then on.
- ``switched``: a track went over to another object: their masks are the same. The less confident one has no mask until it is recovered.
- ``removed``: an object was lost for longer than `RedetectionConfig.forget_after`.

A detector is asked on the first frame and then every so many frames, or only while an object is lost. Detections are paired with the
objects that are seen by the IoU of their masks. Those that are left are paired by colors with objects of the same label that are lost or
in doubt, so that an object that left keeps its id when it comes back; both by the assignment with the greatest sum. In doubt is an object
that is tracked with little confidence, that the tracker alone has recovered and no detection confirmed since, or of which it has a part.
What is left over and covers no known object is a new one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .._checks import whole_number
from ..errors import ConfigError, PromptError
from ..masks import Mask, Masks, Size
from ..prompts import Prompt, SpatialPrompt
from ..protocols import Frame, FrameSource, VideoLike, VideoSegmenter, VideoSession
from ..results import FrameMasks
from ..video.frames import open_frames
from . import association

EventKind = Literal["added", "lost", "recovered", "corrected", "switched", "removed"]
Find = Callable[[NDArray[np.uint8]], Masks]
"""What finds objects on a frame: (H, W, 3) uint8 RGB to masks, with labels where they are known."""


@dataclass(frozen=True)
class Event:
    """A decision about an object.

    Attributes:
        frame: Index of the frame.
        object_id: The object.
        kind: What happened.
        reason: Why, in words with the figures that decided.
        label: The object's label, where it has one.
        time: Seconds since the video's first frame, where the video has times.
    """

    frame: int
    object_id: int
    kind: EventKind
    reason: str
    label: str | None = None
    time: float | None = None

    def to_dict(self) -> dict[str, object]:
        """The fields, ready for `json`."""
        return {name: getattr(self, name) for name in ("frame", "time", "object_id", "label", "kind", "reason")}


@dataclass(frozen=True, eq=False)
class TrackedFrame(FrameMasks):
    """The masks of one frame with its image and what was decided on it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        events: What was decided, in order.
        detected: Whether the detector was asked.
    """

    image: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((1, 1, 3), np.uint8), repr=False)
    events: tuple[Event, ...] = ()
    detected: bool = False


@dataclass(frozen=True)
class RedetectionConfig:
    """Limits of redetection: when the detector is asked again, and when an object is lost, found or gone.

    Attributes:
        redetect_every: Ask the detector on every n-th frame; None for never after the first.
        when_lost: Ask it while an object is lost: at once, and then on every n-th frame.
        lost_pause: That n.
        lost_below: An object with a lower confidence is lost.
        match: Least IoU of a detection with an object that is the same.
        alike: Least likeness in color (Bhattacharyya coefficient) of a detection with an object, lost or in doubt, that it may be.
        same: From this IoU on, two tracks are on one object.
        forget_after: Frames for which an object may be lost before it is removed; None for any number.
    """

    redetect_every: int | None = None
    when_lost: bool = False
    lost_pause: int = 5
    lost_below: float = 0.3
    match: float = 0.4
    alike: float = 0.6
    same: float = 0.8
    forget_after: int | None = None

    def __post_init__(self) -> None:
        for name in ("redetect_every", "lost_pause", "forget_after"):
            value = getattr(self, name)
            if value is not None:
                whole_number(name, value, 1, unit="frames")
        for name in ("lost_below", "match", "alike", "same"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is between 0 and 1, got {getattr(self, name)!r}")


def track_with_redetection(
    tracker: VideoSegmenter,
    video: VideoLike,
    prompts: Sequence[SpatialPrompt] = (),
    *,
    find: Find | None = None,
    redetection: RedetectionConfig | None = None,
) -> Iterator[TrackedFrame]:
    """Tracks objects through a video.

    Args:
        tracker: What tracks.
        video: What `promptseg.video.frames.open_frames` takes.
        prompts: One object each, on the first frame; their ids are 1, 2, ….
        find: What finds objects, or None.
        redetection: When to ask it, and when objects are lost.

    Yields:
        One frame after the other, each as soon as it is tracked.

    Raises:
        ConfigError: `redetection` asks for a detector, and there is none.
        PromptError: There is nothing to track, or a prompt does not fit the video.
        InputError: The video cannot be read, or not to its end: the frames before were given.
    """
    redetection = redetection or RedetectionConfig()
    if find is None and (redetection.redetect_every is not None or redetection.when_lost):
        raise ConfigError("detecting again needs a detector, and there is none")
    if find is None and not prompts:
        raise PromptError("nothing to track: give a prompt, or a detector")
    watched = _Watched(open_frames(video))
    session = tracker.open(watched)
    return _RedetectingTracker(session, watched, find, redetection).run(prompts)


class _Watched:
    """A source of frames that keeps the latest of them at hand, because sessions give masks alone."""

    KEPT = 8

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._latest: OrderedDict[int, Frame] = OrderedDict()
        self.size: Size = source.size
        self.rereadable, self.fps = source.rereadable, source.fps

    @property
    def count(self) -> int | None:
        return self._source.count

    def read(self, start: int = 0) -> Iterator[Frame]:
        for frame in self._source.read(start):
            self._latest[frame.index] = frame
            while len(self._latest) > self.KEPT:
                self._latest.popitem(last=False)
            yield frame

    def image(self, index: int) -> NDArray[np.uint8]:
        """The pixels of a frame that was read a moment ago."""
        if index not in self._latest:
            return next(self._source.read(index)).image
        return self._latest[index].image


@dataclass
class _Known:
    """What is known of one object.

    Attributes:
        label: What it is.
        histogram: Its colors, see `promptseg.tracking.association.color_histogram`.
        lost_for: For how many frames it has been lost.
        switched: Whether its track went over to another object.
        unconfirmed: Whether the tracker alone says that it is back, and no detection has agreed yet.
    """

    label: str | None
    histogram: NDArray[np.float64]
    lost_for: int = 0
    switched: bool = False
    unconfirmed: bool = False


class _RedetectingTracker:
    def __init__(self, session: VideoSession, frames: _Watched, find: Find | None, config: RedetectionConfig) -> None:
        self._session, self._frames, self._find, self._config = session, frames, find, config
        self._known: dict[int, _Known] = {}
        self._next_id = 1
        self._events: list[Event] = []
        self._here: FrameMasks | None = None

    def run(self, prompts: Sequence[SpatialPrompt]) -> Iterator[TrackedFrame]:
        first = [self._session.add(0, number, prompt) for number, prompt in enumerate(prompts, 1)]
        for here in self._session.propagate():
            self._here, self._events = here, []
            image = self._frames.image(here.frame)
            masks = {
                object_id: replace(mask, label=self._known[object_id].label if object_id in self._known else None)
                for object_id, mask in zip(here.object_ids, here.masks, strict=True)
            }
            if here.frame == 0:
                for mask in first:
                    self._meet(image, mask, "prompted")
            self._part(masks)
            self._watch(image, masks)
            detected = self._find is not None and self._due(here.frame)
            if detected and self._find is not None:
                self._reconcile(image, masks, [mask for mask in self._find(image) if mask.area])
            self._forget(masks)
            yield TrackedFrame(
                here.frame,
                tuple(masks),
                Masks(masks.values(), self._session.size),
                here.time,
                image,
                tuple(self._events),
                detected,
            )

    def _due(self, frame: int) -> bool:
        config = self._config
        if frame == 0 and not self._known:
            return True
        if config.redetect_every is not None and frame % config.redetect_every == 0:
            return True
        return config.when_lost and any(known.lost_for % config.lost_pause == 1 for known in self._known.values())

    def _part(self, masks: dict[int, Mask]) -> None:
        """Of two tracks on one object, the less confident one has gone over to it."""
        seen = [object_id for object_id, mask in masks.items() if mask.area and not self._known[object_id].switched]
        for place, one in enumerate(seen):
            for other in seen[place + 1 :]:
                if not (masks[one].area and masks[other].area):
                    continue
                iou = masks[one].iou(masks[other])
                if iou >= self._config.same:
                    gone, stays = (one, other) if _confidence(masks[one]) < _confidence(masks[other]) else (other, one)
                    self._known[gone].switched = True
                    masks[gone] = _nothing(masks[gone])
                    self._tell(gone, "switched", f"its mask is that of object {stays} (IoU {iou:.2f})")

    def _watch(self, image: NDArray[np.uint8], masks: dict[int, Mask]) -> None:
        """Which objects are lost, and which were recovered by the tracker."""
        for object_id, mask in masks.items():
            known, confidence = self._known[object_id], _confidence(mask)
            if known.switched:
                masks[object_id] = mask = _nothing(mask)
            if not mask.area or confidence < self._config.lost_below:
                if not known.lost_for:
                    self._tell(object_id, "lost", f"confidence {confidence:.2f}" if mask.area else "nothing of it is seen")
                known.lost_for += 1
                continue
            if known.lost_for:
                self._tell(object_id, "recovered", f"tracked again with confidence {confidence:.2f}, after {known.lost_for} frames")
                known.lost_for, known.unconfirmed = 0, self._find is not None
            if confidence >= 2 * self._config.lost_below and not known.unconfirmed:
                known.histogram = 0.9 * known.histogram + 0.1 * association.color_histogram(image, mask)

    def _reconcile(self, image: NDArray[np.uint8], masks: dict[int, Mask], found: list[Mask]) -> None:
        """Detections as known objects, lost ones, or new ones."""
        free, agreed = dict(enumerate(found)), set[int]()
        seen = [object_id for object_id, mask in masks.items() if mask.area]
        for row, column in association.assign(association.iou_matrix([masks[one] for one in seen], found), self._config.match):
            known = self._known[seen[row]]
            mask = free.pop(column)
            known.label, known.unconfirmed = known.label or mask.label, False
            masks[seen[row]] = replace(masks[seen[row]], label=known.label)
            if known.lost_for:
                self._take(seen[row], masks, mask, f"detected where it was tracked (IoU {masks[seen[row]].iou(mask):.2f})")
            agreed.add(seen[row])
        left = [object_id for object_id in masks if object_id not in agreed]
        columns = list(free)
        likeness, worth = np.zeros((2, len(left), len(columns)))
        for row, object_id in enumerate(left):
            for column, index in enumerate(columns):
                if self._may_be(object_id, masks[object_id], free[index]):
                    likeness[row, column] = float(self._known[object_id].histogram @ association.color_histogram(image, free[index]))
                    if likeness[row, column] >= self._config.alike:
                        worth[row, column] = likeness[row, column] + masks[object_id].iou(free[index])
        for row, column in association.assign(worth, self._config.alike):
            mask = free.pop(columns[column])
            self._take(left[row], masks, mask, f"a detection looks like it ({likeness[row, column]:.2f})")
        for mask in free.values():
            if all(_covered(mask, other) < 0.5 for other in masks.values()):
                number = self._next_id
                masks[number] = replace(self._session.add(self._at(), number, Prompt.mask(_bare(mask))), label=mask.label)
                self._meet(image, masks[number], "detected" if mask.score is None else f"detected with score {mask.score:.2f}")

    def _may_be(self, object_id: int, tracked: Mask, mask: Mask) -> bool:
        """Whether a detection may be an object that is tracked elsewhere, or not at all."""
        known = self._known[object_id]
        doubtful = known.lost_for or known.unconfirmed or _confidence(tracked) < 2 * self._config.lost_below
        return association.same_label(known.label, mask.label) and bool(doubtful or _covered(tracked, mask) >= 0.5)

    def _take(self, object_id: int, masks: dict[int, Mask], mask: Mask, why: str) -> None:
        """The detection's mask as the object's, from which it is tracked on."""
        known, before = self._known[object_id], masks[object_id]
        again = self._session.add(self._at(), object_id, Prompt.mask(_bare(mask)))
        known.label = known.label or mask.label
        masks[object_id] = replace(again, label=known.label)
        if known.lost_for:
            self._tell(object_id, "recovered", f"{why}, after {known.lost_for} frames")
        else:
            self._tell(object_id, "corrected", f"{why}; it was tracked elsewhere (IoU {before.iou(mask):.2f})")
        known.lost_for, known.switched, known.unconfirmed = 0, False, False

    def _forget(self, masks: dict[int, Mask]) -> None:
        limit = self._config.forget_after
        for object_id in [one for one in masks if limit is not None and self._known[one].lost_for > limit]:
            self._tell(object_id, "removed", f"lost for more than {limit} frames")
            self._session.remove(object_id)
            del masks[object_id], self._known[object_id]

    def _meet(self, image: NDArray[np.uint8], mask: Mask, why: str) -> None:
        """A new object."""
        number, self._next_id = self._next_id, self._next_id + 1
        self._known[number] = _Known(mask.label, association.color_histogram(image, mask))
        self._tell(number, "added", why)

    def _at(self) -> int:
        return 0 if self._here is None else self._here.frame

    def _tell(self, object_id: int, kind: EventKind, reason: str) -> None:
        label = self._known[object_id].label
        time = None if self._here is None else self._here.time
        self._events.append(Event(self._at(), object_id, kind, reason, label, time))


def _confidence(mask: Mask) -> float:
    if not mask.area:
        return 0.0
    return 1.0 if mask.score is None else mask.score


def _nothing(mask: Mask) -> Mask:
    """The same object with an empty mask."""
    return Mask.from_array(np.zeros(mask.size, bool), score=0.0, label=mask.label)


def _bare(mask: Mask) -> Mask:
    """The pixels alone: logits are of one model, and the tracker may be another."""
    return Mask(mask.size, mask.counts)


def _covered(mask: Mask, other: Mask) -> float:
    """The share of a mask that another one covers."""
    return np.count_nonzero(mask.array & other.array) / max(mask.area, 1)
