"""Image encoders in ONNX that take a normalized square image: those of SAM, SAM 2 and their relatives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import WeightsMismatchError
from ....runtime.onnx import Runtime, Session
from ..geometry import InputGeometry
from .layouts import Pair, Shape, described
from .preprocessing import Preprocessing, preprocessing_of

NUMBERS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
"""Number types in which graphs take and give features, by the name of their tensors in ONNX Runtime."""


class Encoder:
    """Image encoder of a pair.

    Args:
        pair: The encoder and the decoder.
        runtime: ONNX Runtime with its device and threads.
        graph: Serialized graph to run in place of the encoder's file, or None.
        preprocessor: File ``preprocessor_config.json`` of a pair in layout ``transformers-js``, or None for the known values.

    Attributes:
        preprocessing: How images become the encoder's input.
        dtype: Number type of the encoder's weights; None for a graph in place of the file.

    Raises:
        WeightsMismatchError: The encoder does not take one square image of the pair's input size, or its outputs are not the features that
            the decoder takes.
    """

    def __init__(self, pair: Pair, runtime: Runtime, graph: bytes | None = None, preprocessor: Path | None = None) -> None:
        self._session = runtime.session(graph or pair.encoder)
        if pair.layout == "transformers-js":
            self.preprocessing = preprocessing_of(pair, preprocessor, _fixed_side(self._session))
        else:
            self.preprocessing = Preprocessing(pair.input_size)
        _check_input(pair, self._session, self.preprocessing.side)
        ((self._input, taken),) = self._session.inputs.items()
        self.dtype, self._number = self._session.dtype, NUMBERS[taken.kind]
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
            np.subtract(resized[:, :, channel], np.float32(self.preprocessing.mean[channel]), out=plane)
            plane /= np.float32(self.preprocessing.std[channel])
        return self._run(batch)

    def of_nothing(self) -> list[Any]:
        """Return the features of an image of zeros, likewise."""
        return self._run(np.zeros((1, 3, self.preprocessing.side, self.preprocessing.side), np.float32))

    def _run(self, batch: NDArray[np.float32]) -> list[Any]:
        outputs = self._session({self._input: batch.astype(self._number, copy=False)})
        return [outputs[index] for index in self._features]


def load_encoder_of_any_size(pair: Pair, runtime: Runtime, graph: bytes | None = None) -> Session:
    """Return a runtime session of a pair's encoder, which must take images of any size.

    Args:
        pair: The encoder and the decoder.
        runtime: ONNX Runtime with its device and threads.
        graph: Serialized graph to run in place of the encoder's file, or None.

    Raises:
        WeightsMismatchError: The encoder takes other inputs.
    """
    session = runtime.session(graph or pair.encoder)
    _check_input(pair, session, None)
    return session


def _fixed_side(session: Session) -> int | None:
    """Return the side of the image that an encoder takes, if it fixes one."""
    sides = [value.shape[-1] for value in session.inputs.values() if len(value.shape) == 4]
    return sides[0] if len(sides) == 1 else None


def _check_input(pair: Pair, session: Session, side: int | None) -> None:
    """Check that an encoder takes one image: a square of this side or, if it is None, of any size.

    Raises:
        WeightsMismatchError: It takes other inputs.
    """
    expected: Shape = (1, 3, side, side)
    kinds = list(NUMBERS) if pair.layout == "transformers-js" else ["tensor(float)"]
    for value in session.inputs.values():
        fits = len(value.shape) == 4 and all(given in (None, wanted) for given, wanted in zip(value.shape, expected, strict=True))
        if len(session.inputs) == 1 and value.kind in kinds and fits:
            return
    takes = ", ".join(f"{name} {value}" for name, value in session.inputs.items())
    raise WeightsMismatchError(
        f"{pair.encoder} is not the encoder of {pair.decoder}, which is in layout {pair.layout}: "
        f"it takes {takes}, expected one {' or '.join(kinds)} {described(expected)}"
    )


def _matched(pair: Pair, encoder: Session) -> Sequence[int]:
    """Return, for each feature of the decoder, the index of the encoder's output.

    A single output is the single feature. Several are matched by name, whatever else the encoder gives, or by shape if the names differ.

    Raises:
        WeightsMismatchError: The outputs match neither by name nor by shape.
    """
    names, shapes = list(encoder.outputs), [value.shape for value in encoder.outputs.values()]
    if set(names) >= set(pair.features):
        return [names.index(name) for name in pair.features]
    if len(names) == len(pair.features):
        if len(names) == 1:
            return [0]
        if len(set(shapes)) == len(shapes) and set(shapes) == set(pair.features.values()):
            return [shapes.index(shape) for shape in pair.features.values()]
    gives = ", ".join(f"{name} {value}" for name, value in encoder.outputs.items())
    takes = ", ".join(f"{name} {described(shape)}" for name, shape in pair.features.items())
    raise WeightsMismatchError(f"the encoder {pair.encoder} gives {gives}, but the decoder {pair.decoder} takes {takes}")
