"""Memory bank of SAM 2 and its successors: stored outputs for each object, of the frames with prompts and of the last tracked frames.

The model attends to the memories of all prompted frames and of the last six tracked frames, and to the object pointers (256 numbers each)
of the last fifteen. Upstream stores the outputs of all frames. `MemoryBank` stores what the next frame needs, and older outputs only while
they fit under a limit. With older outputs, a frame tracked earlier can be corrected, and tracking continues from there as if later frames
had not been tracked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from ....errors import OutOfMemoryError


@dataclass(frozen=True, eq=False)
class FrameOutput:
    """Output of the model for one object on one frame.

    Attributes:
        mask: (1, 1, low_res, low_res) float32 logits on the CPU; (1, 1, 0, 0) if mask and memory were dropped.
        pointer: (1, channels) object pointer.
        score: Predicted IoU times the probability that the object is in the frame.
        memory: Memory features, in the shape and dtype of the model and with a first dimension of 1, or None if they were dropped.
        reverse: Whether the frame was last tracked backward; None if it was prompted and not tracked since.
    """

    mask: Tensor
    pointer: Tensor
    score: float
    memory: Tensor | None
    reverse: bool | None = None

    @property
    def nbytes(self) -> int:
        """Number of bytes of the tensors."""
        return sum(tensor.nbytes for tensor in (self.mask, self.pointer, self.memory) if tensor is not None)

    def pointer_only(self) -> FrameOutput:
        """Return a copy without mask and memory, only with the pointer."""
        return replace(self, mask=self.mask.new_zeros((1, 1, 0, 0)), memory=None)


@dataclass(frozen=True)
class Span:
    """Number of frames that the model attends to, and the size of their outputs.

    Attributes:
        memories: Number of tracked frames whose memories the model attends to.
        pointers: Number of tracked frames whose object pointers the model attends to.
        tensors: Tensors like those of an output, by the names in `FrameOutput`: ``mask``, ``pointer`` and ``memory``. Of them only shapes
            and dtypes are used, so they may be on device "meta".
    """

    memories: int
    pointers: int
    tensors: Mapping[str, Tensor]

    @property
    def full_bytes(self) -> int:
        """Number of bytes of an output with mask, memory and pointer."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    @property
    def pointer_bytes(self) -> int:
        """Number of bytes of an output with the pointer only."""
        return self.tensors["pointer"].nbytes

    def of_object(self, prompted: int) -> int:
        """Return the number of bytes needed to track an object that was prompted on `prompted` frames."""
        return (self.memories + prompted) * self.full_bytes + max(0, self.pointers - self.memories) * self.pointer_bytes


