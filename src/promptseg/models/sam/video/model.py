"""`TorchSam2Video`: SAM 2 on one frame of a video for one object, in torch, with the code of package sam2.

`promptseg.models.sam.video.memory` stores outputs of earlier frames. The session chooses the next frame. As in ``SAM2VideoPredictor`` of
sam2 1.1 (Ravi et al., "SAM 2", 2024), objects are tracked independently and share the encoded frame.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ....errors import BackendError, PromptSegError
from ....masks import Size
from ....prompts import SpatialPrompt
from ....results import Provenance
from ....runtime.memory import MemoryRequirement
from ....runtime.torch import computing, is_out_of_memory, release, to_host
from ..geometry import PIXEL_MEAN, PIXEL_STD, StretchToSquare
from ..model import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT
from ..prompt_batches import fitting_logits
from ..torch.encoding import TorchSettings, check_memory, free_memory
from ..upsample import Upsampler, upsampler
from .memory import FrameOutput, ObjectMemory, Span

LOGIT_LIMIT = 32.0
"""Logits are clipped to plus and minus this value before a mask is refined, and when they are returned."""

FILLED_LOGIT = 0.1
"""Logit of the pixels of a filled hole, as in upstream's code."""

MANY = 1 << 30
"""Number of frames that is given to the model for a video of unknown length or longer than the model attends to."""

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class EncodedFrame:
    """An encoded frame: flattened features and positions at three resolutions, and the sizes of these feature maps."""

    features: list[Tensor]
    positions: list[Tensor]
    sizes: list[Size]


@dataclass(frozen=True, eq=False)
class _Step:
    """Output of the model for one object on one frame, on the device.

    Attributes:
        numbers: What the host needs, in one float32 vector: the low-resolution logits, the predicted IoU, and the probability that the
            object is in the frame.
        high_res: Logits (1, 1, input_size, input_size), of which a memory is made; empty when it was made.
        pointer: (1, channels) object pointer.
        presence: (1, 1) logit of the object being in the frame.
    """

    numbers: Tensor
    high_res: Tensor
    pointer: Tensor
    presence: Tensor


