"""`Sam3Video`: SAM 3 on videos for phrases, with the code of transformers: every instance is found on each frame and tracked with an id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....errors import PromptSegError
from ....masks import Size
from ....results import Provenance
from ....runtime.torch import to_host
from ....runtime.torch_runner import TorchRunner
from ...sam.geometry import StretchToSquare
from ...sam.torch.encoding import TorchSettings
from ...sam.upsample import Upsampler, upsampler
from .inputs import model_input
from .phrases import Tokenizer
from .video_kernel import use_own_kernel
from .video_state import MEMORY, POINTER, VideoState

MANY = 1 << 30
"""Number of frames that the model is told for a video of unknown length or longer than it attends to."""


@dataclass(frozen=True, eq=False)
class FoundOnFrame:
    """What the model finds on a frame.

    Attributes:
        logits: Low-resolution logits (low_res, low_res) float32 of each object, by its id.
        scores: How sure the tracker is of each object on this frame, from 0 to 1; for an object that is new, the score of the detection.
        hidden: Ids of objects that are not shown on this frame.
        removed: Ids of objects that the model drops: they were found for the first time only just, and not again, or they are duplicates.
        left_out: Number of new objects for which there is no room.
    """

    logits: dict[int, NDArray[np.float32]]
    scores: dict[int, float]
    hidden: frozenset[int]
    removed: frozenset[int]
    left_out: int


class Sam3Video:
    """``Sam3VideoModel`` of transformers.

    Args:
        module: The model, with its weights in float32, in evaluation mode. It is moved to the device, and must not be used elsewhere
            afterwards.
        tokenizer: The model's tokenizer.
        provenance: Provenance of the model.
        settings: Device and dtype. 16-bit dtypes run under autocast.
        memory: Limit in bytes of the stored outputs of a session. It bounds the number of objects.
        prompted_frames: Maximum number of conditioning frames of an object that are kept.
        hot_start: Whether objects that are found for the first time are dropped again if they are not found on the frames that follow, or
            are duplicates. Masks then come `delay` frames late.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(
        self,
        module: Any,
        tokenizer: Tokenizer,
        provenance: Provenance,
        settings: TorchSettings,
        memory: int = 1024 << 20,
        prompted_frames: int = 8,
        *,
        hot_start: bool = True,
    ) -> None:
        use_own_kernel()
        self.provenance = provenance
        self.side = int(module.config.image_size)
        self._tokenizer, self._prompted_frames = tokenizer, prompted_frames
        self._runner = TorchRunner(provenance.model, provenance.version, settings.device, settings.dtype)
        placed: Any = self._runner.place(module)
        self._module = placed
        self._stored = torch.float16 if settings.dtype == torch.float16 else torch.bfloat16
        if not hot_start:
            self._module.hotstart_delay = 0
        self.delay = max(1, int(self._module.hotstart_delay))
        tracker = self._module.tracker_model
        self.low_res = int(tracker.prompt_encoder.mask_input_size[0])
        self._memories = int(tracker.num_maskmem) - 1
        self._pointers = int(tracker.config.max_object_pointers_in_encoder) - 1
        self._positions, features = self._runner.run(self._memory)
        self.shapes = {
            MEMORY: tuple(features.shape),
            POINTER: (1, 1, int(tracker.hidden_dim)),
            "pred_masks": (1, 1, self.low_res, self.low_res),
            "object_score_logits": (1, 1, 1),
        }
        answer = 4 * (self.low_res**2 + 1)
        self.object_bytes = (self._memories + prompted_frames) * features.nbytes + prompted_frames * answer
        self.object_bytes += (self._pointers + prompted_frames) * 4 * int(tracker.hidden_dim)
        self.max_objects = max(1, min(memory // self.object_bytes, int(self._module.max_num_objects)))
        self._module.max_num_objects = self.max_objects
        self._defer_removal()

    @property
    def pointers(self) -> int:
        """Number of frames whose object pointers the model attends to."""
        return self._pointers

    def upsampler(self, size: Size) -> Upsampler:
        """Return the upsampler from low-resolution logits to masks of frames of a size ``(height, width)``."""
        return upsampler(StretchToSquare(size, self.side, self.low_res))

    def new_state(self) -> VideoState:
        """Return the state of a video of which no frame was processed."""
        unmatched = max(int(self._module.hotstart_unmatch_thresh), int(self._module.hotstart_dup_thresh))
        device = self._runner.device
        return VideoState(device, self._positions, self._memories, self._pointers, self._prompted_frames, unmatched, self._stored)

    def add_phrases(self, state: VideoState, phrases: Sequence[str]) -> None:
        """Add phrases, whose numbers are their positions among all that were added. The objects of each are found on later frames.

        Raises:
            OutOfMemoryError: A phrase does not fit into memory beside the model.
        """
        session = state.session
        for phrase in phrases:
            ids, used = (self._runner.on_device(row[None]) for row in self._tokenizer(phrase))
            embedded = self._runner.run(
                lambda ids=ids, used=used: self._module.detector_model.get_text_features(  # type: ignore[misc]
                    input_ids=ids, attention_mask=used, return_dict=True
                )
            )
            number = session.add_prompt(phrase)
            session.prompt_input_ids[number], session.prompt_attention_masks[number] = ids, used
            session.prompt_embeddings[number] = embedded

    def step(self, state: VideoState, index: int, image: NDArray[np.uint8], frames: int | None, *, reverse: bool = False) -> FoundOnFrame:
        """Process one frame, and return what is found on it.

        Args:
            state: State of the video, which is changed. It has at least one phrase.
            index: Index of the frame.
            image: (H, W, 3) uint8 RGB.
            frames: Number of frames of the video if the video is short, else None.
            reverse: Whether the video is processed backward.

        Raises:
            OutOfMemoryError: The frame does not fit into memory beside the model.
            BackendError: transformers failed.
        """
        pixels = model_input([image], self.side, self._runner.device, torch.float32)[0]
        state.set_frame(index, pixels, MANY if frames is None else frames)
        try:
            found, logits = self._runner.run(lambda: self._forward(state, index, reverse=reverse))
        except PromptSegError:
            state.undo()
            raise
        removed = frozenset(map(int, found.removed_obj_ids))
        for object_id in removed:
            state.remove(object_id)
        state.trim(index)
        return FoundOnFrame(
            {object_id: one for object_id, one in logits.items() if object_id not in removed},
            {int(object_id): float(score) for object_id, score in found.obj_id_to_tracker_score.items()},
            frozenset(map(int, found.suppressed_obj_ids)),
            removed,
            state.session.left_out,
        )

    def _forward(self, state: VideoState, index: int, *, reverse: bool) -> tuple[Any, dict[int, NDArray[np.float32]]]:
        """Return what the model answers, and the logits of each object on the host."""
        found = self._module(state.session, frame_idx=index, reverse=reverse)
        ids = list(found.obj_id_to_mask)
        if not ids:
            return found, {}
        logits = to_host(torch.cat([found.obj_id_to_mask[object_id] for object_id in ids]).float())
        return found, {int(object_id): one for object_id, one in zip(ids, logits, strict=True)}

    def _defer_removal(self) -> None:
        """Let the model leave removed objects in its lists until it has answered.

        transformers removes them before it assembles its answer from lists in the order of the objects, so that masks and scores of the
        objects behind them move to the wrong ids on that frame.
        """
        execute = self._module.run_tracker_update_execution_phase

        def without_removal(inference_session: Any, tracker_update_plan: dict[str, Any], **others: Any) -> None:
            inference_session.left_out = int(tracker_update_plan["num_obj_dropped_due_to_limit"])
            plan = {**tracker_update_plan, "obj_ids_newly_removed": set()}
            execute(inference_session=inference_session, tracker_update_plan=plan, **others)

        self._module.run_tracker_update_execution_phase = without_removal

    def _memory(self) -> tuple[Tensor, Tensor]:
        """Encode a memory of nothing, and return its positions and the memory."""
        tracker, device = self._module.tracker_model, self._runner.device
        rows, columns = tracker.backbone_feature_sizes[-1]
        features = torch.zeros((rows * columns, 1, int(tracker.hidden_dim)), device=device)
        logits = torch.zeros((1, 1, self.low_res, self.low_res), device=device)
        memory, positions = tracker._encode_new_memory(features, logits, torch.zeros((1, 1, 1), device=device), is_mask_from_pts=False)  # noqa: SLF001 - A step of the model, which shows the shapes.
        return positions, memory
