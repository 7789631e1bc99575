"""What SAM 2 remembers of an object: the frames on which it was prompted, and the last frames on which it was tracked.

The model attends to the memories of all prompted frames and of the last six tracked ones, and to the pointers, 256 numbers each, of the
last fifteen. Upstream keeps all of every frame. `MemoryBank` keeps what the next frame needs, and more than that only while it fits under a
ceiling: with it a frame that was tracked a while ago can be corrected, and tracking goes on from there as if nothing had come after.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ....errors import OutOfMemoryError


@dataclass(frozen=True, eq=False)
class FrameOutput:
    """One object on one frame.

    Attributes:
        mask: (1, 1, low_res, low_res) float32 logits; without pixels where it was dropped, together with the memory.
        pointer: (1, channels) the object's pointer.
        score: The predicted IoU times the probability that the object is there.
        memory: (1, channels, grid, grid) bfloat16, or None.
        reverse: Whether the frame was last tracked backward; None where it was prompted and not tracked since.
    """

    mask: Tensor
    pointer: Tensor
    score: float
    memory: Tensor | None
    reverse: bool | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of its tensors."""
        return sum(tensor.nbytes for tensor in (self.mask, self.pointer, self.memory) if tensor is not None)

    def slim(self) -> FrameOutput:
        """The same with its pointer alone."""
        return replace(self, mask=self.mask.new_zeros((1, 1, 0, 0)), memory=None)


@dataclass(frozen=True)
class Span:
    """How much the model needs of an object.

    Attributes:
        memories: Of how many tracked frames it attends to memories.
        pointers: Of how many it attends to pointers.
        whole: Bytes of a frame with its memory and mask.
        slim: Bytes of a frame's pointer.
    """

    memories: int
    pointers: int
    whole: int
    slim: int

    def of_object(self, prompted: int) -> int:
        """Bytes that tracking an object takes that was prompted on so many frames."""
        return (self.memories + prompted) * self.whole + max(0, self.pointers - self.memories) * self.slim


class ObjectMemory:
    """What is remembered of one object.

    Attributes:
        prompted: By frame: what its prompts gave.
        pending: The same of prompts since which no frame was tracked: the model does not attend to them yet.
        tracked: By frame, the last tracked last.
    """

    def __init__(self) -> None:
        self.prompted: dict[int, FrameOutput] = {}
        self.pending: dict[int, FrameOutput] = {}
        self.tracked: OrderedDict[int, FrameOutput] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Bytes of all that is remembered."""
        return sum(one.nbytes for part in (self.prompted, self.pending, self.tracked) for one in part.values())

    def on(self, frame: int) -> FrameOutput | None:
        """What is remembered of a frame with its mask, the latest prompt first."""
        for part in (self.pending, self.prompted, self.tracked):
            if frame in part:
                found = part[frame]
                return found if found.mask.numel() else None
        return None

    def direction(self, frame: int) -> bool | None:
        """Whether the object was last tracked backward over a frame; None where it was not tracked there, as far as is remembered."""
        for part in (self.prompted, self.tracked):
            if frame in part and part[frame].mask.numel():
                return part[frame].reverse
        return None

    def settle(self, most: int) -> None:
        """Makes the pending prompts ones that the model attends to; of more than `most`, the oldest after the first are dropped."""
        for frame, one in self.pending.items():
            self.prompted.pop(frame, None)
            self.prompted[frame] = one
            self.tracked.pop(frame, None)
        self.pending.clear()
        for frame in list(self.prompted)[1 : 1 + max(0, len(self.prompted) - most)]:
            del self.prompted[frame]

    def outputs(self, frame: int, span: Span, positions: Tensor) -> dict[str, dict[int, dict[str, Any]]]:
        """What upstream's model attends to on a frame, as it expects it: where it looks for memories, frames without are left out."""
        reach, reached = max(span.memories, span.pointers), {}
        for at in range(frame - reach, frame + reach + 1):
            one = self.tracked.get(at)
            if one is not None and (one.memory is not None or abs(at - frame) > span.memories):
                reached[at] = one
        return {
            "cond_frame_outputs": {at: _output(one, positions) for at, one in self.prompted.items()},
            "non_cond_frame_outputs": {at: _output(one, positions) for at, one in reached.items()},
        }


def _output(one: FrameOutput, positions: Tensor) -> dict[str, Any]:
    return {"maskmem_features": one.memory, "maskmem_pos_enc": [positions], "obj_ptr": one.pointer}


class MemoryBank:
    """What is remembered of all objects of a session, under a ceiling.

    Args:
        limit: The ceiling in bytes.
        span: What the model needs.
        prompted: Of how many prompted frames of an object the model attends to memories.
    """

    def __init__(self, limit: int, span: Span, prompted: int) -> None:
        self.objects: dict[int, ObjectMemory] = {}
        self._limit, self._span, self._most = limit, span, prompted
        self._counted: int | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of all that is remembered."""
        if self._counted is None:
            self._counted = sum(known.nbytes for known in self.objects.values())
        return self._counted

    def add(self, object_id: int, frame: int, one: FrameOutput) -> None:
        """Remembers what a prompt for an object, which may be new, gave on a frame."""
        self.objects.setdefault(object_id, ObjectMemory()).pending[frame] = one
        self._counted = None

    def forget(self, object_id: int) -> None:
        """Drops an object."""
        del self.objects[object_id]
        self._counted = None

    def check_room(self, object_id: int, frame: int) -> None:
        """Makes sure that an object can be prompted on a frame and then tracked.

        Raises:
            OutOfMemoryError: There is no room under the ceiling.
        """
        needed = 0
        for at in {*self.objects, object_id}:
            known = self.objects.get(at, ObjectMemory())
            frames = {*known.prompted, *known.pending} | ({frame} if at == object_id else set())
            needed += self._span.of_object(min(len(frames), self._most + len(known.pending) + 1))
        if needed > self._limit:
            one = self._span.of_object(1)
            raise OutOfMemoryError(
                f"no room for object {object_id} on frame {frame}: {len({*self.objects, object_id})} objects with their prompts need "
                f"{_mib(needed)}, the session may take {_mib(self._limit)}; an object takes {_mib(one)} and each of its prompted frames "
                f"{_mib(self._span.whole)}: remove an object, or load the model with a larger option memory"
            )

    def settle(self) -> None:
        """Makes all pending prompts ones that the model attends to."""
        for known in self.objects.values():
            if known.pending:
                known.settle(self._most)
                self._counted = None

    def record(self, object_id: int, frame: int, one: FrameOutput) -> None:
        """Remembers an object on a tracked frame, and drops of all objects what there is no room for, the oldest first."""
        tracked, held = self.objects[object_id].tracked, self.nbytes
        before = tracked.pop(frame, None)
        tracked[frame] = one
        held += one.nbytes - (0 if before is None else before.nbytes)
        while held > self._limit and (freed := self._dropped()):
            held -= freed
        self._counted = held

    def _dropped(self) -> int:
        """The bytes of what is not needed for the next frame and was dropped now; 0 where there is no more of it."""
        longest = max((known.tracked for known in self.objects.values()), key=len)
        if len(longest) > self._span.pointers:
            return longest.popitem(last=False)[1].nbytes
        for known in self.objects.values():
            for frame, one in list(known.tracked.items())[: -self._span.memories or None]:
                if one.memory is not None:
                    known.tracked[frame] = one.slim()
                    return one.nbytes - known.tracked[frame].nbytes
        return 0


def _mib(nbytes: int) -> str:
    return f"{nbytes / 2**20:,.1f} MiB"