class ObjectMemory:
    """Stored outputs for one object.

    Attributes:
        prompted: Outputs of prompts, by frame, that the model attends to.
        pending: Outputs of prompts, by frame, that the model does not attend to yet, because no frame was tracked since.
        tracked: Outputs of tracking, by frame, in the order of tracking.
    """

    def __init__(self) -> None:
        self.prompted: dict[int, FrameOutput] = {}
        self.pending: dict[int, FrameOutput] = {}
        self.tracked: OrderedDict[int, FrameOutput] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Number of bytes of all outputs."""
        return sum(one.nbytes for part in (self.prompted, self.pending, self.tracked) for one in part.values())

    def on(self, frame: int) -> FrameOutput | None:
        """Return the output on a frame, or None if there is none with a mask. Pending prompts precede prompts, prompts precede tracking."""
        for part in (self.pending, self.prompted, self.tracked):
            if frame in part:
                found = part[frame]
                return found if found.mask.numel() else None
        return None

    def direction(self, frame: int) -> bool | None:
        """Return whether the object was last tracked backward over a frame; None if no stored output says that it was tracked there."""
        for part in (self.prompted, self.tracked):
            if frame in part and part[frame].mask.numel():
                return part[frame].reverse
        return None

    def commit_prompts(self, max_frames: int) -> None:
        """Move outputs of pending prompts to those that the model attends to.

        If there are more than `max_frames`, the first is kept and the oldest of the others are dropped.
        """
        for frame, one in self.pending.items():
            self.prompted.pop(frame, None)
            self.prompted[frame] = one
            self.tracked.pop(frame, None)
        self.pending.clear()
        for frame in list(self.prompted)[1 : 1 + max(0, len(self.prompted) - max_frames)]:
            del self.prompted[frame]

    def attended(self, frame: int, span: Span) -> tuple[dict[int, FrameOutput], dict[int, FrameOutput]]:
        """Return the outputs that the model attends to on a frame, by frame: those of prompts, and those of tracking.

        Tracked frames whose memory was dropped are left out where the model expects a memory.

        Args:
            frame: Index of the frame.
            span: Number of frames that the model attends to.
        """
        reach, reached = max(span.memories, span.pointers), {}
        for at in range(frame - reach, frame + reach + 1):
            one = self.tracked.get(at)
            if one is not None and (one.memory is not None or abs(at - frame) > span.memories):
                reached[at] = one
        return dict(self.prompted), reached


class MemoryBank:
    """Stored outputs for all objects of a session, under a memory limit.

    Args:
        limit: Limit in bytes.
        span: Number of frames that the model attends to, and the size of their outputs.
        prompted: Maximum number of prompted frames of an object whose memories the model attends to.
    """

    def __init__(self, limit: int, span: Span, prompted: int) -> None:
        self.objects: dict[int, ObjectMemory] = {}
        self._limit, self._span, self._max_prompted_frames = limit, span, prompted
        self._counted: int | None = None

    @property
    def nbytes(self) -> int:
        """Number of bytes of all outputs."""
        if self._counted is None:
            self._counted = sum(known.nbytes for known in self.objects.values())
        return self._counted

    def add(self, object_id: int, frame: int, one: FrameOutput) -> None:
        """Store the output of a prompt for an object on a frame. The object may be new."""
        self.objects.setdefault(object_id, ObjectMemory()).pending[frame] = one
        self._counted = None

    def forget(self, object_id: int) -> None:
        """Remove an object and its outputs."""
        del self.objects[object_id]
        self._counted = None

    def check_room(self, object_id: int, frame: int) -> None:
        """Check that there is room to prompt an object on a frame and then to track all objects.

        Raises:
            OutOfMemoryError: The limit is too small.
        """
        needed = 0
        for at in {*self.objects, object_id}:
            known = self.objects.get(at, ObjectMemory())
            frames = {*known.prompted, *known.pending} | ({frame} if at == object_id else set())
            needed += self._span.of_object(min(len(frames), self._max_prompted_frames + len(known.pending) + 1))
        if needed > self._limit:
            one = self._span.of_object(1)
            raise OutOfMemoryError(
                f"no room for object {object_id} on frame {frame}: {len({*self.objects, object_id})} objects with their prompts need "
                f"{_mib(needed)}, the limit of the session is {_mib(self._limit)}; an object takes {_mib(one)} and each of its prompted "
                f"frames {_mib(self._span.full_bytes)}: remove an object, or load the model with a larger option memory"
            )

    def commit_prompts(self) -> None:
        """Move outputs of all pending prompts to those that the model attends to."""
        for known in self.objects.values():
            if known.pending:
                known.commit_prompts(self._max_prompted_frames)
                self._counted = None

    def record(self, object_id: int, frame: int, one: FrameOutput) -> None:
        """Store the output for an object on a tracked frame. While the limit is exceeded, the oldest outputs of all objects are dropped."""
        tracked, held = self.objects[object_id].tracked, self.nbytes
        before = tracked.pop(frame, None)
        tracked[frame] = one
        held += one.nbytes - (0 if before is None else before.nbytes)
        while held > self._limit and (freed := self._drop_one()):
            held -= freed
        self._counted = held

    def _drop_one(self) -> int:
        """Drop one output that the next frame does not need, and return the number of freed bytes; 0 if there is none."""
        longest = max((known.tracked for known in self.objects.values()), key=len)
        if len(longest) > self._span.pointers:
            return longest.popitem(last=False)[1].nbytes
        for known in self.objects.values():
            for frame, one in list(known.tracked.items())[: -self._span.memories or None]:
                if one.memory is not None:
                    known.tracked[frame] = one.pointer_only()
                    return one.nbytes - known.tracked[frame].nbytes
        return 0


def _mib(nbytes: int) -> str:
    return f"{nbytes / 2**20:,.1f} MiB"
