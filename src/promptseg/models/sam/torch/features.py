"""`DeviceFeatures`: features of an encoded image that stay on their device until an array is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ....runtime.torch import to_host


class DeviceFeatures(Mapping[str, NDArray[np.float32]]):
    """Features by name, as float32 arrays that are copied to the host when they are first read.

    Args:
        tensors: Features on the device, of any floating dtype.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = dict(tensors)
        self._arrays: dict[str, NDArray[np.float32]] = {}

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        if name not in self._arrays:
            self._arrays[name] = to_host(self._tensors[name].float())
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arrays: another process may have no such device."""
        return dict, (dict(self),)
