"""`TorchGrounding`: either engine's module as a `promptseg.models.grounding_dino.model.GroundingModel`.

Nothing is set for the whole process: no thread count, no default type or device, and inference mode and autocast only within each call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import BackendError, OutOfMemoryError, PromptSegError
from ...results import Provenance
from ...runtime.torch import release, unless_out_of_memory

_T = TypeVar("_T")


class TorchGrounding:
    """A Grounding DINO in torch.

    Args:
        module: Takes (1, 3, h, w) float32 pixels and (1, T) int64 tokens and gives (1, Q, at least T) logits and (1, Q, 4) boxes. In
            evaluation mode, with its weights in float32. It is taken over: moved.
        provenance: Which model it is.
        device: Where it runs.
        dtype: In which type. One of 16 bits is used where torch's autocast has it safe; weights, and what needs it, stay in float32.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(self, module: torch.nn.Module, provenance: Provenance, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self.provenance = provenance
        self._device = device
        self._dtype = dtype
        self._module = self._fitting(lambda: module.to(device), "the model does not fit")

    def __call__(self, frame: NDArray[np.float32], tokens: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Looks for what a caption says; see `promptseg.models.grounding_dino.model.GroundingModel`.

        Raises:
            OutOfMemoryError: The frame does not fit beside the model.
            BackendError: The library failed.
        """
        return self._fitting(lambda: self._run(frame, tokens), "a photo does not fit beside the model")

    def _run(self, frame: NDArray[np.float32], tokens: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        lower = self._dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self._device.type, self._dtype if lower else None, enabled=lower):
            pixels = torch.tensor(frame, device=self._device)[None]
            logits, boxes = self._module(pixels, torch.tensor([tokens], device=self._device))
            answers = _array(logits[0, :, : len(tokens)]), _array(boxes[0])
        if not all(np.isfinite(answer).all() for answer in answers):
            raise BackendError(f"{self.provenance.model} gave NaN or infinity in {self._dtype}: use dtype='float32'")
        return answers

    def _fitting(self, compute: Callable[[], _T], what: str) -> _T:
        try:
            result = unless_out_of_memory(compute)
        except PromptSegError:
            raise
        except Exception as error:  # torch's own errors have no base in common, nor have the library's.
            raise BackendError(f"{self.provenance.version} failed: {error}") from error
        if isinstance(result, Exception):
            release(self._device)
            raise OutOfMemoryError(f"out of memory on {self._device.type}: {what} ({self.provenance.model}){self._advice()}") from result
        return result

    def _advice(self) -> str:
        tries = ["dtype='bfloat16'"] if self._dtype == torch.float32 else []
        tries += ["device='cpu'"] if self._device.type != "cpu" else []
        return f": try {' or '.join(tries)}" if tries else ""


def _array(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.float().cpu().numpy()
    return array