class TorchSam2Video:
    """A model of package sam2 on videos.

    Args:
        sam2: ``SAM2Base``, with its weights, in evaluation mode. It is moved to the device and must not be used elsewhere afterwards.
        provenance: Provenance of the model.
        settings: Device, dtype and further settings. 16-bit dtypes run under autocast, as upstream advises.
        fill_holes: Maximum size, in low-resolution pixels, of holes that are filled; 0 fills none. Upstream fills holes if its CUDA
            extension is built.
        need: Memory requirements of the model; None if unknown.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(
        self, sam2: Any, provenance: Provenance, settings: TorchSettings, fill_holes: int = 8, need: MemoryRequirement | None = None
    ) -> None:
        self.provenance, self.settings = provenance, settings
        self._fill_holes, self._need = fill_holes, need or MemoryRequirement(provenance.model)
        self.input_size = int(sam2.image_size)
        self.low_res = self.input_size // 4
        self._encoded = False
        self._weight_bytes = sum(parameter.nbytes for parameter in sam2.parameters())
        self._model = self._run(lambda: sam2.to(settings.device), "the model does not fit")
        self._positions = self._run(self._memory_positions, "the model does not fit")
        device = settings.device
        self._mean, self._std = (
            torch.tensor([value / 255 for value in values], dtype=torch.float32, device=device).view(3, 1, 1)
            for values in (PIXEL_MEAN, PIXEL_STD)
        )

    def upsampler(self, size: Size) -> Upsampler:
        """Return the upsampler from low-resolution logits to masks of frames of a size ``(height, width)``."""
        return upsampler(StretchToSquare(size, self.input_size, self.low_res))

    @property
    def span(self) -> Span:
        """Number of frames that the model attends to, and the size of their outputs."""
        model, grid = self._model, self.input_size // int(self._model.backbone_stride)
        pointer = int(model.hidden_dim) * self.settings.dtype.itemsize
        whole = int(model.mem_dim) * grid * grid * torch.bfloat16.itemsize + self.low_res * self.low_res * 4 + pointer
        stride = int(model.memory_temporal_stride_for_eval)
        return Span((int(model.num_maskmem) - 1) * stride, int(model.max_obj_ptrs_in_encoder) - 1, whole, pointer)

    def encode(self, image: NDArray[np.uint8]) -> EncodedFrame:
        """Return an encoded frame, from (H, W, 3) uint8 RGB.

        The frame is resized with Pillow's bicubic filter, as upstream does for a folder of frames.

        Raises:
            OutOfMemoryError: The frame does not fit into memory beside the model.
        """
        if not self._encoded:  # After the first frame, frames are known to fit. The check takes a millisecond.
            check_memory(self._need, self.settings, held=self._weight_bytes)
        resized = np.asarray(Image.fromarray(image).resize((self.input_size, self.input_size)))
        encoded = self._run(lambda: self._encode(resized), "a frame does not fit beside the model")
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
        direction = known.direction(index)
        if prompt.kinds == {"mask"}:
            points, given, refined = None, self._mask_input(prompt, size), None
        else:
            points, given = self._point_inputs(prompt, size), None
            logits = self._mask_logits(prompt, size) if "mask" in prompt.kinds else None
            refined = before.mask.clamp(-LOGIT_LIMIT, LOGIT_LIMIT).to(device) if before is not None else None
            refined = refined if logits is None else torch.tensor(logits, device=device)[None, None]

        def compute() -> FrameOutput:
            step = self._step(
                encoded, index, known, frames, first=direction is None, reverse=bool(direction), points=points, given=given, refined=refined
            )
            ((mask, score),) = self._masks([step])
            # As upstream: memory of a prompt from the filled mask, of tracking from the model's mask.
            side = (self.input_size, self.input_size)
            logits = functional.interpolate(mask.to(device), size=side, mode="bilinear", align_corners=False)
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

    def _encode(self, resized: NDArray[np.uint8]) -> EncodedFrame:
        pixels = torch.tensor(resized, device=self.settings.device).permute(2, 0, 1).float() / 255
        backbone = self._model.forward_image(((pixels - self._mean) / self._std)[None])
        _, features, positions, sizes = self._model._prepare_backbone_features(backbone)  # noqa: SLF001 - Upstream's steps, called from this loop.
        return EncodedFrame(features, positions, sizes)

    def _step(
        self,
        encoded: EncodedFrame,
        index: int,
        known: ObjectMemory,
        frames: int | None,
        *,
        first: bool = False,
        reverse: bool = False,
        points: dict[str, Tensor] | None = None,
        given: Tensor | None = None,
        refined: Tensor | None = None,
    ) -> _Step:
        """Run ``SAM2Base.track_step`` without its memory encoder. Nothing is copied to the host."""
        _, (_, _, scores, low_res, high_res, pointer, presence), _, _ = self._model._track_step(  # noqa: SLF001 - As above.
            index,
            first,
            encoded.features,
            encoded.positions,
            encoded.sizes,
            points,
            given,
            known.outputs(index, self.span, self._positions),
            MANY if frames is None else frames,
            reverse,
            refined,
        )
        numbers = (low_res, scores.max(), presence.float().sigmoid())
        return _Step(torch.cat([value.float().flatten() for value in numbers]), high_res, pointer, presence)

    def _remembered(self, encoded: EncodedFrame, logits: Tensor, presence: Tensor, *, prompted: bool) -> Tensor:
        """Return the memory of a mask, given as logits (1, 1, input_size, input_size)."""
        memory, _ = self._model._encode_new_memory(encoded.features, encoded.sizes, logits, presence, is_mask_from_pts=prompted)  # noqa: SLF001
        features: Tensor = memory.to(torch.bfloat16)
        return features

    def _masks(self, steps: Sequence[_Step]) -> list[tuple[Tensor, float]]:
        """Return the filled masks (1, 1, low_res, low_res) on the CPU, and their scores. All are copied at once."""
        found = []
        for numbers in to_host(torch.stack([step.numbers for step in steps])):
            logits, (best, present) = numbers[:-2].reshape(self.low_res, self.low_res), numbers[-2:].tolist()
            found.append((torch.tensor(self._filled(logits), device="cpu")[None, None], best * present))
        return found

    def _memory_positions(self) -> Tensor:
        """Return the position encoding of a memory, (1, channels, grid, grid). It is the same for all memories."""
        grid = self.input_size // int(self._model.backbone_stride)
        memory = torch.zeros((1, int(self._model.mem_dim), grid, grid), device=self.settings.device)
        positions: Tensor = self._model.memory_encoder.position_encoding(memory).to(self.settings.dtype)
        return positions

    def _filled(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
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

    def _point_inputs(self, prompt: SpatialPrompt, size: Size) -> dict[str, Tensor]:
        """Return points and box in pixels of the model input. The corners of the box come first, as in upstream's code."""
        corners = np.zeros((0, 2), np.float32) if prompt.xyxy is None else prompt.xyxy.reshape(2, 2)
        labels = [] if prompt.xyxy is None else [BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]
        xy = torch.tensor(np.concatenate([corners, prompt.xy])) / torch.tensor([size[1], size[0]]) * self.input_size
        kinds = torch.tensor([*labels, *prompt.foreground.tolist()], dtype=torch.int32)
        return {"point_coords": xy[None].to(self.settings.device), "point_labels": kinds[None].to(self.settings.device)}

    def _mask_input(self, prompt: SpatialPrompt, size: Size) -> Tensor:
        """Return a mask prompt as (1, 1, input_size, input_size) float32 of 0 and 1."""
        if prompt.mask_pixels is not None:
            pixels = prompt.mask_pixels.array
        else:
            pixels = self.upsampler(size).mask(self._mask_logits(prompt, size), keep_logits=False).array
        mask = torch.tensor(pixels, dtype=torch.float32, device=self.settings.device)[None, None]
        if mask.shape[-2:] == (self.input_size, self.input_size):
            return mask
        side = (self.input_size, self.input_size)
        return (functional.interpolate(mask, size=side, mode="bilinear", align_corners=False, antialias=True) >= 0.5).float()

    def _mask_logits(self, prompt: SpatialPrompt, size: Size) -> NDArray[np.float32]:
        geometry = StretchToSquare(size, self.input_size, self.low_res)
        if prompt.logits is not None:
            return fitting_logits(prompt.logits, geometry)
        assert prompt.mask_pixels is not None  # noqa: S101 - A mask prompt holds either logits or pixels.
        return geometry.mask_to_logits(prompt.mask_pixels.array)

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
        raise self._need.error(what, device=device.type, dtype=settings.dtype_name, room=free_memory(device)) from failure
