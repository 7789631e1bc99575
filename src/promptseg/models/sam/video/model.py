"""`TorchSam2Video`: SAM 2 on one frame of a video for one object, in torch, with the code of package sam2 (``SAM2VideoPredictor`` 1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....results import Provenance
from ....runtime.memory import MemoryRequirement
from ..torch.encoding import TorchSettings
from .base import EncodedFrame, Step, TorchVideoModel, step_numbers
from .inputs import model_input
from .memory import FrameOutput, ObjectMemory, Span

MANY = 1 << 30
"""Number of frames that is given to the model for a video of unknown length or longer than the model attends to."""


class TorchSam2Video(TorchVideoModel):
    """A model of package sam2 on videos.

    Args:
        sam2: ``SAM2Base``, with its weights, in evaluation mode. It is moved to the device and must not be used elsewhere afterwards.
        provenance: Provenance of the model.
        settings: Device, dtype and further settings.
        fill_holes: Maximum size, in low-resolution pixels, of holes that are filled; 0 fills none. Upstream fills holes if its CUDA
            extension is built.
        need: Memory requirements of the model; None if unknown.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(
        self, sam2: Any, provenance: Provenance, settings: TorchSettings, fill_holes: int = 8, need: MemoryRequirement | None = None
    ) -> None:
        super().__init__(sam2, provenance, settings, need, int(sam2.image_size), int(sam2.image_size) // 4, fill_holes)

    def _span(self) -> Span:
        model, grid = self._model, self.input_size // int(self._model.backbone_stride)
        stride = int(model.memory_temporal_stride_for_eval)
        return Span(
            (int(model.num_maskmem) - 1) * stride,
            int(model.max_obj_ptrs_in_encoder) - 1,
            {
                "mask": torch.empty((1, 1, self.low_res, self.low_res), device="meta"),
                "pointer": torch.empty((1, int(model.hidden_dim)), dtype=self.settings.dtype, device="meta"),
                "memory": torch.empty((1, int(model.mem_dim), grid, grid), dtype=torch.bfloat16, device="meta"),
            },
        )

    def _memory_positions(self) -> Tensor:
        grid = self.input_size // int(self._model.backbone_stride)
        memory = torch.zeros((1, int(self._model.mem_dim), grid, grid), device=self.settings.device)
        positions: Tensor = self._model.memory_encoder.position_encoding(memory).to(self.settings.dtype)
        return positions

    def _encode(self, image: NDArray[np.uint8]) -> EncodedFrame:
        backbone = self._model.forward_image(model_input([image], self.input_size, self.settings.device, torch.float32))
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
        points: Mapping[str, Tensor] | None = None,
        given: Tensor | None = None,
        refined: Tensor | None = None,
    ) -> Step:
        """Run ``SAM2Base.track_step`` without its memory encoder. Nothing is copied to the host."""
        _, (_, _, scores, low_res, high_res, pointer, presence), _, _ = self._model._track_step(  # noqa: SLF001 - As above.
            index,
            first,
            encoded.features,
            encoded.positions,
            encoded.sizes,
            points,
            given,
            self._outputs(known, index),
            MANY if frames is None else frames,
            reverse,
            refined,
        )
        return Step(step_numbers(low_res, scores, presence), high_res, pointer, presence)

    def _remembered(self, encoded: EncodedFrame, logits: Tensor, presence: Tensor, *, prompted: bool) -> Tensor:
        memory, _ = self._model._encode_new_memory(encoded.features, encoded.sizes, logits, presence, is_mask_from_pts=prompted)  # noqa: SLF001
        features: Tensor = memory.to(torch.bfloat16)
        return features

    def _prompt_logits(self, step: Step, mask: Tensor) -> Tensor:  # noqa: ARG002 - Upstream's memory of a prompt is always of this mask.
        return self._enlarged(mask)

    def _outputs(self, known: ObjectMemory, index: int) -> dict[str, dict[int, dict[str, Any]]]:
        """Return the outputs that the model attends to on a frame, in upstream's format."""
        prompted, reached = known.attended(index, self.span)
        return {
            "cond_frame_outputs": {at: self._output(one) for at, one in prompted.items()},
            "non_cond_frame_outputs": {at: self._output(one) for at, one in reached.items()},
        }

    def _output(self, one: FrameOutput) -> dict[str, Any]:
        return {"maskmem_features": one.memory, "maskmem_pos_enc": [self._positions], "obj_ptr": one.pointer}
