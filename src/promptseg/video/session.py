"""`TrackingSession`: base class of video sessions.

A subclass implements how an object is prompted on a frame, how it is tracked to the next frame, and what is saved. The base class handles
the frames (with `promptseg.video.frame_buffer.FrameBuffer`), checks prompts and ids, selects the objects on a frame, keeps their order, and
reads and writes saved sessions.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from .._checks import whole_number
from ..errors import PromptError, shown
from ..masks import Mask, Masks, Size
from ..prompts import Prompt, PromptKind, SpatialPrompt, spatial
from ..protocols import Frame, FrameSource
from ..results import EVERY_FRAME, FrameMasks, Provenance
from .frame_buffer import KEPT_BYTES, FrameBuffer
from .saved_session import SavedSession, saved_number


class TrackingSession(ABC):
    """Base class of a `promptseg.protocols.VideoSession`, without the tracking itself.

    Args:
        frames: The video.
        provenance: Provenance of the model that tracks. A saved session can only be restored with the same model.
        accepts: Kinds of prompt that the session takes.
        kept_bytes: Memory in bytes for kept frames, as for `FrameBuffer`.

    Attributes:
        asked: Why the model was asked on the last tracked frame, or None if it was not asked. `_track` may set it.
    """

    def __init__(self, frames: FrameSource, provenance: Provenance, accepts: frozenset[PromptKind], kept_bytes: int = KEPT_BYTES) -> None:
        self.frame_buffer = FrameBuffer(frames, kept_bytes)
        self.provenance = provenance
        self._accepts = accepts
        self._prompted: dict[int, set[int]] = {}
        self.asked: str | None = EVERY_FRAME

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        return self.frame_buffer.size

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the objects, in the order in which they were first prompted."""
        return tuple(self._prompted)

    def prompted_frames(self, object_id: int) -> frozenset[int]:
        """Return the frames on which an object was prompted.

        Raises:
            PromptError: There is no such object.
        """
        self._check_known(object_id)
        return frozenset(self._prompted[object_id])

    def add(self, frame: int, object_id: int, prompt: Prompt) -> Mask:
        object_id = whole_number("an object's id", object_id, 0, PromptError)
        (checked,) = spatial([prompt], self.size)
        if not checked.kinds <= self._accepts:
            raise PromptError(
                f"{shown(prompt)} is of kind {', '.join(sorted(checked.kinds))}; this model takes {', '.join(sorted(self._accepts))}"
            )
        mask = self._prompt(self.frame_buffer.frame(frame), object_id, checked)
        self._prompted.setdefault(object_id, set()).add(int(frame))
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
            yield FrameMasks(frame.index, tuple(found), Masks(found.values(), self.size), frame.time, asked=self.asked)

    def save(self, path: str | os.PathLike[str]) -> None:
        values, arrays = self._state()
        prompted = [[object_id, sorted(frames)] for object_id, frames in self._prompted.items()]
        SavedSession(self.provenance, self.size, {**values, "prompted": prompted}, arrays).write(path)

    def restore(self, saved: SavedSession) -> None:
        """Restore the state of a saved session. For `VideoSegmenter.resume`, on a new session.

        Raises:
            InputError: The saved session is damaged, or was made with another model or with frames of another size.
        """
        saved.check(self.provenance, self.size)
        with saved.reading():
            prompted = {saved_number(object_id): set(map(saved_number, frames)) for object_id, frames in saved.values["prompted"]}
            if not all(prompted.values()):
                raise ValueError("it has objects without a prompt")
            self._prompted = prompted
            self._restore(saved.values, saved.arrays)

    @abstractmethod
    def _prompt(self, frame: Frame, object_id: int, prompt: SpatialPrompt) -> Mask:
        """Prompt an object, which may be new, and return its mask. If an error is raised, the session must not have changed."""

    @abstractmethod
    def _track(self, frame: Frame, object_ids: list[int], reverse: bool) -> Mapping[int, Mask]:
        """Return the masks of the given objects on a frame by id, in the given order.

        On a frame on which an object was prompted, its mask is the one that the prompt gave.
        """

    @abstractmethod
    def _forget(self, object_id: int) -> None:
        """Remove the state of an object."""

    @abstractmethod
    def _state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the state of the objects for saving: values that JSON can hold, and arrays."""

    @abstractmethod
    def _restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore the state that `_state` has returned."""

    def _check_known(self, object_id: int) -> None:
        if object_id not in self._prompted:
            raise PromptError(f"there is no object {shown(object_id)}: the objects are {sorted(self._prompted)}")
