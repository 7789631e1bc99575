"""`PropagateSegmenter`: a video segmenter made from any image segmenter, and its sessions.

A session encodes each frame at most once, keeps the track of each object, and can be saved. `promptseg.tracking.propagation` finds an
object on the next frame, and `promptseg.tracking.asking` decides whether the segmenter is asked there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, PromptError, shown
from ..masks import Mask, Size
from ..prompts import PromptKind, SpatialPrompt
from ..protocols import Frame, FrameSource, Segmenter, Session, VideoLike
from ..results import EVERY_FRAME, Provenance
from ..video.frames import open_frames
from ..video.saved_session import SavedSession, saved_mask, saved_number
from ..video.session import TrackingSession
from .appearance import Appearance, FeatureGrid, feature_grid_of
from .asking import PROMPTED, Every, checked_every, reason_to_ask
from .flow import flow_about, gray
from .propagation import Signals, Track, carry_track, propagate_track, start_track

SPATIAL: frozenset[PromptKind] = frozenset({"point", "box", "mask"})
"""Kinds of prompt that can be tracked."""

MAX_PROMPTED = 16
"""Maximum number of prompted frames in the memory of an object: the first and the latest ones.

The memory must be bounded, because a detector may prompt an object any number of times.
"""


class PropagateSegmenter:
    """Video segmenter made from any image segmenter; a `promptseg.protocols.VideoSegmenter`.

    Args:
        segmenter: The segmenter, which must take boxes.
        every: Ask the segmenter on every k-th frame, counted from frame 0, and move the masks by optical flow alone in between; or
            ``"auto"``: ask it where a mask may have gone wrong (`promptseg.tracking.asking`).

    Raises:
        ConfigError: The segmenter does not take boxes, or `every` is neither a whole number of at least 1 nor ``"auto"``.
    """

    def __init__(self, segmenter: Segmenter, every: Every = 1) -> None:
        if "box" not in segmenter.accepts:
            taken = ", ".join(sorted(segmenter.accepts)) or "nothing"
            raise ConfigError(f"tracking needs a segmenter that takes boxes; this one takes {taken}")
        self.segmenter = segmenter
        self.every = checked_every(every)
        self.accepts = segmenter.accepts & SPATIAL

    @property
    def provenance(self) -> Provenance:
        """Provenance of the segmenter, with the backend ``propagate``. The version says `every`, if it is not 1."""
        own = self.segmenter.provenance
        sparsely = "" if self.every == 1 else f", every {self.every}"
        return replace(own, backend="propagate", version=f"{own.backend} ({own.version}){sparsely}")

    def open(self, frames: VideoLike) -> PropagateSession:
        """Start a session. A frame is read when it is reached, and encoded only if the segmenter is asked about an object on it."""
        return PropagateSession(open_frames(frames), self)

    def resume(self, path: str | os.PathLike[str], frames: VideoLike) -> PropagateSession:
        """Return a session that continues a saved session over the same frames."""
        session = self.open(frames)
        session.restore(SavedSession.read(path))
        return session


@dataclass(eq=False)
class _OpenedFrame:
    """The latest frame that the segmenter has opened."""

    index: int
    session: Session
    grid: FeatureGrid


@dataclass(eq=False)
class _Object:
    """State of one object.

    Attributes:
        index: Frame of `track`, which is the last one on which the object was tracked or prompted.
        gray: (H, W) uint8 brightness of that frame.
        track: The track on that frame.
        prompts: The initial track and the mask for each frame on which the object was prompted.
    """

    index: int
    gray: NDArray[np.uint8]
    track: Track
    prompts: dict[int, tuple[Track, Mask]] = field(default_factory=dict)


class PropagateSession(TrackingSession):
    """Video session over an image segmenter; a `promptseg.protocols.VideoSession`.

    Args:
        frames: The video.
        segmenter: The video segmenter that opened it.
    """

    def __init__(self, frames: FrameSource, segmenter: PropagateSegmenter) -> None:
        super().__init__(frames, segmenter.provenance, segmenter.accepts | {"mask"})
        self._segmenter = segmenter
        self._objects: dict[int, _Object] = {}
        self._opened: _OpenedFrame | None = None

    def signals(self, object_id: int) -> Signals:
        """Return how well an object was found on the last frame on which it was tracked or prompted.

        Raises:
            PromptError: There is no such object.
        """
        self._check_known(object_id)
        return self._objects[object_id].track.signals

    def _prompt(self, frame: Frame, object_id: int, prompt: SpatialPrompt) -> Mask:
        opened = self._open(frame)
        given = prompt.mask_pixels if prompt.kinds == {"mask"} else None
        mask = opened.session.segment([prompt])[0] if given is None else given
        if not mask.area:
            raise PromptError(f"{shown(prompt)} gives an empty mask on frame {frame.index}: there is nothing to track")
        mask = Mask(mask.size, mask.counts, 1.0 if mask.score is None else mask.score)
        known = self._objects.get(object_id)
        others = {} if known is None else {at: one for at, one in known.prompts.items() if at != frame.index}
        if len(others) >= MAX_PROMPTED:
            first, *later = others
            others = {at: others[at] for at in (first, *later[2 - MAX_PROMPTED :])}
        track = start_track(opened.grid, mask, tuple(one.prompted[-1] for one, _ in others.values()))
        self._objects[object_id] = _Object(frame.index, gray(frame.image), track, {**others, frame.index: (track, mask)})
        return mask

    def _track(self, frame: Frame, object_ids: list[int], reverse: bool) -> dict[int, Mask]:  # noqa: ARG002 - The flow tells the direction.
        self.asked = EVERY_FRAME if self._segmenter.every == 1 else None
        if not object_ids:
            return {}
        brightness = gray(frame.image)
        at_hand = {object_id: self._objects[object_id].prompts.get(frame.index) for object_id in object_ids}
        found = {object_id: prompt for object_id, prompt in at_hand.items() if prompt is not None}
        moving = {
            object_id: one for object_id in object_ids if (one := self._objects[object_id]).index != frame.index and object_id not in found
        }
        tracks = self._moved(frame, brightness, moving, prompted=bool(found)) if moving else {}
        if found and self.asked is None:
            self.asked = PROMPTED
        for object_id, track in (*tracks.items(), *((object_id, track) for object_id, (track, _) in found.items())):
            one = self._objects[object_id]
            one.index, one.gray, one.track = frame.index, brightness, track
        return {
            object_id: found[object_id][1] if object_id in found else _mask_of(self._objects[object_id].track) for object_id in object_ids
        }

    def _moved(self, frame: Frame, brightness: NDArray[np.uint8], objects: Mapping[int, _Object], *, prompted: bool) -> dict[int, Track]:
        """Return the tracks of objects on a frame, and set the reason for which the segmenter was asked.

        Args:
            frame: The frame.
            brightness: (H, W) uint8 brightness of the frame.
            objects: The objects, which were last tracked on other frames.
            prompted: Whether other objects are prompted on this frame.
        """
        every, accepts = self._segmenter.every, self._segmenter.accepts
        flows = {object_id: flow_about(one.track.mask, one.gray, brightness) for object_id, one in objects.items()}
        carried = {} if every == 1 else {object_id: carry_track(one.track, flows[object_id]) for object_id, one in objects.items()}
        self.asked = reason_to_ask(every, frame.index, [one.index for one in objects.values()], carried, prompted=prompted)
        if self.asked is None:
            return carried
        opened = self._open(frame)
        return {
            object_id: propagate_track(one.track, opened.session, opened.grid, flows[object_id], accepts)
            for object_id, one in objects.items()
        }

    def _open(self, frame: Frame) -> _OpenedFrame:
        """Return an opened frame. The latest is kept, because several objects may be prompted on it."""
        if self._opened is None or self._opened.index != frame.index:
            session = self._segmenter.segmenter.open(frame.image)
            self._opened = _OpenedFrame(frame.index, session, feature_grid_of(session))
        return self._opened

    def _forget(self, object_id: int) -> None:
        del self._objects[object_id]

    def _state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        values: list[dict[str, Any]] = []
        arrays: dict[str, NDArray[Any]] = {}
        for object_id, one in self._objects.items():
            arrays[f"gray-{one.index}"] = one.gray
            prompts = [
                {"frame": at, "track": _saved_track(f"{object_id}-{at}", track, arrays), "score": mask.score, "mask": mask.to_coco_rle()}
                for at, (track, mask) in one.prompts.items()
            ]
            track = _saved_track(f"{object_id}-now", one.track, arrays)
            values.append({"id": object_id, "frame": one.index, "track": track, "prompts": prompts})
        return {"objects": values}, arrays

    def _restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        for saved in values["objects"]:
            prompts = {
                saved_number(prompt["frame"]): (
                    _read_track(prompt["track"], arrays, self.size),
                    saved_mask(prompt["mask"], self.size, prompt["score"]),
                )
                for prompt in saved["prompts"]
            }
            index = saved_number(saved["frame"])
            brightness = arrays[f"gray-{index}"]
            if brightness.shape != self.size or brightness.dtype != np.uint8:
                raise ValueError(f"frame {index} is {brightness.dtype} {brightness.shape}, expected uint8 {self.size}")
            track = _read_track(saved["track"], arrays, self.size)
            self._objects[saved_number(saved["id"])] = _Object(index, brightness, track, prompts)
        if self._objects.keys() != self._prompted.keys():
            raise ValueError(f"it has the objects {sorted(self._objects)}, and prompts for {sorted(self._prompted)}")


def _mask_of(track: Track) -> Mask:
    return Mask.from_array(track.mask, score=track.signals.confidence)


def _saved_track(name: str, track: Track, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Return a track as plain values, and add its arrays to `arrays` under names that begin with `name`."""
    appearances = [*track.prompted, *track.learned]
    for index, appearance in enumerate(appearances):
        arrays[f"{name}-{index}-inside"], arrays[f"{name}-{index}-outside"] = appearance.inside, appearance.outside
    signals = track.signals
    return {
        "name": name,
        "mask": Mask.from_array(track.mask).to_coco_rle(),
        "views": [len(track.prompted), len(track.learned)],
        "last_found_box": track.last_found_box.tolist(),
        "mean_agreement": track.mean_agreement,
        "area": track.area,
        "since": [track.gap, track.asked_area, track.consistency, track.way],
        "signals": [signals.score, signals.appearance, signals.flow, signals.lost],
    }


