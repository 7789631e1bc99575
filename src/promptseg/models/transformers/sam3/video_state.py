"""State of ``Sam3VideoModel`` between two frames: what the next frame needs of an inference session of transformers, and no more.

transformers stores every frame, every output and a record of every decision. `VideoState.trim` removes what no later frame reads, so that
the masks stay the same. The one exception are conditioning frames: the model makes one every 16 frames and attends to all of them. Here the
first and the latest are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....runtime.torch import to_host
from ....video.saved_session import saved_number

_PARTS = {"prompted": "cond_frame_outputs", "tracked": "non_cond_frame_outputs"}
"""Kinds of outputs in a saved session, and in an inference session of transformers."""

MEMORY, POINTER, _POSITIONS = "maskmem_features", "object_pointer", "maskmem_pos_enc"
_ANSWER = ("pred_masks", "object_score_logits")
_TENSORS = (MEMORY, POINTER, *_ANSWER)
"""Tensors of an output, by the names of transformers. The answer is read again if a conditioning frame is."""


class Frames(dict[int, Tensor]):
    """The frame that is being processed, in place of all frames of a video.

    Attributes:
        length: Number of frames that the model is told.
    """

    length = 0

    def __len__(self) -> int:
        return self.length


class VideoState:
    """An inference session of transformers that does not grow with the video.

    Args:
        device: Device of the model.
        positions: Position encoding of memories, which is the same for all.
        memories: Number of tracked frames before the next one whose memories the model attends to.
        pointers: Number of tracked frames before the next one whose object pointers the model attends to.
        prompted: Maximum number of conditioning frames of an object that are kept: the first and the latest ones.
        unmatched: Number of frames without a detection after which the model drops an object that is new.
        stored: Dtype of memories. Autocast refuses bfloat16, in which the model makes them, together with float16.

    Attributes:
        session: ``Sam3VideoInferenceSession``.
    """

    def __init__(
        self,
        device: torch.device,
        positions: Tensor,
        memories: int,
        pointers: int,
        prompted: int,
        unmatched: int,
        stored: torch.dtype = torch.bfloat16,
    ) -> None:
        from transformers import Sam3VideoInferenceSession

        self.session: Any = Sam3VideoInferenceSession(
            inference_device=device, inference_state_device=device, video_storage_device=device, dtype=torch.float32
        )
        self.session.processed_frames = Frames()
        self.session.obj_with_new_inputs = []
        self._positions, self._stored = positions, stored
        self._memories, self._pointers, self._prompted = memories, pointers, prompted
        self._unmatched = max(1, unmatched)

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the objects, in the order in which they were found."""
        return tuple(self.session.obj_ids)

    @property
    def nbytes(self) -> int:
        """Number of bytes of the stored outputs."""
        tensors = (output[name] for _, _, _, output in self._outputs() for name in _TENSORS if output.get(name) is not None)
        return sum(tensor.nbytes for tensor in tensors)

    def set_frame(self, index: int, pixels: Tensor, length: int) -> None:
        """Set the frame that is processed next.

        Args:
            index: Index of the frame.
            pixels: (3, side, side) model input.
            length: Number of frames of the video, or of more frames than the model attends to.
        """
        frames = Frames({index: pixels})
        frames.length = length
        self.session.processed_frames = frames
        for stored in self.session.output_dict_per_obj.values():
            tracked = stored[_PARTS["tracked"]]
            for frame in [at for at, output in tracked.items() if MEMORY not in output and abs(at - index) <= self._memories]:
                del tracked[frame]  # Frames were left out, and the model would read a memory that is gone.

    def phrase_of(self, object_id: int) -> int:
        """Return the number of the phrase that an object was found by."""
        return int(self.session.obj_id_to_prompt_id[object_id])

    def remove(self, object_id: int) -> None:
        """Remove an object and all that is known of it."""
        session, phrases = self.session, dict(self.session.obj_id_to_prompt_id)
        session.obj_ids = list(session._obj_id_to_idx)  # noqa: SLF001 - Both are needed, and differ after a frame that removed an object.
        session.remove_object(object_id)
        session.obj_id_to_prompt_id.update({at: phrases[at] for at in session.obj_ids})
        self._forget_absent()

    def undo(self) -> None:
        """Remove the objects of a frame that could not be processed to its end."""
        for object_id in [object_id for object_id in self.session._obj_id_to_idx if object_id > self.session.max_obj_id]:  # noqa: SLF001 - As above.
            self.remove(object_id)
        self.session.obj_with_new_inputs = []

    def trim(self, index: int) -> None:
        """Remove what frames after this one do not read."""
        session = self.session
        session.processed_frames = Frames()
        session.cache.clear_all()
        for at in session._obj_idx_to_id:  # noqa: SLF001 - As above.
            for record in (session.point_inputs_per_obj, session.mask_inputs_per_obj, session.frames_tracked_per_obj):
                record[at] = {}
            stored = session.output_dict_per_obj[at]
            prompted, tracked = (stored[part] for part in _PARTS.values())
            for frame in list(prompted)[1 : 1 + max(0, len(prompted) - self._prompted)]:
                del prompted[frame]
            for frame in [frame for frame in tracked if abs(frame - index) >= self._pointers]:
                del tracked[frame]
            for frame, output in prompted.items():
                prompted[frame] = self._slim(output, _TENSORS)
            for frame, output in tracked.items():
                tracked[frame] = self._slim(output, (MEMORY, POINTER) if abs(frame - index) < self._memories else (POINTER,))
        session.obj_id_to_tracker_score_frame_wise = defaultdict(dict)
        session.suppressed_obj_ids = defaultdict(set)
        self._forget_absent()
        for record in (session.unmatched_frame_inds, session.overlap_pair_to_frame_inds):
            for frames in record.values():
                del frames[self._unmatched :]  # Only whether there are this many is asked.

    def _slim(self, output: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
        """Return some tensors of an output, copied out of the batch that they were computed in, and with the shared positions."""
        slim = {name: output[name].contiguous() for name in names}
        return {**slim, MEMORY: slim[MEMORY].to(self._stored), _POSITIONS: self._positions} if MEMORY in slim else slim

    def _forget_absent(self) -> None:
        """Remove the records of objects that are not tracked any more."""
        session, there = self.session, set(self.session.obj_ids)
        session.removed_obj_ids, session.hotstart_removed_obj_ids = set(), set()
        for record in (
            session.obj_id_to_score,
            session.obj_id_to_prompt_id,
            session.obj_id_to_last_occluded,
            session.obj_first_frame_idx,
            session.unmatched_frame_inds,
            session.trk_keep_alive,
        ):
            for object_id in [object_id for object_id in record if object_id not in there]:
                del record[object_id]
        for pair in [pair for pair in session.overlap_pair_to_frame_inds if not there.issuperset(pair)]:
            del session.overlap_pair_to_frame_inds[pair]

    def _outputs(self) -> Iterator[tuple[int, str, int, dict[str, Any]]]:
        """Yield the id of an object, the kind of the output, its frame and the output."""
        for at, object_id in self.session._obj_idx_to_id.items():  # noqa: SLF001 - As above.
            for part, name in _PARTS.items():
                for frame, output in self.session.output_dict_per_obj[at][name].items():
                    yield object_id, part, frame, output

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the state without the phrases, as values for JSON and arrays."""
        session, outputs = self.session, []
        arrays: dict[str, NDArray[Any]] = {}
        for object_id, part, frame, output in self._outputs():
            types = {}
            for name in _TENSORS:
                if (tensor := output.get(name)) is not None:
                    types[name] = str(tensor.dtype).removeprefix("torch.")
                    arrays[f"{object_id}/{part}/{frame}/{name}"] = to_host(_as_numbers(tensor))
            outputs.append({"object": object_id, "part": part, "frame": frame, "types": types})
        objects = [
            {
                "id": object_id,
                "phrase": self.phrase_of(object_id),
                "score": session.obj_id_to_score[object_id],
                "first": session.obj_first_frame_idx[object_id],
                "alive": session.trk_keep_alive[object_id],
                "unmatched": session.unmatched_frame_inds.get(object_id, []),
                "occluded": int(session.obj_id_to_last_occluded[object_id]) if object_id in session.obj_id_to_last_occluded else None,
            }
            for object_id in session.obj_ids
        ]
        overlaps = [[*pair, frames] for pair, frames in session.overlap_pair_to_frame_inds.items()]
        return {"objects": objects, "overlaps": overlaps, "outputs": outputs, "largest": session.max_obj_id}, arrays

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Restore what `saved` has returned, into a new state.

        Args:
            values: The values.
            arrays: The arrays.
            shapes: Shape of each tensor of an output.

        Raises:
            LookupError: Values are missing. As all errors here, it is one that `SavedSession.reading` turns into an `InputError`.
        """
        session, device = self.session, self._positions.device
        session.max_obj_id = max((saved_number(one["id"]) for one in values["objects"]), default=-1)
        session.max_obj_id = max(session.max_obj_id, int(values["largest"]))
        for one in values["objects"]:
            object_id = saved_number(one["id"])
            session.obj_id_to_idx(object_id)
            session.obj_id_to_prompt_id[object_id] = saved_number(one["phrase"])
            session.obj_id_to_score[object_id] = float(one["score"])
            session.obj_first_frame_idx[object_id] = saved_number(one["first"])
            session.trk_keep_alive[object_id] = int(one["alive"])
            if one["unmatched"]:
                session.unmatched_frame_inds[object_id] = [saved_number(frame) for frame in one["unmatched"]]
            if one["occluded"] is not None:
                session.obj_id_to_last_occluded[object_id] = torch.tensor([int(one["occluded"])], dtype=torch.long, device=device)
        for first, other, frames in values["overlaps"]:
            session.overlap_pair_to_frame_inds[saved_number(first), saved_number(other)] = [saved_number(frame) for frame in frames]
        for entry in values["outputs"]:
            object_id, frame, part = saved_number(entry["object"]), saved_number(entry["frame"]), _PARTS[entry["part"]]
            output: dict[str, Any] = {}
            for name, kind in entry["types"].items():
                tensor = _as_tensor(arrays[f"{object_id}/{entry['part']}/{frame}/{name}"], kind)
                if tuple(tensor.shape) != shapes[name] or not tensor.is_floating_point():
                    raise ValueError(f"a tensor is {tensor.dtype} {tuple(tensor.shape)}, expected real numbers {shapes[name]}")
                output[name] = tensor.to(device)
            if POINTER not in output or (entry["part"] == "prompted" and output.keys() != set(_TENSORS)):
                raise ValueError(f"the output of object {object_id} on frame {frame} is not complete")
            if MEMORY in output:
                output[_POSITIONS] = self._positions
            session.output_dict_per_obj[session._obj_id_to_idx[object_id]][part][frame] = output  # noqa: SLF001 - As above.
        for object_id, stored in zip(session.obj_ids, session.output_dict_per_obj.values(), strict=True):
            if not stored[_PARTS["prompted"]]:
                raise ValueError(f"object {object_id} has no conditioning frame")


def _as_numbers(tensor: Tensor) -> Tensor:
    return tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor


def _as_tensor(array: NDArray[Any], kind: str) -> Tensor:
    tensor = torch.from_numpy(np.array(array))
    return tensor.view(torch.bfloat16) if kind == "bfloat16" else tensor
