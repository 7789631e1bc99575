"""`DeviceFeatures`: features of an encoded image that stay on their device until an array is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class DeviceFeatures(Mapping[str, NDArray[np.float32]]):
    """Features by name, as arrays that are copied to the host when they are first read.

    Args:
        values: Features on the device: tensors of torch, or values of ONNX Runtime.
        to_array: Function that copies one of them to the host, as float32.
    """

    def __init__(self, values: Mapping[str, Any], to_array: Callable[[Any], NDArray[np.float32]]) -> None:
        self._values = dict(values)
        self._to_array = to_array
        self._arrays: dict[str, NDArray[np.float32]] = {}

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        if name not in self._arrays:
            self._arrays[name] = self._to_array(self._values[name])
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arrays: another process may have no such device."""
        return dict, (dict(self),)

    def on_device(self, name: str) -> Any:
        """Return a feature where it is."""
        return self._values[name]


def where_it_is(features: Mapping[str, NDArray[np.float32]], name: str) -> Any:
    """Return a feature on its device, or as an array if it has none."""
    return features.on_device(name) if isinstance(features, DeviceFeatures) else features[name]
