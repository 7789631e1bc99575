"""Redetection: tracking with a detector that runs again during the video, with an event for every decision.

Here a detector finds a lost object again. In `promptseg.tracking.propagation` the tracker itself finds it again, by its appearance.

`track_with_redetection` runs over a video. The tracker propagates the masks from frame to frame. Every other decision is an `Event`:

- ``added``: an object was prompted, or a detection belongs to no known object.
- ``lost``: the tracker's confidence in an object (`Mask.score`) fell below `RedetectionConfig.lost_below`, or its mask is empty.
- ``recovered``: a lost object was found again, by the tracker or by a detection with similar colors.
- ``corrected``: an object was tracked in the wrong place or only in part. Its mask is replaced by that of a detection.
- ``switched``: two tracks have the same mask. The less confident object has no mask until it is recovered.
- ``removed``: an object was lost for more frames than `RedetectionConfig.forget_after`.

Two kinds of event are about a frame instead of an object:

- ``asked``: a tracker that does not ask its model on every frame asked it on this one (option ``every`` of ``propagate``).
- ``dropped``: frames of a live source came before this one while the tracker was busy, and were dropped (``drop="late"`` of
  `promptseg.video.frames.open_frames`).

The detector runs on the first frame, and then on every n-th frame or only while an object is lost. Its detections are associated with
objects in three steps:

1. Detections are matched with visible objects by the IoU of their masks.
2. Remaining detections are matched by color with objects of the same label that are lost or doubtful. An object that left the frame
   therefore keeps its id when it comes back.
3. A remaining detection that covers no known object is a new object.

The first two steps use the assignment with the greatest total similarity. An object is doubtful if the tracker's confidence is low, if
the tracker alone recovered it and no detection has confirmed it since, or if its mask lies mostly within the detection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._checks import between, flag, whole_number
from .._counting import number_of
from ..errors import ConfigError, PromptError
from ..images import ImageLike
from ..masks import Mask, Masks
from ..prompts import Prompt, SpatialPrompt
from ..protocols import VideoLike, VideoSegmenter, VideoSession
from ..results import EVERY_FRAME, FrameMasks
from ..video.frames import open_frames
from . import association
from .asking import PROMPTED
from .recent_frames import RecentFrames

if TYPE_CHECKING:
    from PIL.Image import Image

    from .._object_overlay import WithImage

EventKind = Literal["added", "lost", "recovered", "corrected", "switched", "removed", "asked", "dropped"]
DetectFunction = Callable[[NDArray[np.uint8]], Masks]
"""Function that finds objects: from a frame, (H, W, 3) uint8 RGB, to masks with labels, if they are known."""


@dataclass(frozen=True)
class Event:
    """Decision about an object, or about a frame.

    Attributes:
        frame: Index of the frame.
        object_id: Id of the object; None for an event about the frame.
        kind: Kind of the decision.
        reason: Reason in words, with the numbers behind the decision.
        label: Label of the object, if it has one.
        time: Seconds since the first frame of the video, if the video has times.
    """

    frame: int
    object_id: int | None
    kind: EventKind
    reason: str
    label: str | None = None
    time: float | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the fields as plain values for JSON."""
        return {name: getattr(self, name) for name in ("frame", "time", "object_id", "label", "kind", "reason")}


@dataclass(frozen=True, eq=False)
class TrackedFrame(FrameMasks):
    """Masks of one frame, with its image and events.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        events: The events on this frame, in order.
        detected: Whether the detector ran on this frame.
        dropped: Number of frames of a live source that came before this one while the tracker was busy, and were dropped.
    """

    image: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((1, 1, 3), np.uint8), repr=False)
    events: tuple[Event, ...] = ()
    detected: bool = False
    dropped: int = 0

    def overlay(self, image: ImageLike | WithImage | None = None, **style: Any) -> Image:
        """Return the frame with its masks drawn on it, as `promptseg.results.FrameMasks.overlay` does; by default on its own image."""
        return super().overlay(self.image if image is None else image, **style)


