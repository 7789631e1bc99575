"""Image encoders of SAM and SAM 2 in ONNX, which take a normalized square image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import WeightsMismatchError
from ....runtime.onnx import Runtime, Session
from ..geometry import PIXEL_MEAN, PIXEL_STD, InputGeometry
from .layouts import Pair, Shape, described


class Encoder:
    """Image encoder of a pair.

    Args:
        pair: The encoder and the decoder.
        runtime: ONNX Runtime with its device and threads.
        graph: Serialized graph to run in place of the encoder's file, or None.

    Raises:
        WeightsMismatchError: The encoder does not take one square image of the pair's input size, or its outputs are not the features that
            the decoder takes.
    """

    def __init__(self, pair: Pair, runtime: Runtime, graph: bytes | None = None) -> None:
        self._session = load_encoder(pair, runtime, pair.input_size, graph)
        (self._input,) = self._session.inputs
        self._features = _matched(pair, self._session)

    def __call__(self, image: NDArray[np.uint8], geometry: InputGeometry) -> list[NDArray[np.float32]]:
        """Return the features of an image (H, W, 3) uint8 RGB, each with a batch of one, in the order of `Pair.features`."""
        return [value.numpy() for value in self.values(image, geometry)]

    def values(self, image: NDArray[np.uint8], geometry: InputGeometry) -> list[Any]:
        """Return the same features in the memory of ONNX Runtime (`onnxruntime.OrtValue`), on its device."""
        resized = geometry.resize(image)
        batch = np.zeros((1, 3, geometry.input_size, geometry.input_size), np.float32)
        height, width = resized.shape[:2]
        for channel in range(3):
            plane = batch[0, channel, :height, :width]
            np.subtract(resized[:, :, channel], np.float32(PIXEL_MEAN[channel]), out=plane)
            plane /= np.float32(PIXEL_STD[channel])
        outputs = self._session({self._input: batch})
        return [outputs[index] for index in self._features]


def load_encoder(pair: Pair, runtime: Runtime, side: int | None, graph: bytes | None = None) -> Session:
    """Return a runtime session of a pair's encoder.

    Args:
        pair: The encoder and the decoder.
        runtime: ONNX Runtime with its device and threads.
        side: Side of the square image that the encoder must take; None if it must take images of any size.
        graph: Serialized graph to run in place of the encoder's file, or None.

    Raises:
        WeightsMismatchError: The encoder takes other inputs.
    """
    session = runtime.session(graph or pair.encoder)
    expected: Shape = (1, 3, side, side)
    for value in session.inputs.values():
        fits = len(value.shape) == 4 and all(given in (None, wanted) for given, wanted in zip(value.shape, expected, strict=True))
        if len(session.inputs) == 1 and value.kind == "tensor(float)" and fits:
            return session
    takes = ", ".join(f"{name} {value}" for name, value in session.inputs.items())
    raise WeightsMismatchError(
        f"{pair.encoder} is not the encoder of {pair.decoder}, which is in layout {pair.layout}: "
        f"it takes {takes}, expected one tensor(float) {described(expected)}"
    )


def _matched(pair: Pair, encoder: Session) -> Sequence[int]:
    """Return, for each feature of the decoder, the index of the encoder's output.

    A single output is the single feature. Several are matched by name or, if the names differ, by shape.

    Raises:
        WeightsMismatchError: The outputs match neither by name nor by shape.
    """
    names, shapes = list(encoder.outputs), [value.shape for value in encoder.outputs.values()]
    if len(names) == len(pair.features):
        if len(names) == 1 or set(names) == set(pair.features):
            return [names.index(name) if name in names else 0 for name in pair.features]
        if len(set(shapes)) == len(shapes) and set(shapes) == set(pair.features.values()):
            return [shapes.index(shape) for shape in pair.features.values()]
    gives = ", ".join(f"{name} {value}" for name, value in encoder.outputs.items())
    takes = ", ".join(f"{name} {described(shape)}" for name, shape in pair.features.items())
    raise WeightsMismatchError(f"the encoder {pair.encoder} gives {gives}, but the decoder {pair.decoder} takes {takes}")
