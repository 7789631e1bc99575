"""`TorchSam2Video`: what SAM 2 does on one frame of a video for one object, in torch, on code of package sam2.

What is remembered, and for how long, is `promptseg.models.sam.video.memory`'s; which frame comes next is the session's. As in
``SAM2VideoPredictor`` of sam2 1.1 (Ravi et al., "SAM 2", 2024), objects are tracked each for itself and share the encoded frame.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
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
from ....runtime.memory import MemoryNeed
from ....runtime.torch import is_out_of_memory, release
from ..geometry import PIXEL_MEAN, PIXEL_STD, Square
from ..model import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT
from ..tokens import fitting_logits
from ..torch.model import Settings, check_memory, free_memory
from ..upsample import Upsampler, upsampler
from .memory import FrameOutput, ObjectMemory, Span

LOGIT_LIMIT = 32.0
"""Logits of an earlier mask are cut to plus and minus this before they are refined, and so are those that are given out."""

FILLED_LOGIT = 0.1
"""What upstream gives the pixels of a hole that it fills."""

MANY = 1 << 30
"""A number of frames of which the model need not know more."""

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class EncodedFrame:
    """A frame as the model sees it: features and positions of three resolutions, flattened, and their sizes."""

    features: list[Tensor]
    positions: list[Tensor]
    sizes: list[Size]


class TorchSam2Video:
    """A model of package sam2 on videos.

    Args:
        sam2: ``SAM2Base``, with its weights, in evaluation mode. It is taken over: moved.
        provenance: Which model it is.
        settings: How it runs. In 16 bits it runs under autocast, as upstream advises.
        fill_holes: Holes of at most so many low-resolution pixels are filled, as upstream does where its CUDA extension is built; 0: none.
        need: What it needs of memory; by default unknown.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(self, sam2: Any, provenance: Provenance, settings: Settings, fill_holes: int = 8, need: MemoryNeed | None = None) -> None:
        self.provenance, self.settings = provenance, settings
        self._fill_holes, self._need = fill_holes, need or MemoryNeed(provenance.model)
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
        """From low-resolution logits to masks of frames of a size."""
        return upsampler(Square(size, self.input_size, self.low_res))

    @property
    def span(self) -> Span:
        """How much the model needs of an object."""
        model, grid = self._model, self.input_size // int(self._model.backbone_stride)
        pointer = int(model.hidden_dim) * self.settings.dtype.itemsize
        whole = int(model.mem_dim) * grid * grid * torch.bfloat16.itemsize + self.low_res * self.low_res * 4 + pointer
        stride = int(model.memory_temporal_stride_for_eval)
        return Span((int(model.num_maskmem) - 1) * stride, int(model.max_obj_ptrs_in_encoder) - 1, whole, pointer)

    def encode(self, image: NDArray[np.uint8]) -> EncodedFrame:
        """Encodes a frame, (H, W, 3) uint8 RGB, resized by Pillow's bicubic filter, as upstream reads a folder of frames.

        Raises:
            OutOfMemoryError: It does not fit.
        """
        if not self._encoded:  # Then it is known to fit, and asking takes a millisecond.
            check_memory(self._need, self.settings, held=self._weight_bytes)
        resized = np.asarray(Image.fromarray(image).resize((self.input_size, self.input_size)))
        encoded = self._run(lambda: self._encode(resized), "a frame does not fit beside the model")
        self._encoded = True
        return encoded

    def prompt(
        self, encoded: EncodedFrame, index: int, prompt: SpatialPrompt, size: Size, known: ObjectMemory, frames: int | None
    ) -> FrameOutput:
        """What the model makes of a prompt for an object on a frame.

        On a frame on which the object was tracked before, its memory takes part: the prompt corrects what was found there. A mask that was
        found or prompted on the frame before is refined.

        Args:
            encoded: The frame.
            index: Its number.
            prompt: Points, a box, a mask or several of them, that fit the frame.
            size: ``(height, width)`` of the frame.
            known: What is remembered of the object; nothing is changed in it.
            frames: How many frames the video has, if it is known to be short.

        Raises:
            OutOfMemoryError: It does not fit.
            PromptError: The mask's logits are not of the model's shape.
        """
        device, before = self.settings.device, known.on(index)
        direction = known.direction(index)
        if prompt.kinds == {"mask"}:
            points, given, refined = None, self._mask_input(prompt, size), None
        else:
            points, given = self._point_inputs(prompt, size), None
            logits = self._mask_logits(prompt, size) if "mask" in prompt.kinds else None
            refined = before.mask.clamp(-LOGIT_LIMIT, LOGIT_LIMIT) if before is not None else None
            refined = refined if logits is None else torch.tensor(logits, device=device)[None, None]
        return self._run(
            lambda: self._step(
                encoded, index, known, frames, first=direction is None, reverse=bool(direction), points=points, given=given, refined=refined
            ),
            "a prompt does not fit beside the model",
        )

    def track(self, encoded: EncodedFrame, index: int, known: ObjectMemory, frames: int | None, reverse: bool) -> FrameOutput:
        """An object on a frame, from what is remembered of it.

        Raises:
            OutOfMemoryError: It does not fit.
        """
        return self._run(lambda: self._step(encoded, index, known, frames, reverse=reverse), "an object does not fit beside the model")

    def _encode(self, resized: NDArray[np.uint8]) -> EncodedFrame:
        pixels = torch.tensor(resized, device=self.settings.device).permute(2, 0, 1).float() / 255
        backbone = self._model.forward_image(((pixels - self._mean) / self._std)[None])
        _, features, positions, sizes = self._model._prepare_backbone_features(backbone)  # noqa: SLF001 - Upstream's own parts, in another loop.
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
    ) -> FrameOutput:
        """``SAM2Base.track_step`` and what ``SAM2VideoPredictor`` does with its result."""
        model, prompted = self._model, points is not None or given is not None
        _, (_, _, scores, low_res, high_res, pointer, presence), _, _ = model._track_step(  # noqa: SLF001 - As above.
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
        mask = self._filled(low_res)
        if prompted:  # The memory is of what is seen, holes filled; of a tracked frame it is of what the model gave, as upstream has it.
            high_res = functional.interpolate(mask, size=(self.input_size, self.input_size), mode="bilinear", align_corners=False)
        memory, _ = model._encode_new_memory(encoded.features, encoded.sizes, high_res, presence, is_mask_from_pts=prompted)  # noqa: SLF001
        score = float(scores.max()) * float(presence.float().sigmoid())
        return FrameOutput(mask, pointer, score, memory.to(torch.bfloat16), known.direction(index) if prompted else reverse)

    def _memory_positions(self) -> Tensor:
        """(1, channels, grid, grid): where in the frame each part of a memory is, the same for all memories."""
        grid = self.input_size // int(self._model.backbone_stride)
        memory = torch.zeros((1, int(self._model.mem_dim), grid, grid), device=self.settings.device)
        positions: Tensor = self._model.memory_encoder.position_encoding(memory).to(self.settings.dtype)
        return positions

    def _filled(self, logits: Tensor) -> Tensor:
        if not self._fill_holes:
            return logits
        import cv2

        empty = (logits[0, 0] <= 0).cpu().numpy().astype(np.uint8)
        _, labels, statistics, _ = cv2.connectedComponentsWithStats(empty, connectivity=8)
        small = statistics[:, cv2.CC_STAT_AREA] <= self._fill_holes
        small[0] = False  # What is not empty.
        if not small.any():
            return logits
        return logits.masked_fill(torch.tensor(small[labels], device=logits.device), FILLED_LOGIT)

    def _point_inputs(self, prompt: SpatialPrompt, size: Size) -> dict[str, Tensor]:
        """Points and box in the model's frame: the box's corners come first, as upstream has them."""
        corners = np.zeros((0, 2), np.float32) if prompt.xyxy is None else prompt.xyxy.reshape(2, 2)
        labels = [] if prompt.xyxy is None else [BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]
        xy = torch.tensor(np.concatenate([corners, prompt.xy])) / torch.tensor([size[1], size[0]]) * self.input_size
        kinds = torch.tensor([*labels, *prompt.foreground.tolist()], dtype=torch.int32)
        return {"point_coords": xy[None].to(self.settings.device), "point_labels": kinds[None].to(self.settings.device)}

    def _mask_input(self, prompt: SpatialPrompt, size: Size) -> Tensor:
        """(1, 1, frame, frame) float32 of a mask prompt: 0 and 1."""
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
        geometry = Square(size, self.input_size, self.low_res)
        if prompt.logits is not None:
            return fitting_logits(prompt.logits, geometry)
        assert prompt.mask_pixels is not None  # noqa: S101 - The prompt has a mask of one kind or the other.
        return geometry.mask_to_logits(prompt.mask_pixels.array)

    def _run(self, compute: Callable[[], _T], what: str) -> _T:
        """Computes without gradients, in our own type, whatever the caller has chosen for theirs; memory that runs out is told as such."""
        device, settings = self.settings.device, self.settings
        low = settings.dtype != torch.float32
        try:
            with torch.inference_mode(), torch.autocast(device.type, settings.dtype if low else torch.bfloat16, enabled=low):
                return compute()
        except PromptSegError:
            raise
        except Exception as error:  # torch's own errors have no base in common.
            if not is_out_of_memory(error):
                raise BackendError(f"torch failed: {error}") from error
            failure = error.with_traceback(None)
        with contextlib.suppress(Exception):
            release(device)
        raise self._need.error(what, device=device.type, dtype=settings.dtype_name, room=free_memory(device)) from failure