def _read_track(saved: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], size: Size) -> Track:
    """Return the track that `_saved_track` made plain values and arrays of.

    Raises:
        ValueError: A value is not what `_saved_track` writes.
    """
    name, (prompted, learned) = saved["name"], map(saved_number, saved["views"])
    appearances = [
        Appearance(_vectors(arrays[f"{name}-{index}-inside"]), _vectors(arrays[f"{name}-{index}-outside"]))
        for index in range(prompted + learned)
    ]
    box = np.array(saved["last_found_box"], np.float32)
    *signals, lost = saved["signals"]
    gap, asked_area, *since = saved["since"]
    numbers = [float(value) for value in (saved["mean_agreement"], *signals, *since)]
    mean_agreement, score, appearance, flow, consistency, way = numbers
    if not prompted or box.shape != (4,) or not np.isfinite([*box, *numbers]).all():
        raise ValueError(f"track {name!r} has no prompt, or numbers that are not finite")
    if saved_number(asked_area) > size[0] * size[1] or not 0 <= consistency <= 1 or way < 0:
        raise ValueError(f"track {name!r} has since its last question an area, a consistency or a way that no mask of this size has")
    return Track(
        saved_mask(saved["mask"], size).array,
        tuple(appearances[:prompted]),
        tuple(appearances[prompted:]),
        box,
        mean_agreement,
        saved_number(saved["area"]),
        Signals(score, appearance, flow, saved_number(lost)),
        saved_number(gap),
        saved_number(asked_area),
        consistency,
        way,
    )


def _vectors(array: NDArray[Any]) -> NDArray[np.float32]:
    if array.ndim != 2 or array.dtype != np.float32:
        raise ValueError(f"an appearance is {array.dtype} {array.shape}, expected float32 (cells, channels)")
    return array