@dataclass(frozen=True)
class RedetectionConfig:
    """Thresholds of redetection: when the detector runs again, and when an object is lost, recovered or removed.

    Attributes:
        redetect_every: Run the detector on every n-th frame. None: only on the first frame.
        when_lost: Whether to run the detector while an object is lost: at once, and then again every `lost_interval` frames.
        lost_interval: Number of frames between two runs of the detector while an object is lost.
        lost_below: Confidence below which an object is lost.
        match_iou: Minimum IoU for matching a detection with a visible object.
        color_similarity: Minimum color similarity (Bhattacharyya coefficient) for matching a detection with a lost or doubtful object.
        same_iou: IoU from which on two tracks count as one object.
        forget_after: Number of lost frames after which an object is removed. None: never.
    """

    redetect_every: int | None = None
    when_lost: bool = False
    lost_interval: int = 5
    lost_below: float = 0.3
    match_iou: float = 0.4
    color_similarity: float = 0.6
    same_iou: float = 0.8
    forget_after: int | None = None

    def __post_init__(self) -> None:
        for name in ("redetect_every", "lost_interval", "forget_after"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, whole_number(name, value, 1, unit="frames"))
        for name in ("lost_below", "match_iou", "color_similarity", "same_iou"):
            object.__setattr__(self, name, between(name, getattr(self, name)))
        object.__setattr__(self, "when_lost", flag("when_lost", self.when_lost))


def track_with_redetection(
    tracker: VideoSegmenter,
    video: VideoLike,
    prompts: Sequence[SpatialPrompt] = (),
    *,
    detect: DetectFunction | None = None,
    redetection: RedetectionConfig | None = None,
) -> Iterator[TrackedFrame]:
    """Track objects through a video.

    Args:
        tracker: Video segmenter that propagates the masks.
        video: A path, stream address, camera number, folder, array or iterable of images; see `promptseg.video.frames.open_frames`.
        prompts: Prompts on the first frame, one object each. The ids of the objects are 1, 2, ….
        detect: Function that finds objects, or None to track only the prompted objects.
        redetection: Thresholds of redetection.

    Yields:
        The frames in order, each as soon as it is tracked.

    Raises:
        ConfigError: `redetection` needs a detector, and `detect` is None.
        PromptError: There is nothing to track, or a prompt does not fit the video.
        InputError: The video cannot be read. If this shows only in the middle, the frames before it are yielded first.
    """
    redetection = redetection or RedetectionConfig()
    if detect is None and (redetection.redetect_every is not None or redetection.when_lost):
        raise ConfigError("redetection needs a detector, and there is none: add .detect(model) to the pipeline, or leave the setting out")
    if detect is None and not prompts:
        raise PromptError("nothing to track: give a prompt, or a detector")
    recent = RecentFrames(open_frames(video))
    session = tracker.open(recent)
    return _RedetectingTracker(session, recent, detect, redetection).run(prompts)


@dataclass
class _ObjectState:
    """State of one object.

    Attributes:
        label: Its label, if it has one.
        histogram: Its color histogram, from `promptseg.tracking.association.color_histogram`.
        lost_for: Number of frames for which it has been lost.
        switched: Whether its track moved to another object.
        unconfirmed: Whether the tracker alone recovered it and no detection has confirmed it since.
    """

    label: str | None
    histogram: NDArray[np.float64]
    lost_for: int = 0
    switched: bool = False
    unconfirmed: bool = False


