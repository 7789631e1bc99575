"""`BoundFeatures`: features of an encoded image that stay in ONNX Runtime's memory on a device until an array is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class BoundFeatures(Mapping[str, NDArray[np.float32]]):
    """Features by name, as arrays that are copied to the host when they are first read.

    Args:
        values: Features on the device (`onnxruntime.OrtValue`).
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)
        self._arrays: dict[str, NDArray[np.float32]] = {}

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        if name not in self._arrays:
            self._arrays[name] = self._values[name].numpy()
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


def graph_input(features: Mapping[str, NDArray[np.float32]], name: str) -> Any:
    """Return a feature as an input of a graph: where it is, or as an array."""
    return features.on_device(name) if isinstance(features, BoundFeatures) else features[name]
