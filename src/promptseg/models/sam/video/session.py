"""`SamVideoSegmenter` and its session: a tracker of the SAM family on a stream of frames, with memory that does not grow with the video."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ....masks import Mask
from ....prompts import SpatialPrompt
from ....protocols import Frame, FrameSource, VideoLike
from ....results import Provenance
from ....runtime.torch import to_host
from ....video.frames import open_frames
from ....video.saved_session import SavedSession, saved_number
from ....video.session import TrackingSession
from .base import LOGIT_LIMIT, EncodedFrame, TorchVideoModel
from .memory import FrameOutput, MemoryBank, ObjectMemory


@dataclass(frozen=True)
class SamVideoSegmenter:
    """Video segmenter of SAM 2 or a model that tracks like it; a `promptseg.protocols.VideoSegmenter`.

    Attributes:
        model: The model.
        memory: Limit in bytes of the stored outputs of a session.
        prompted_frames: Maximum number of prompted frames of an object whose memories the model attends to: the first and the latest.
        keep_logits: Whether masks keep their low-resolution logits.
    """

    model: TorchVideoModel
    memory: int = 512 << 20
    prompted_frames: int = 16
    keep_logits: bool = False

    @property
    def provenance(self) -> Provenance:
        """Name, backend, dtype and weights of the model."""
        return self.model.provenance

    def open(self, frames: VideoLike) -> SamVideoSession:
        """Return a tracking session on a video.

        Raises:
            InputError: The video cannot be read.
        """
        return SamVideoSession(open_frames(frames), self)

    def resume(self, path: str | os.PathLike[str], frames: VideoLike) -> SamVideoSession:
        """Return a session that continues a saved one, on the same frames.

        Args:
            path: The saved session.
            frames: The video.

        Raises:
            InputError: The file is not a saved session, was written by another model or other weights, or is for frames of another size.
        """
        saved = SavedSession.read(path)
        session = self.open(frames)
        session.restore(saved)
        return session


class SamVideoSession(TrackingSession):
    """Tracking session of SAM 2 or a model that tracks like it; a `promptseg.protocols.VideoSession`.

    The model attends to every prompted frame from then on, and the mask of a prompt is the mask of its frame. A second prompt for an object
    on a frame refines the mask there. To start again, remove the object.

    Args:
        frames: The video.
        segmenter: The segmenter that opened the session.
    """

    def __init__(self, frames: FrameSource, segmenter: SamVideoSegmenter) -> None:
        super().__init__(frames, segmenter.provenance, frozenset({"point", "box", "mask"}))
        self._model, self._segmenter = segmenter.model, segmenter
        self._memory_bank = MemoryBank(segmenter.memory, self._model.span, segmenter.prompted_frames)
        self._upsampler = self._model.upsampler(frames.size)
        self._last: tuple[int, EncodedFrame] | None = None

    @property
    def nbytes(self) -> int:
        """Number of bytes of the stored outputs and of the frame buffer."""
        return self._memory_bank.nbytes + self.frame_buffer.nbytes

    def _prompt(self, frame: Frame, object_id: int, prompt: SpatialPrompt) -> Mask:
        self._memory_bank.check_room(object_id, frame.index)
        known = self._memory_bank.objects.get(object_id) or ObjectMemory()
        output = self._model.prompt(self._encoded(frame), frame.index, prompt, self.size, known, self._video_length())
        self._memory_bank.add(object_id, frame.index, output)
        return self._mask(output)

    def _track(self, frame: Frame, object_ids: list[int], reverse: bool) -> dict[int, Mask]:
        self._memory_bank.commit_prompts()
        objects = self._memory_bank.objects
        tracked = [object_id for object_id in object_ids if frame.index not in objects[object_id].prompted]
        known = [objects[object_id] for object_id in tracked]
        outputs = self._model.track(self._encoded(frame), frame.index, known, self._video_length(), reverse) if tracked else []
        for object_id, output in zip(tracked, outputs, strict=True):
            self._memory_bank.record(object_id, frame.index, output)
        found = dict(zip(tracked, outputs, strict=True))
        for object_id in object_ids:
            if object_id not in found:
                prompted = objects[object_id].prompted
                found[object_id] = prompted[frame.index] = replace(prompted[frame.index], reverse=reverse)
        return {object_id: self._mask(found[object_id]) for object_id in object_ids}

    def _forget(self, object_id: int) -> None:
        self._memory_bank.forget(object_id)

    def _encoded(self, frame: Frame) -> EncodedFrame:
        if self._last is None or self._last[0] != frame.index:
            self._last = None  # Free its memory before the next frame is encoded.
            self._last = frame.index, self._model.encode(frame.image)
        return self._last[1]

    def _video_length(self) -> int | None:
        """Return the number of frames of the video if it is smaller than the span of object pointers, else None.

        The model scales temporal positions of pointers by the length of such a short video, as in upstream's code.
        """
        reach = self._model.span.pointers + 1
        return None if self.frame_buffer.has(reach) else self.frame_buffer.end

    def _mask(self, output: FrameOutput) -> Mask:
        logits = to_host(output.mask[0, 0])
        return self._upsampler.mask(logits, score=output.score, keep_logits=self._segmenter.keep_logits, limit=LOGIT_LIMIT)

    def _state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        entries: list[dict[str, Any]] = []
        arrays: dict[str, NDArray[Any]] = {}
        for object_id, known in self._memory_bank.objects.items():
            for part in _PARTS:
                for frame, one in getattr(known, part).items():
                    types = {}
                    for name in _TENSORS:
                        tensor: Tensor | None = getattr(one, name)
                        if tensor is not None:
                            types[name] = str(tensor.dtype).removeprefix("torch.")
                            plain = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
                            arrays[f"{object_id}/{part}/{frame}/{name}"] = to_host(plain)
                    entry = {"object": object_id, "part": part, "frame": frame, "score": one.score, "reverse": one.reverse, "types": types}
                    entries.append(entry)
        return {"objects": list(self._memory_bank.objects), "outputs": entries}, arrays

    def _restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        device = self._model.settings.device
        self._memory_bank.objects = {saved_number(object_id): ObjectMemory() for object_id in values["objects"]}
        for entry in values["outputs"]:
            object_id, frame = saved_number(entry["object"]), saved_number(entry["frame"])
            part, reverse = _PARTS[_PARTS.index(entry["part"])], entry["reverse"]
            tensors: dict[str, Tensor] = {}
            for name, kind in entry["types"].items():
                tensor = torch.from_numpy(arrays[f"{object_id}/{part}/{frame}/{name}"].copy())
                tensors[name] = (tensor.view(torch.bfloat16) if kind == "bfloat16" else tensor).to("cpu" if name == "mask" else device)
            _check_tensors(tensors, self._model.span.tensors)
            if not (reverse is None or isinstance(reverse, bool)):
                raise TypeError(f"a direction is {str(reverse)[:40]}, expected true, false or null")
            one = FrameOutput(tensors["mask"], tensors["pointer"], float(entry["score"]), tensors.get("memory"), reverse)
            known: dict[int, FrameOutput] = getattr(self._memory_bank.objects[object_id], part)
            known[frame] = one
        if self._memory_bank.objects.keys() != self._prompted.keys():
            raise ValueError(f"it has the objects {sorted(self._memory_bank.objects)}, and prompts for {sorted(self._prompted)}")


def _check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        dropped = name == "mask" and tensor.shape == (1, 1, 0, 0)
        if not tensor.is_floating_point() or (tensor.shape != expected[name].shape and not dropped):
            raise ValueError(
                f"a {str(name)[:40]} is {tensor.dtype} {tuple(tensor.shape)}, expected real numbers {tuple(expected[name].shape)}"
            )


_PARTS = ("prompted", "pending", "tracked")
_TENSORS = ("mask", "pointer", "memory")
