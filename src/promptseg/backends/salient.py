"""Salient object models on ONNX Runtime, without torch: U²-Net, IS-Net, BiRefNet, and others with the same inputs and outputs.

A file has one image as its input, and its first output is a map of it. Whether the map is logits or probabilities is read from the graph.
What the input is normalized with is that of the model's authors, or in a folder that of its ``preprocessor_config.json``.

Options of `promptseg.load` and their defaults:

- ``threshold`` (``0.05``): Score threshold. Only objects that score above it are returned; the score is the mean saliency of the pixels.
- ``mask_threshold`` (``0.5``): Saliency above which a pixel is in the mask.
- ``separate`` (``False``): Whether each connected part is an object of its own. Otherwise all that stands out is one object.
- ``max_detections`` (``100``): Maximum number of objects in an image; the largest are kept.
- ``threads`` (``None``): Number of threads. None: the number of processors that this process may use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ..errors import BackendError, PromptSegError, WeightsMismatchError, WeightsNotFoundError
from ..masks import Size
from ..models.salient.conventions import CONVENTIONS, checked_side, with_preprocessor
from ..models.salient.detector import SalientDetector, SalientSettings
from ..registry import LoadRequest
from ..registry.spec import Engine, ModelSpec
from ..runtime.devices import kind_of
from ..runtime.host import thread_count
from ..runtime.onnx import device_of, inference_session, session_options
from ..runtime.onnx_files import ends_in_probabilities, external_files, read_structure
from ..weights.store import ModelWeights, file_sha256
from ._onnx_file import onnx_file

_PREPROCESSOR = "preprocessor_config.json"
_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def load(request: LoadRequest) -> SalientDetector:
    """Return the detector of a load request; the factory of backend ``salient``.

    Raises:
        ConfigError: An option has an invalid value, or the device is not available.
        WeightsNotFoundError: The user gave no weights, and none are published.
        WeightsMismatchError: The file is damaged, or is not a salient object model.
    """
    settings = SalientSettings.checked(request.options)
    threads = thread_count(request.options["threads"])
    device = device_of(request.device)
    conventions = CONVENTIONS[request.engine.variant]
    if (preprocessor := request.weights.files.get(_PREPROCESSOR)) is not None:
        conventions = with_preprocessor(conventions, preprocessor)
    network = OnnxSalient(_file_of(request), device, threads, conventions.size)
    provenance = request.provenance(f"onnxruntime {onnxruntime.__version__}", kind_of(device), network.dtype)
    return SalientDetector(network, conventions, provenance, settings)


def find_weights(path: Path, model: ModelSpec, engine: Engine) -> ModelWeights:
    """Return the files of a model: an ONNX file or a folder with one, the weights that it has in other files, and its preprocessor file.

    Args:
        path: The file or folder.
        model: The model.
        engine: Engine of the model that runs the weights.

    Raises:
        WeightsNotFoundError: The path does not exist, or the folder has no ONNX file, or several of which none is the model's.
        WeightsMismatchError: The file is not an ONNX file, or is damaged.
    """
    file = onnx_file(path, model, engine)
    told = [path / _PREPROCESSOR] if (path / _PREPROCESSOR).is_file() else []
    found = {one.name: one for one in (file, *external_files(file), *told)}
    return ModelWeights(found, {name: file_sha256(one) for name, one in found.items()})


class OnnxSalient:
    """ONNX file of a salient object model, as a `promptseg.models.salient.detector.Network`.

    Args:
        path: The file.
        device: ``"cpu"``, ``"cuda"``, or ``"cuda:1"`` for the second GPU.
        threads: Number of threads for one image.
        size: ``(height, width)`` of the input in pixels, where the file takes any.

    Raises:
        WeightsMismatchError: The file cannot be loaded, or its input or first output is not that of a salient object model.
    """

    def __init__(self, path: Path, device: str, threads: int, size: Size) -> None:
        graph = read_structure(path).graph
        self._session = inference_session(path, session_options(threads), device)
        inputs, outputs = self._session.get().get_inputs(), self._session.get().get_outputs()
        self._path, self._input, self._output = path, inputs[0], outputs[0].name
        self.size = _input_size(path, inputs, size)
        _check_output(path, outputs[0], self.size)
        self.dtype = np.dtype(_FLOATS[self._input.type]).name
        self.logits = not ends_in_probabilities(graph, self._output)

    def __call__(self, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the output, (h, w) float32, for a model input (3, height, width) float32.

        Raises:
            BackendError: ONNX Runtime failed, or the output has another shape than the file says.
        """
        try:
            inputs = {self._input.name: prepared[None].astype(_FLOATS[self._input.type], copy=False)}
            (output,) = self._session.get().run([self._output], inputs)
        except PromptSegError:
            raise
        except Exception as error:  # ONNX Runtime's exception classes share no base but Exception.
            raise BackendError(f"ONNX Runtime failed: {error}") from error
        if not isinstance(output, np.ndarray) or output.dtype.kind != "f" or output.size != self.size[0] * self.size[1]:
            shape = getattr(output, "shape", type(output).__name__)
            raise BackendError(f"{self._path} made an output of shape {shape}, expected a map of {self.size} (height, width)")
        return output.reshape(self.size).astype(np.float32, copy=False)


def _file_of(request: LoadRequest) -> Path:
    file = next((path for path in request.weights.files.values() if path.suffix.lower() == ".onnx"), None)
    if file is None:
        raise WeightsNotFoundError(
            f"model {request.model.name!r} runs weights of your own: '{request.model.name}=PATH' or weights=PATH, a file of a salient "
            "object model in ONNX"
        )
    return file


def _input_size(path: Path, inputs: list[Any], size: Size) -> Size:
    shape = inputs[0].shape
    fits = len(inputs) == 1 and inputs[0].type in _FLOATS and len(shape) == 4 and shape[1] == 3
    if not fits or (isinstance(shape[0], int) and shape[0] != 1):
        described = ", ".join(f"{value.name} {value.type} {value.shape}" for value in inputs[:4])
        raise WeightsMismatchError(
            f"{path} is not a salient object model: it has inputs {described}, expected one image of shape (1, 3, height, width)"
        )
    height, width = (checked_side(path, fixed) if isinstance(fixed, int) else open_ for fixed, open_ in zip(shape[2:], size, strict=True))
    return height, width


def _check_output(path: Path, output: Any, size: Size) -> None:
    """Raise an error if the declared shape of the first output is not that of one map of the input. Lengths may be left open."""
    shape = list(output.shape)
    wanted = [1, 1, *size] if len(shape) == 4 else [1, *size]
    fits = len(shape) in (3, 4) and all(not isinstance(length, int) or length == own for length, own in zip(shape, wanted, strict=True))
    if not fits or output.type not in _FLOATS:
        raise WeightsMismatchError(
            f"{path} is not a salient object model: its first output is {output.type} {output.shape}, expected a map of {wanted}"
        )
