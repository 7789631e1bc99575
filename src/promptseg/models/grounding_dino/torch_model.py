"""`TorchGrounding`: the torch module of either engine as a `promptseg.models.grounding_dino.model.GroundingModel`.

It changes no settings of the process: no thread count, no default type or device. Inference mode and autocast are active only within a
call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import BackendError, OutOfMemoryError, PromptSegError
from ...results import Provenance
from ...runtime.memory import half_memory
from ...runtime.torch import computing, release, to_host, unless_out_of_memory

_T = TypeVar("_T")


class TorchGrounding:
    """Grounding DINO in torch.

    Args:
        module: Module in evaluation mode with weights in float32. It takes (1, 3, h, w) float32 pixels and (1, T) int64 token IDs and
            returns (1, Q, at least T) logits and (1, Q, 4) boxes. It is moved to the device.
        provenance: Provenance of the model.
        device: Device that it runs on.
        dtype: Type in which it computes. With a 16-bit type, torch's autocast decides which operations use it. Weights stay in float32.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(self, module: torch.nn.Module, provenance: Provenance, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self.provenance = provenance
        self._device = device
        self._dtype = dtype
        self._module = self._fitting(lambda: module.to(device), "the model does not fit")

    def __call__(self, pixels: NDArray[np.float32], tokens: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return token logits and boxes for one caption on one image.

        Args:
            pixels: (3, h, w) float32, from `promptseg.models.grounding_dino.preprocessing.preprocess`.
            tokens: IDs of the T tokens of the caption.

        Returns:
            (Q, T) float32 logits of each token for each of Q boxes; and the boxes, (Q, 4) float32 ``cx, cy, w, h``, relative to the model
            input, in [0, 1].

        Raises:
            OutOfMemoryError: There is not enough memory for an image beside the model.
            BackendError: The library failed, or the outputs are not finite.
        """
        return self._fitting(lambda: self._run(pixels, tokens), "no room for an image beside the model")

    def _run(self, pixels: NDArray[np.float32], tokens: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        lower = self._dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self._device.type, self._dtype if lower else None, enabled=lower):
            batch = torch.tensor(pixels, device=self._device)[None]
            logits, boxes = self._module(batch, torch.tensor([tokens], device=self._device))
            outputs = to_host(torch.cat([logits[0, :, : len(tokens)].float(), boxes[0].float()], dim=1))
        if not np.isfinite(outputs).all():
            raise BackendError(f"{self.provenance.model} returned NaN or infinity in {self._dtype}: use dtype='float32'")
        return outputs[:, : len(tokens)], outputs[:, len(tokens) :]

    def _fitting(self, compute: Callable[[], _T], what: str) -> _T:
        try:
            with computing(self._device):
                result = unless_out_of_memory(compute)
        except PromptSegError:
            raise
        except Exception as error:  # The error classes of torch and of the library share no base but Exception.
            raise BackendError(f"{self.provenance.version} failed: {error}") from error
        if isinstance(result, Exception):
            release(self._device)
            raise OutOfMemoryError(f"out of memory on {self._device.type}: {what} ({self.provenance.model}){self._advice()}") from result
        return result

    def _advice(self) -> str:
        tries = [half_memory(self._device.type)] if self._dtype == torch.float32 else []
        tries += ["device='cpu'"] if self._device.type != "cpu" else []
        return f": try {' or '.join(tries)}" if tries else ""
