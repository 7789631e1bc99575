"""YOLO detectors on ONNX Runtime, without torch and without ultralytics: files that ultralytics exported, in floating point or quantized.

A file says by itself which classes it has and which frames it takes. Options of `load`: ``threshold`` (0.05), ``iou`` (0.7),
``max_detections`` (300), ``imgsz`` (the model's own) and ``masks`` (True), as `promptseg.models.yolo.detector.Settings` says, and
``threads`` (default: the processors that this process may use).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .._checks import is_whole_number
from ..errors import BackendError, WeightsMismatchError
from ..masks import Size
from ..models.yolo.detector import Settings, YoloDetector
from ..models.yolo.output import Layout, Output
from ..registry import LoadRequest
from ..runtime.host import thread_count
from ..runtime.onnx import PROVIDERS, device_of
from ._yolo import given_file

_TASKS = ("detect", "segment")
_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def load(request: LoadRequest) -> YoloDetector:
    """The factory of backend ``onnx_yolo``.

    Raises:
        ConfigError: An unknown option or device.
        WeightsNotFoundError: No weights were given.
        WeightsMismatchError: The file is damaged, or no detector that ultralytics exported.
    """
    options = request.options
    settings = Settings.checked(options)
    threads = thread_count(options["threads"])
    device = device_of(request.device)
    network = OnnxNetwork(given_file(request), device, threads)
    provenance = request.provenance(f"onnxruntime {onnxruntime.__version__}", device, network.dtype)
    return YoloDetector(network, provenance, settings)


class OnnxNetwork:
    """A file that ultralytics exported; a `promptseg.models.yolo.detector.Network`.

    Args:
        path: The file.
        device: ``"cpu"`` or ``"cuda"``.
        threads: How many threads compute a frame.

    Raises:
        WeightsMismatchError: It cannot be loaded, says too little of itself, or computes something else than it says.
    """

    def __init__(self, path: Path, device: str, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # Between two frames it is other threads' turn.
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=[PROVIDERS[device]])
        except Exception as error:  # ONNX Runtime's exception classes share no base but Exception.
            raise WeightsMismatchError(f"ONNX Runtime cannot load {path}: {error}") from error
        self.layout = _layout(path, self._session)
        self._input = self._session.get_inputs()[0]
        self.dtype = np.dtype(_FLOATS[self._input.type]).name
        side = 2 * self.layout.stride
        frame = np.zeros((*(self.layout.frame if self.layout.fixed else (side, side)), 3), np.uint8)
        try:
            self(frame).check(self.layout, str(path))
        except BackendError as error:
            raise WeightsMismatchError(f"{path} cannot be run: {error.__cause__}") from error

    def __call__(self, frame: NDArray[np.uint8]) -> Output:
        """What the model makes of a frame.

        Raises:
            BackendError: ONNX Runtime failed.
        """
        pixels = np.ascontiguousarray(frame.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        try:
            predictions, *prototypes = self._session.run(None, {self._input.name: pixels.astype(_FLOATS[self._input.type], copy=False)})
        except Exception as error:  # As above.
            raise BackendError(f"ONNX Runtime failed: {error}") from error
        return Output(
            predictions[0].astype(np.float32, copy=False), prototypes[0][0].astype(np.float32, copy=False) if prototypes else None
        )


def _layout(path: Path, session: Any) -> Layout:
    """What the file says of itself: ultralytics writes it into the metadata as Python literals."""
    metadata: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    missing = [key for key in ("names", "stride", "task") if key not in metadata]
    if missing:
        raise WeightsMismatchError(f"{path} does not say its {', '.join(missing)}: it is no detector that ultralytics exported")
    if metadata["task"] not in _TASKS:
        raise WeightsMismatchError(f"{path} is a YOLO model for task {metadata['task']!r}; those that run are for {' and '.join(_TASKS)}")
    inputs = session.get_inputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or inputs[0].type not in _FLOATS or len(shape) != 4 or shape[1] != 3 or shape[0] not in (1, "batch", None):
        described = ", ".join(f"{value.name} {value.type} {value.shape}" for value in inputs)
        raise WeightsMismatchError(f"{path} should take one frame of shape (1, 3, height, width), and takes {described}")
    names = _names(path, metadata["names"])
    stride = _literal(path, metadata, "stride")
    if not is_whole_number(stride, 1):
        raise WeightsMismatchError(f"{path} says that its stride is {stride!r}, which is no whole number of pixels")
    fixed = all(isinstance(side, int) for side in shape[2:])
    frame = (shape[2], shape[3]) if fixed else _side(path, metadata)
    arguments = _literal(path, metadata, "args", {})
    # With `nms`, the exported graph drops overlapping boxes itself, and its output has the form of an end-to-end model's.
    end_to_end = _literal(path, metadata, "end2end", False) is True or (isinstance(arguments, dict) and arguments.get("nms") is True)
    return Layout(names, stride, frame, fixed, end_to_end)


def _names(path: Path, text: str) -> tuple[str, ...]:
    names = _literal(path, {"names": text}, "names")
    if isinstance(names, dict):
        names = [names.get(index) for index in range(len(names))]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise WeightsMismatchError(f"{path} says that its class names are {text[:80]}, which is no list of names")
    return tuple(names)


def _side(path: Path, metadata: Mapping[str, str]) -> Size:
    side = _literal(path, metadata, "imgsz", [640, 640])
    height, width = side if isinstance(side, (list, tuple)) and len(side) == 2 else (side, side)
    if not all(isinstance(length, int) and length > 0 for length in (height, width)):
        raise WeightsMismatchError(f"{path} says that its imgsz is {side!r}, which is no size in pixels")
    return (height, width)


def _literal(path: Path, metadata: Mapping[str, str], key: str, default: Any = None) -> Any:
    if key not in metadata:
        return default
    try:
        return ast.literal_eval(metadata[key])
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise WeightsMismatchError(f"{path} says that its {key} is {metadata[key][:80]!r}, which is no value") from error
