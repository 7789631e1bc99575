"""YOLO detectors on ONNX Runtime, from ONNX files that ultralytics exported, in floating point or quantized.

They need neither torch nor ultralytics. The classes and the input size are read from the metadata of the file.

Options of `promptseg.load` and their defaults:

- ``threshold`` (``0.05``): Score threshold. Only detections that score above it are returned.
- ``iou`` (``0.7``): IoU threshold of the non-maximum suppression within a class.
- ``max_detections`` (``300``): Maximum number of detections per image.
- ``imgsz`` (``None``): Side of the model input in pixels. None: the model's own input size.
- ``masks`` (``True``): Whether a ``-seg`` model returns masks.
- ``threads`` (``None``): Number of threads. None: the number of processors that this process may use.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .._checks import is_whole_number
from ..errors import BackendError, PromptSegError, WeightsMismatchError, shown
from ..masks import Size
from ..models.yolo.detector import YoloDetector, YoloSettings
from ..models.yolo.literals import read_literal
from ..models.yolo.output import Output, YoloMetadata
from ..registry import LoadRequest
from ..runtime.host import thread_count
from ..runtime.onnx import device_of, inference_session
from ..runtime.onnx_files import check_onnx
from ._yolo import MAX_SIDE, MAX_STRIDE, weights_file

_TASKS = ("detect", "segment")
_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def load(request: LoadRequest) -> YoloDetector:
    """Return the detector of a load request; the factory of backend ``onnx_yolo``.

    Raises:
        ConfigError: An option has an invalid value, or the device is not available.
        WeightsNotFoundError: The user gave no weights.
        WeightsMismatchError: The file is damaged, or is no detector that ultralytics exported.
    """
    options = request.options
    settings = YoloSettings.checked(options)
    threads = thread_count(options["threads"])
    device = device_of(request.device)
    network = OnnxNetwork(weights_file(request), device, threads)
    provenance = request.provenance(f"onnxruntime {onnxruntime.__version__}", device, network.dtype)
    return YoloDetector(network, provenance, settings)


class OnnxNetwork:
    """ONNX file that ultralytics exported, as a `promptseg.models.yolo.detector.Network`.

    Args:
        path: The file.
        device: ``"cpu"`` or ``"cuda"``.
        threads: Number of threads for one image.

    Raises:
        WeightsMismatchError: The file cannot be loaded or run, its metadata is incomplete, or its output does not fit the metadata.
    """

    def __init__(self, path: Path, device: str, threads: int) -> None:
        check_onnx(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # Idle threads would take processor time from others.
        self._session = inference_session(path, options, device)
        self.metadata = _metadata(path, self._session.get())
        self._input = self._session.get().get_inputs()[0]
        self.dtype = np.dtype(_FLOATS[self._input.type]).name
        side = 2 * self.metadata.stride
        probe = np.zeros((*(self.metadata.input_size if self.metadata.fixed else (side, side)), 3), np.uint8)
        try:
            self(probe).check(self.metadata, str(path))
        except BackendError as error:
            raise WeightsMismatchError(f"{path} cannot be run: {error.__cause__}") from error

    def __call__(self, letterboxed: NDArray[np.uint8]) -> Output:
        """Return the raw output for a letterboxed image.

        Args:
            letterboxed: (H, W, 3) uint8 RGB. H and W are multiples of the stride.

        Raises:
            BackendError: ONNX Runtime failed.
        """
        pixels = np.ascontiguousarray(letterboxed.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        try:
            inputs = {self._input.name: pixels.astype(_FLOATS[self._input.type], copy=False)}
            predictions, *prototypes = self._session.get().run(None, inputs)
        except PromptSegError:
            raise
        except Exception as error:  # ONNX Runtime's exception classes share no base but Exception.
            raise BackendError(f"ONNX Runtime failed: {error}") from error
        return Output(
            predictions[0].astype(np.float32, copy=False), prototypes[0][0].astype(np.float32, copy=False) if prototypes else None
        )


def _metadata(path: Path, session: Any) -> YoloMetadata:
    """Return the metadata of the file. ultralytics writes it as Python literals."""
    metadata: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    missing = [key for key in ("names", "stride", "task") if key not in metadata]
    if missing:
        raise WeightsMismatchError(f"{path} has no {', '.join(missing)} in its metadata: it is no detector that ultralytics exported")
    if metadata["task"] not in _TASKS:
        raise WeightsMismatchError(f"{path} is a YOLO model for task {shown(metadata['task'])}; supported tasks are {' and '.join(_TASKS)}")
    inputs = session.get_inputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or inputs[0].type not in _FLOATS or len(shape) != 4 or shape[1] != 3 or shape[0] not in (1, "batch", None):
        described = ", ".join(f"{value.name} {value.type} {value.shape}" for value in inputs)
        raise WeightsMismatchError(f"{path} has inputs {described}, expected one of shape (1, 3, height, width)")
    names = _names(path, metadata["names"])
    stride = _literal(path, metadata, "stride")
    if not is_whole_number(stride, 1) or stride > MAX_STRIDE:
        raise WeightsMismatchError(f"{path} has stride {shown(stride)} in its metadata, expected a whole number from 1 to {MAX_STRIDE}")
    fixed = all(isinstance(side, int) for side in shape[2:])
    if fixed and not all(0 < side <= MAX_SIDE for side in shape[2:]):
        raise WeightsMismatchError(f"{path} takes images of size {shape[2:]} (height, width), expected {MAX_SIDE} pixels at most")
    input_size = (shape[2], shape[3]) if fixed else _input_size(path, metadata)
    arguments = _literal(path, metadata, "args", {})
    # Exported with `nms`, the graph contains non-maximum suppression, and its output has the form of an end-to-end model.
    end_to_end = _literal(path, metadata, "end2end", False) is True or (isinstance(arguments, dict) and arguments.get("nms") is True)
    return YoloMetadata(names, stride, input_size, fixed, end_to_end)


def _names(path: Path, text: str) -> tuple[str, ...]:
    names = _literal(path, {"names": text}, "names")
    if isinstance(names, dict):
        names = [names.get(index) for index in range(len(names))]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise WeightsMismatchError(f"{path} has class names {text[:80]} in its metadata, expected a list of names")
    return tuple(names)


def _input_size(path: Path, metadata: Mapping[str, str]) -> Size:
    side = _literal(path, metadata, "imgsz", [640, 640])
    height, width = side if isinstance(side, (list, tuple)) and len(side) == 2 else (side, side)
    if not all(isinstance(length, int) and 0 < length <= MAX_SIDE for length in (height, width)):
        raise WeightsMismatchError(
            f"{path} has imgsz {shown(side)} in its metadata, expected one or two numbers of pixels, {MAX_SIDE} at most"
        )
    return (height, width)


def _literal(path: Path, metadata: Mapping[str, str], key: str, default: Any = None) -> Any:
    if key not in metadata:
        return default
    try:
        return read_literal(metadata[key])
    except ValueError as error:
        raise WeightsMismatchError(f"{path} has {key} {metadata[key][:80]!r} in its metadata, expected a Python literal") from error
