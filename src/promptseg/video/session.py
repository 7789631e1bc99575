"""`TrackingSession`: what every session over a video does in the same way, whatever tracks the objects in it.

A model's session derives from it and says how an object is prompted on a frame, how it is tracked to the next, and what of it is saved.
The rest is here: the frames (see `promptseg.video.frame_buffer` for those that come once), the checks of prompts and ids, which objects are
there on a frame, their order, and files of sessions.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from .._checks import whole_number
from ..errors import PromptError
from ..masks import Mask, Masks, Size
from ..prompts import Prompt, PromptKind, SpatialPrompt, spatial
from ..protocols import Frame, FrameSource
from ..results import FrameMasks, Provenance
from .frame_buffer import KEPT_BYTES, FrameBuffer
from .saved_session import SavedSession


class TrackingSession(ABC):
    """A `promptseg.protocols.VideoSession`, but for how objects are tracked.

    Args:
        frames: The video.
        provenance: Which model tracks; a saved session is for the same one.
        accepts: The kinds of prompt that it takes.
        kept_bytes: How many bytes of frames to keep; see `FrameBuffer`.
    """

    def __init__(self, frames: FrameSource, provenance: Provenance, accepts: frozenset[PromptKind], kept_bytes: int = KEPT_BYTES) -> None:
        self.frame_buffer = FrameBuffer(frames, kept_bytes)
        self.provenance = provenance
        self._accepts = accepts
        self._prompted: dict[int, set[int]] = {}

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        return self.frame_buffer.size

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects, in the order in which they were first prompted."""
        return tuple(self._prompted)

    def prompted_frames(self, object_id: int) -> frozenset[int]:
        """The frames on which an object was prompted.

        Raises:
            PromptError: There is no such object.
        """
        self._check_known(object_id)
        return frozenset(self._prompted[object_id])

    def add(self, frame: int, object_id: int, prompt: Prompt) -> Mask:
        whole_number("an object's id", object_id, 0, PromptError)
        (checked,) = spatial([prompt], self.size)
        if not checked.kinds <= self._accepts:
            raise PromptError(
                f"{prompt!r} is of kind {', '.join(sorted(checked.kinds))}; this model takes {', '.join(sorted(self._accepts))}"
            )
        mask = self._prompt(self.frame_buffer.frame(frame), int(object_id), checked)
        self._prompted.setdefault(int(object_id), set()).add(frame)
        return mask

    def remove(self, object_id: int) -> None:
        self._check_known(object_id)
        del self._prompted[object_id]
        self._forget(object_id)

    def propagate(self, *, start: int = 0, stop: int | None = None, reverse: bool = False) -> Iterator[FrameMasks]:
        for frame in self.frame_buffer.walk(start, stop, reverse):
            there = [
                object_id
                for object_id, prompted in self._prompted.items()
                if (max(prompted) >= frame.index if reverse else min(prompted) <= frame.index)
            ]
            found = self._track(frame, there, reverse)
            yield FrameMasks(frame.index, tuple(found), Masks(found.values(), self.size), frame.time)

    def save(self, path: str | os.PathLike[str]) -> None:
        values, arrays = self._state()
        prompted = [[object_id, sorted(frames)] for object_id, frames in self._prompted.items()]
        SavedSession(self.provenance, self.size, {**values, "prompted": prompted}, arrays).write(path)

    def restore(self, saved: SavedSession) -> None:
        """Takes over what a saved session was. To be called by `VideoSegmenter.resume` on a session that is new.

        Raises:
            InputError: It is of another model or of frames of another size.
        """
        saved.check(self.provenance, self.size)
        with saved.reading():
            self._prompted = {int(object_id): {int(frame) for frame in frames} for object_id, frames in saved.values["prompted"]}
            self._restore(saved.values, saved.arrays)

    @abstractmethod
    def _prompt(self, frame: Frame, object_id: int, prompt: SpatialPrompt) -> Mask:
        """Prompts an object, which may be new. Where this raises, nothing may have changed."""

    @abstractmethod
    def _track(self, frame: Frame, object_ids: list[int], reverse: bool) -> Mapping[int, Mask]:
        """The masks of some objects on a frame, by their ids in their order. On frames where an object was prompted it has its own mask."""

    @abstractmethod
    def _forget(self, object_id: int) -> None:
        """Drops what is kept of an object."""

    @abstractmethod
    def _state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What of the objects is to be saved: values that `json` can write, and arrays."""

    @abstractmethod
    def _restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes over what `_state` gave."""

    def _check_known(self, object_id: int) -> None:
        if object_id not in self._prompted:
            raise PromptError(f"there is no object {object_id!r}: the objects are {sorted(self._prompted)}")
