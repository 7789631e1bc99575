"""`TorchVideoModel`: a tracker of the SAM family on one frame of a video for one object, in torch.

SAM 2, SAM 3's tracker and EdgeTAM track alike (Ravi et al., "SAM 2", 2024). A frame is encoded once. For each object the features are
conditioned on memories of other frames, a mask is decoded, and a memory of this mask is encoded. A subclass wraps the code of a package for
these four steps. `promptseg.models.sam.video.memory` stores the outputs, and the session chooses the next frame. Objects are tracked
independently and share the encoded frame.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ....errors import BackendError, PromptSegError
from ....masks import Size
from ....prompts import SpatialPrompt
from ....results import Provenance
from ....runtime.memory import MemoryRequirement
from ....runtime.torch import computing, is_out_of_memory, release, to_host
from ..geometry import StretchToSquare
from ..torch.encoding import TorchSettings, check_memory, free_memory
from ..upsample import Upsampler, upsampler
from .inputs import mask_input, mask_logits, point_inputs
from .memory import FrameOutput, ObjectMemory, Span

LOGIT_LIMIT = 32.0
"""Logits are clipped to plus and minus this value before a mask is refined, and when they are returned."""

FILLED_LOGIT = 0.1
"""Logit of the pixels of a filled hole, as in SAM 2's own code."""

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class EncodedFrame:
    """An encoded frame: flattened features and positions at three resolutions, and the sizes of these feature maps."""

    features: list[Tensor]
    positions: list[Tensor]
    sizes: list[Size]


@dataclass(frozen=True, eq=False)
class Step:
    """Output of the model for one object on one frame, on the device.

    Attributes:
        numbers: What the host needs, in one float32 vector: the low-resolution logits, the predicted IoU, and the probability that the
            object is in the frame. `step_numbers` makes it.
        high_res: Logits (1, 1, input_size, input_size), of which a memory is made; empty when it was made.
        pointer: (1, channels) object pointer.
        presence: (1, 1) or (1, 1, 1) logit of the object being in the frame.
    """

    numbers: Tensor
    high_res: Tensor
    pointer: Tensor
    presence: Tensor


def step_numbers(low_res: Tensor, scores: Tensor, presence: Tensor) -> Tensor:
    """Return `Step.numbers` from the low-resolution logits, the predicted IoU of each candidate, and the logit of presence."""
    return torch.cat([value.float().flatten() for value in (low_res, scores.max(), presence.float().sigmoid())])