class _RedetectingTracker:
    def __init__(self, session: VideoSession, frames: RecentFrames, detect: DetectFunction | None, config: RedetectionConfig) -> None:
        self._session, self._frames, self._detect, self._config = session, frames, detect, config
        self._known: dict[int, _ObjectState] = {}
        self._next_id = 1
        self._events: list[Event] = []
        self._current: FrameMasks | None = None
        self._asked_by_detection: str | None = None

    def run(self, prompts: Sequence[SpatialPrompt]) -> Iterator[TrackedFrame]:
        first = [self._session.add(0, number, prompt) for number, prompt in enumerate(prompts, 1)]
        for here in self._session.propagate():
            self._current, self._events, self._asked_by_detection = here, [], None
            image = self._frames.image(here.frame)
            masks = {
                object_id: replace(mask, label=self._known[object_id].label if object_id in self._known else None)
                for object_id, mask in zip(here.object_ids, here.masks, strict=True)
            }
            if here.frame == 0:
                for mask in first:
                    self._add_object(image, mask, "prompted")
            self._resolve_switches(masks)
            self._update_lost(image, masks)
            detected = self._detect is not None and self._should_detect(here.frame)
            if detected and self._detect is not None:
                self._match_detections(image, masks, [mask for mask in self._detect(image) if mask.area])
            self._remove_lost(masks)
            asked = here.asked or self._asked_by_detection
            dropped = self._frames.dropped(here.frame)
            if dropped:
                reason = f"{number_of(dropped, 'frame')} came while the tracker was busy"
                self._events.insert(0, Event(here.frame, None, "dropped", reason, time=here.time))
            if asked not in (None, EVERY_FRAME):
                self._events.insert(0, Event(here.frame, None, "asked", asked, time=here.time))
            yield TrackedFrame(
                here.frame,
                tuple(masks),
                Masks(masks.values(), self._session.size),
                here.time,
                image,
                tuple(self._events),
                detected,
                dropped,
                asked=asked,
            )

    def _should_detect(self, frame: int) -> bool:
        config = self._config
        if frame == 0 and not self._known:
            return True
        if config.redetect_every is not None and frame % config.redetect_every == 0:
            return True
        return config.when_lost and any(known.lost_for % config.lost_interval == 1 for known in self._known.values())

    def _resolve_switches(self, masks: dict[int, Mask]) -> None:
        """Find tracks with the same mask, and empty the mask of the less confident one."""
        seen = [object_id for object_id, mask in masks.items() if mask.area and not self._known[object_id].switched]
        for place, one in enumerate(seen):
            for other in seen[place + 1 :]:
                if not (masks[one].area and masks[other].area):
                    continue
                iou = masks[one].iou(masks[other])
                if iou >= self._config.same_iou:
                    gone, stays = (one, other) if _confidence(masks[one]) < _confidence(masks[other]) else (other, one)
                    self._known[gone].switched = True
                    masks[gone] = _emptied(masks[gone])
                    self._record(gone, "switched", f"its mask is that of object {stays} (IoU {iou:.2f})")

    def _update_lost(self, image: NDArray[np.uint8], masks: dict[int, Mask]) -> None:
        """Update which objects are lost, and which the tracker has recovered."""
        for object_id, mask in masks.items():
            known, confidence = self._known[object_id], _confidence(mask)
            if known.switched:
                masks[object_id] = mask = _emptied(mask)
            if not mask.area or confidence < self._config.lost_below:
                if not known.lost_for:
                    self._record(object_id, "lost", f"confidence {confidence:.2f}" if mask.area else "nothing of it is seen")
                known.lost_for += 1
                continue
            if known.lost_for:
                self._record(object_id, "recovered", f"tracked again with confidence {confidence:.2f}, after {known.lost_for} frames")
                known.lost_for, known.unconfirmed = 0, self._detect is not None
            if confidence >= 2 * self._config.lost_below and not known.unconfirmed:
                known.histogram = 0.9 * known.histogram + 0.1 * association.color_histogram(image, mask)

    def _match_detections(self, image: NDArray[np.uint8], masks: dict[int, Mask], found: list[Mask]) -> None:
        """Match detections with visible objects, then with lost or doubtful ones, and add the others as new objects."""
        free, agreed = dict(enumerate(found)), set[int]()
        seen = [object_id for object_id, mask in masks.items() if mask.area]
        for row, column in association.assign(association.iou_matrix([masks[one] for one in seen], found), self._config.match_iou):
            known = self._known[seen[row]]
            mask = free.pop(column)
            known.label, known.unconfirmed = known.label or mask.label, False
            masks[seen[row]] = replace(masks[seen[row]], label=known.label)
            if known.lost_for:
                self._correct(seen[row], masks, mask, f"detected where it was tracked (IoU {masks[seen[row]].iou(mask):.2f})")
            agreed.add(seen[row])
        left = [object_id for object_id in masks if object_id not in agreed]
        columns = list(free)
        likeness, similarity = np.zeros((2, len(left), len(columns)))
        for row, object_id in enumerate(left):
            for column, index in enumerate(columns):
                if self._can_match(object_id, masks[object_id], free[index]):
                    likeness[row, column] = float(self._known[object_id].histogram @ association.color_histogram(image, free[index]))
                    if likeness[row, column] >= self._config.color_similarity:
                        similarity[row, column] = likeness[row, column] + masks[object_id].iou(free[index])
        for row, column in association.assign(similarity, self._config.color_similarity):
            mask = free.pop(columns[column])
            self._correct(left[row], masks, mask, f"a detection looks like it ({likeness[row, column]:.2f})")
        for mask in free.values():
            if all(_covered_share(mask, other) < 0.5 for other in masks.values()):
                number = self._next_id
                masks[number] = replace(self._prompt(number, mask), label=mask.label)
                self._add_object(image, masks[number], "detected" if mask.score is None else f"detected with score {mask.score:.2f}")

    def _can_match(self, object_id: int, tracked: Mask, mask: Mask) -> bool:
        """Return whether a detection can be an object that is lost or doubtful."""
        known = self._known[object_id]
        doubtful = known.lost_for or known.unconfirmed or _confidence(tracked) < 2 * self._config.lost_below
        return association.same_label(known.label, mask.label) and bool(doubtful or _covered_share(tracked, mask) >= 0.5)

    def _correct(self, object_id: int, masks: dict[int, Mask], mask: Mask, why: str) -> None:
        """Replace the mask of an object by that of a detection, and track the object from there."""
        known, before = self._known[object_id], masks[object_id]
        again = self._prompt(object_id, mask)
        known.label = known.label or mask.label
        masks[object_id] = replace(again, label=known.label)
        if known.lost_for:
            self._record(object_id, "recovered", f"{why}, after {known.lost_for} frames")
        else:
            self._record(object_id, "corrected", f"{why}; it was tracked elsewhere (IoU {before.iou(mask):.2f})")
        known.lost_for, known.switched, known.unconfirmed = 0, False, False

    def _prompt(self, object_id: int, mask: Mask) -> Mask:
        """Prompt an object with the mask of a detection, for which the tracker asks its model."""
        self._asked_by_detection = PROMPTED
        return self._session.add(self._frame_index(), object_id, Prompt.mask(_without_logits(mask)))

    def _remove_lost(self, masks: dict[int, Mask]) -> None:
        limit = self._config.forget_after
        for object_id in [one for one in masks if limit is not None and self._known[one].lost_for > limit]:
            self._record(object_id, "removed", f"lost for more than {limit} frames")
            self._session.remove(object_id)
            del masks[object_id], self._known[object_id]

    def _add_object(self, image: NDArray[np.uint8], mask: Mask, why: str) -> None:
        """Add a new object."""
        number, self._next_id = self._next_id, self._next_id + 1
        self._known[number] = _ObjectState(mask.label, association.color_histogram(image, mask))
        self._record(number, "added", why)

    def _frame_index(self) -> int:
        return 0 if self._current is None else self._current.frame

    def _record(self, object_id: int, kind: EventKind, reason: str) -> None:
        label = self._known[object_id].label
        time = None if self._current is None else self._current.time
        self._events.append(Event(self._frame_index(), object_id, kind, reason, label, time))


def _confidence(mask: Mask) -> float:
    if not mask.area:
        return 0.0
    return 1.0 if mask.score is None else mask.score


def _emptied(mask: Mask) -> Mask:
    """Return an empty mask with the label of a mask."""
    return Mask.from_array(np.zeros(mask.size, bool), score=0.0, label=mask.label)


def _without_logits(mask: Mask) -> Mask:
    """Return the mask without its logits, which belong to another model than the tracker."""
    return Mask(mask.size, mask.counts)


def _covered_share(mask: Mask, other: Mask) -> float:
    """Return the share of a mask that another mask covers."""
    return np.count_nonzero(mask.array & other.array) / max(mask.area, 1)
