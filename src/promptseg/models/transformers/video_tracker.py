"""`TransformersTracker`: SAM 2, EdgeTAM or SAM 3's tracker on one frame of a video for one object, with the code of transformers.

transformers has an inference session of its own, which stores every frame and every output, shares the kind of memory between objects,
forgets corrections, and cannot remove an object. Here its model is called for the four steps of one frame, and the memory bank and the
session are those of SAM 2 (`promptseg.models.sam.video`). The models ``Sam3TrackerVideoModel``, ``Sam2VideoModel`` and
``EdgeTamVideoModel`` have these steps under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...results import Provenance
from ...runtime.memory import MemoryRequirement
from ..sam.torch.encoding import TorchSettings
from ..sam.video.base import EncodedFrame, Step, TorchVideoModel, step_numbers
from ..sam.video.memory import FrameOutput, ObjectMemory, Span
from .sam3.inputs import model_input

ModelInput = Callable[[Sequence[NDArray[np.uint8]], int, torch.device, torch.dtype], Tensor]
"""Function from images, the side of the model input, a device and a dtype to model inputs (N, 3, side, side)."""


GIVEN_LOGIT = 10.0
"""Logit of the pixels of a mask that is given as the answer; background is minus this."""


@dataclass(frozen=True)
class _Known:
    """What the model reads of an inference session of transformers: the stored outputs of one object, whose index is 0."""

    output_dict_per_obj: Mapping[int, Mapping[str, Mapping[int, Mapping[str, Any]]]]
    dtype: torch.dtype


class TransformersTracker(TorchVideoModel):
    """A tracker of transformers.

    Args:
        model: ``Sam2VideoModel``, ``EdgeTamVideoModel`` or ``Sam3TrackerVideoModel``, with its weights in float32, in evaluation mode. It
            is moved to the device and must not be used elsewhere afterwards.
        provenance: Provenance of the model.
        settings: Device, dtype and further settings.
        need: Memory requirements of the model; None if unknown.
        model_input: Function that prepares frames as the model was trained.
        fill_holes: Maximum size, in low-resolution pixels, of holes that are filled. 0 fills none, as transformers does.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(
        self,
        model: Any,
        provenance: Provenance,
        settings: TorchSettings,
        need: MemoryRequirement | None = None,
        model_input: ModelInput = model_input,
        fill_holes: int = 0,
    ) -> None:
        low_res = int(model.prompt_encoder.mask_input_size[0])
        super().__init__(model, provenance, settings, need, int(model.image_size), low_res, fill_holes)
        self._model_input = model_input

    def _span(self) -> Span:
        config = self._model.config
        pointer = torch.empty((1, int(self._model.hidden_dim)), dtype=self.settings.dtype, device="meta")
        mask = torch.empty((1, 1, self.low_res, self.low_res), device="meta")
        tensors = {"mask": mask, "pointer": pointer, "memory": self._memory}
        return Span(int(self._model.num_maskmem) - 1, int(config.max_object_pointers_in_encoder) - 1, tensors)

    def _memory_positions(self) -> Tensor:
        """Encode a memory of nothing, which shows the shape of memories and their position encoding."""
        model, device = self._model, self.settings.device
        rows, columns = model.backbone_feature_sizes[-1]
        features = torch.zeros((rows * columns, 1, int(model.hidden_dim)), device=device)
        logits = torch.zeros((1, 1, self.input_size, self.input_size), device=device)
        memory, positions = model._encode_new_memory(features, logits, torch.zeros((1, 1, 1), device=device), is_mask_from_pts=False)  # noqa: SLF001 - The steps of transformers' own session, called from this loop.
        self._memory = torch.empty((1, *memory.shape), dtype=memory.dtype, device="meta")
        found: Tensor = positions
        return found

    def _encode(self, image: NDArray[np.uint8]) -> EncodedFrame:
        pixels = self._model_input([image], self.input_size, self.settings.device, torch.float32)
        encoded = self._model.get_image_features(pixels, return_dict=True)
        sizes = [(int(rows), int(columns)) for rows, columns in self._model.backbone_feature_sizes]
        return EncodedFrame(list(encoded.fpn_hidden_states), list(encoded.fpn_position_encoding), sizes)

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
        model = self._model
        *fine, coarse = [
            feature.permute(1, 2, 0).reshape(1, -1, *size) for feature, size in zip(encoded.features, encoded.sizes, strict=True)
        ]
        if given is not None:
            return self._given(given, [*fine, coarse])
        conditioned = model._prepare_memory_conditioned_features(  # noqa: SLF001 - As above.
            inference_session=_Known(self._outputs(known, index), torch.float32),
            frame_idx=index,
            obj_idx=0,
            is_initial_conditioning_frame=first,
            current_vision_features=encoded.features[-1],
            current_vision_positional_embeddings=encoded.positions[-1],
            num_total_frames=frames,
            track_in_reverse_time=reverse,
            streaming=frames is None,
        )
        prompted = points and {name: value[:, None] for name, value in points.items()}  # One prompt, of the batch's one object.
        found = model._single_frame_forward(  # noqa: SLF001 - As above.
            input_points=prompted and prompted["point_coords"],
            input_labels=prompted and prompted["point_labels"],
            input_masks=refined,
            image_embeddings=[*fine, conditioned],
            multimask_output=model._use_multimask(first, prompted),  # noqa: SLF001 - As above.
        )
        presence = found.object_score_logits.reshape(1, 1, 1)
        numbers = step_numbers(found.pred_masks, found.iou_scores, presence)
        return Step(numbers, found.high_res_masks.reshape(1, 1, self.input_size, -1), found.object_pointer.reshape(1, -1), presence)

    def _given(self, mask: Tensor, features: list[Tensor]) -> Step:
        """Return the output for a mask (1, 1, input_size, input_size) of 0 and 1 that is the answer.

        It is ``_use_mask_as_output`` as in the authors' code. That of transformers takes the object pointer from the candidates for
        ambiguous prompts, and for EdgeTAM returns a presence of another shape.
        """
        model, side = self._model, (self.low_res, self.low_res)
        high_res = GIVEN_LOGIT * (2 * mask - 1)
        low_res = functional.interpolate(high_res, size=side, mode="bilinear", align_corners=False, antialias=True)
        read = model._single_frame_forward(  # noqa: SLF001 - As above.
            input_masks=model.mask_downsample(mask), image_embeddings=features, multimask_output=False
        )
        there = (mask > 0).any().to(mask.dtype).reshape(1, 1)
        pointer = there * read.object_pointer.reshape(1, -1) + (1 - there) * model.no_object_pointer
        presence = (GIVEN_LOGIT * (2 * there - 1)).reshape(1, 1, 1)
        return Step(step_numbers(low_res, torch.ones_like(there), presence), high_res, pointer, presence)

    def _remembered(self, encoded: EncodedFrame, logits: Tensor, presence: Tensor, *, prompted: bool) -> Tensor:
        memory: Tensor = self._model._encode_new_memory(encoded.features[-1], logits, presence, is_mask_from_pts=prompted)[0]  # noqa: SLF001 - As above.
        return memory[None]

    def _outputs(self, known: ObjectMemory, index: int) -> dict[int, dict[str, dict[int, dict[str, Any]]]]:
        """Return the outputs that the model attends to on a frame, as an inference session of transformers stores them."""
        prompted, tracked = known.attended(index, self.span)
        return {
            0: {
                "cond_frame_outputs": {at: self._output(one) for at, one in prompted.items()},
                "non_cond_frame_outputs": {at: self._output(one) for at, one in tracked.items()},
            }
        }

    def _output(self, one: FrameOutput) -> dict[str, Any]:
        memory = None if one.memory is None else one.memory[0].to(self.settings.dtype)  # Autocast refuses two 16-bit dtypes together.
        return {"maskmem_features": memory, "maskmem_pos_enc": self._positions, "object_pointer": one.pointer}