class TorchVideoModel(ABC):
    """Base class of trackers of the SAM family.

    Args:
        model: The torch module, with its weights, in evaluation mode. It is moved to the device and must not be used elsewhere afterwards.
        provenance: Provenance of the model.
        settings: Device, dtype and further settings. 16-bit dtypes run under autocast, as the authors of SAM 2 advise.
        need: Memory requirements of the model; None if unknown.
        input_size: Side of the square model input.
        low_res: Side of the low-resolution logits.
        fill_holes: Maximum size, in low-resolution pixels, of holes that are filled; 0 fills none.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(
        self,
        model: Any,
        provenance: Provenance,
        settings: TorchSettings,
        need: MemoryRequirement | None,
        input_size: int,
        low_res: int,
        fill_holes: int = 0,
    ) -> None:
        self.provenance, self.settings = provenance, settings
        self._need = need or MemoryRequirement(provenance.model)
        self.input_size, self.low_res, self._fill_holes = input_size, low_res, fill_holes
        self._encoded = False
        self._weight_bytes = sum(parameter.nbytes for parameter in model.parameters())
        self._model = self._run(lambda: model.to(settings.device), "the model does not fit")
        self._positions = self._run(self._memory_positions, "the model does not fit")

    def upsampler(self, size: Size) -> Upsampler:
        """Return the upsampler from low-resolution logits to masks of frames of a size ``(height, width)``."""
        return upsampler(self._geometry(size))

    @cached_property
    def span(self) -> Span:
        """Number of frames that the model attends to, and the size of their outputs."""
        return self._span()

    def encode(self, image: NDArray[np.uint8]) -> EncodedFrame:
        """Return an encoded frame, from (H, W, 3) uint8 RGB.

        Raises:
            OutOfMemoryError: The frame does not fit into memory beside the model.
        """
        if not self._encoded:  # After the first frame, frames are known to fit. The check takes a millisecond.
            check_memory(self._need, self.settings, held=self._weight_bytes)
        encoded = self._run(lambda: self._encode(image), "a frame does not fit beside the model")
        self._encoded = True
        return encoded

    def prompt(
        self, encoded: EncodedFrame, index: int, prompt: SpatialPrompt, size: Size, known: ObjectMemory, frames: int | None
    ) -> FrameOutput:
        """Return the output of a prompt for an object on a frame.

        If the object was tracked on this frame before, the model attends to its memory, and the prompt corrects the earlier result. If
        there is an earlier mask of the object on this frame, the prompt refines it.

        Args:
            encoded: The encoded frame.
            index: Index of the frame.
            prompt: Points, a box, a mask or several of them, inside the frame.
            size: ``(height, width)`` of the frame.
            known: Stored outputs for the object. They are not changed.
            frames: Number of frames of the video if the video is short, else None.

        Raises:
            OutOfMemoryError: The prompt does not fit into memory beside the model.
            PromptError: Mask logits do not have the shape of the model's low-resolution logits.
        """
        device, before = self.settings.device, known.on(index)
        direction, geometry = known.direction(index), self._geometry(size)
        if prompt.kinds == {"mask"}:
            points, given, refined = None, mask_input(prompt, geometry).to(device), None
        else:
            points, given = {name: value.to(device) for name, value in point_inputs(prompt, geometry).items()}, None
            logits = mask_logits(prompt, geometry) if "mask" in prompt.kinds else None
            refined = before.mask.clamp(-LOGIT_LIMIT, LOGIT_LIMIT).to(device) if before is not None else None
            refined = refined if logits is None else torch.tensor(logits, device=device)[None, None]

        def compute() -> FrameOutput:
            step = self._step(
                encoded, index, known, frames, first=direction is None, reverse=bool(direction), points=points, given=given, refined=refined
            )
            ((mask, score),) = self._masks([step])
            logits = self._prompt_logits(step, mask)
            return FrameOutput(mask, step.pointer, score, self._remembered(encoded, logits, step.presence, prompted=True), direction)

        return self._run(compute, "a prompt does not fit beside the model")

    def track(
        self, encoded: EncodedFrame, index: int, known: Sequence[ObjectMemory], frames: int | None, reverse: bool
    ) -> list[FrameOutput]:
        """Return the outputs for objects on a frame, from their stored outputs on other frames. The host waits for the device once.

        Args:
            encoded: The encoded frame.
            index: Index of the frame.
            known: Stored outputs for each object. They are not changed.
            frames: Number of frames of the video if the video is short, else None.
            reverse: Whether the objects are tracked backward.

        Raises:
            OutOfMemoryError: An object does not fit into memory beside the model.
        """

        def compute() -> list[FrameOutput]:
            steps, memories = [], []
            for one in known:
                step = self._step(encoded, index, one, frames, reverse=reverse)
                memories.append(self._remembered(encoded, step.high_res, step.presence, prompted=False))
                steps.append(replace(step, high_res=step.high_res.new_zeros(0)))  # Its 4 MB are not needed any more.
            return [
                FrameOutput(mask, step.pointer, score, memory, reverse)
                for step, memory, (mask, score) in zip(steps, memories, self._masks(steps), strict=True)
            ]

        return self._run(compute, "an object does not fit beside the model") if known else []

    def _geometry(self, size: Size) -> StretchToSquare:
        return StretchToSquare(size, self.input_size, self.low_res)

    @abstractmethod
    def _span(self) -> Span:
        """Return the number of frames that the model attends to, and the size of their outputs."""

    @abstractmethod
    def _memory_positions(self) -> Tensor:
        """Return the position encoding of a memory. It is the same for all memories."""

    @abstractmethod
    def _encode(self, image: NDArray[np.uint8]) -> EncodedFrame:
        """Return an encoded frame. This and all methods below are called within `_run`."""

    @abstractmethod
    def _step(
        self,
        encoded: EncodedFrame,
        index: int,
        known: ObjectMemory,
        frames: int | None,
        *,
        first: bool = False,
        reverse: bool = False,
        points: Mapping[str, Tensor] | None = None,
        given: Tensor | None = None,
        refined: Tensor | None = None,
    ) -> Step:
        """Condition the features on memories and decode a mask. Nothing is copied to the host.

        Args:
            encoded: The encoded frame.
            index: Index of the frame.
            known: Stored outputs for the object.
            frames: Number of frames of the video if the video is short, else None.
            first: Whether the object was not tracked on this frame before, and so has no memory to attend to.
            reverse: Whether the object is tracked backward.
            points: ``point_coords`` (1, P, 2) in pixels of the model input and ``point_labels`` (1, P), the corners of a box first.
            given: (1, 1, input_size, input_size) mask of 0 and 1 that is the answer.
            refined: (1, 1, low_res, low_res) logits of an earlier mask.
        """

    @abstractmethod
    def _remembered(self, encoded: EncodedFrame, logits: Tensor, presence: Tensor, *, prompted: bool) -> Tensor:
        """Return the memory of a mask, with a first dimension of 1, from its logits (1, 1, input_size, input_size)."""

    def _prompt_logits(self, step: Step, mask: Tensor) -> Tensor:
        """Return the logits (1, 1, input_size, input_size) of which the memory of a prompt is made; `mask` is what the prompt returns."""
        return self._enlarged(mask) if self._fill_holes else step.high_res

    def _enlarged(self, mask: Tensor) -> Tensor:
        """Return logits (1, 1, low_res, low_res) as (1, 1, input_size, input_size) on the device."""
        side = (self.input_size, self.input_size)
        return functional.interpolate(mask.to(self.settings.device), size=side, mode="bilinear", align_corners=False)

    def _filled(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits (low_res, low_res) without small holes."""
        if not self._fill_holes:
            return logits
        import cv2

        empty = (logits <= 0).astype(np.uint8)
        _, labels, statistics, _ = cv2.connectedComponentsWithStats(empty, connectivity=8)
        small = statistics[:, cv2.CC_STAT_AREA] <= self._fill_holes
        small[0] = False  # Label 0 is the foreground.
        if not small.any():
            return logits
        return np.where(small[labels], np.float32(FILLED_LOGIT), logits)

    def _masks(self, steps: Sequence[Step]) -> list[tuple[Tensor, float]]:
        """Return the filled masks (1, 1, low_res, low_res) on the CPU, and their scores. All are copied at once."""
        found = []
        for numbers in to_host(torch.stack([step.numbers for step in steps])):
            logits, (best, present) = numbers[:-2].reshape(self.low_res, self.low_res), numbers[-2:].tolist()
            found.append((torch.tensor(self._filled(logits), device="cpu")[None, None], best * present))
        return found

    def _run(self, compute: Callable[[], _T], what: str) -> _T:
        """Return the result of a computation in inference mode and in the dtype of the settings, independent of the caller's settings.

        Args:
            compute: The computation.
            what: What does not fit, for the out-of-memory message.

        Raises:
            BackendError: torch failed, or the device was in use when this process was forked.
            OutOfMemoryError: There was not enough memory.
        """
        device, settings = self.settings.device, self.settings
        low = settings.dtype != torch.float32
        try:
            with (
                computing(device),
                torch.inference_mode(),
                torch.autocast(device.type, settings.dtype if low else torch.bfloat16, enabled=low),
            ):
                return compute()
        except PromptSegError:
            raise
        except Exception as error:  # torch's errors have no common base class.
            if not is_out_of_memory(error):
                raise BackendError(f"torch failed: {error}") from error
            failure = error.with_traceback(None)
        with contextlib.suppress(Exception):
            release(device)
        raise self._need.error(what, device=str(device), dtype=settings.dtype_name, room=free_memory(device)) from failure
