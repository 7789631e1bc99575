"""`TorchRunner`: how a torch module is called: on its device, in its number type, and with errors of our own.

It changes no settings of the process: no thread count, no default type or device. Inference mode and autocast are active only within a
call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import BackendError, OutOfMemoryError, PromptSegError
from .memory import half_memory
from .torch import computing, release, to_host, unless_out_of_memory

_T = TypeVar("_T")


class TorchRunner:
    """Device, number type and errors of one model.

    Args:
        model: Name of the model, for messages.
        version: Versions of the packages behind it, for messages.
        device: Device that it runs on.
        dtype: Type in which it computes. With a 16-bit type, torch's autocast decides which operations use it. Weights stay in float32.
    """

    def __init__(self, model: str, version: str, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self.device = device
        self._model = model
        self._version = version
        self._dtype = dtype

    def place(self, module: torch.nn.Module) -> torch.nn.Module:
        """Return a module on the device.

        Raises:
            OutOfMemoryError: It does not fit on the device.
        """
        return self._fitting(lambda: module.to(self.device), "the model does not fit")

    def run(self, compute: Callable[[], _T]) -> _T:
        """Return the result of a function that calls the module.

        Raises:
            OutOfMemoryError: There is not enough memory for an image beside the model.
            BackendError: The library failed.
        """

        def in_type() -> _T:
            lower = self._dtype != torch.float32
            with torch.inference_mode(), torch.autocast(self.device.type, self._dtype if lower else None, enabled=lower):
                return compute()

        return self._fitting(in_type, "no room for an image beside the model")

    def to_host(self, value: torch.Tensor) -> NDArray[np.float32]:
        """Return a tensor as a float32 array.

        Raises:
            BackendError: It has NaN or infinity.
        """
        array: NDArray[np.float32] = to_host(value.float())
        if not np.isfinite(array).all():
            raise BackendError(f"{self._model} returned NaN or infinity in {self._dtype}: use dtype='float32'")
        return array

    def on_device(self, value: NDArray[Any]) -> torch.Tensor:
        """Return a copy of an array on the device."""
        return torch.tensor(value, device=self.device)

    def _fitting(self, compute: Callable[[], _T], what: str) -> _T:
        try:
            with computing(self.device):
                result = unless_out_of_memory(compute)
        except PromptSegError:
            raise
        except Exception as error:  # The error classes of torch and of the library share no base but Exception.
            raise BackendError(f"{self._version} failed: {error}") from error
        if isinstance(result, Exception):
            release(self.device)
            raise OutOfMemoryError(f"out of memory on {self.device}: {what} ({self._model}){self._advice()}") from result
        return result

    def _advice(self) -> str:
        tries = [half_memory(self.device.type)] if self._dtype == torch.float32 else []
        tries += ["device='cpu'"] if self.device.type != "cpu" else []
        return f": try {' or '.join(tries)}" if tries else ""
