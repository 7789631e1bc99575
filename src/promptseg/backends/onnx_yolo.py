"""YOLO detectors on ONNX Runtime, from ONNX files that ultralytics exported, in floating point or quantized.

They need neither torch nor ultralytics. The classes and the input size are read from the metadata of the file. A file without metadata is
read if the shapes of its outputs are those of such a file. Its classes are those of option ``names``, of a ``config.json`` beside it or,
with a warning, of COCO.

Options of `promptseg.load` and their defaults:

- ``threshold`` (``0.05``): Score threshold. Only detections that score above it are returned.
- ``iou`` (``0.7``): IoU threshold of the non-maximum suppression within a class.
- ``max_detections`` (``300``): Maximum number of detections per image.
- ``imgsz`` (``None``): Side of the model input in pixels. None: the model's own input size.
- ``masks`` (``True``): Whether a ``-seg`` model returns masks.
- ``names`` (``None``): Names of the classes: a list, numbers with names, or a file with them. None: those of the file.
- ``threads`` (``None``): Number of threads. None: the number of processors that this process may use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .._checks import is_whole_number
from ..errors import BackendError, ConfigError, PromptSegError, WeightsMismatchError, shown
from ..masks import Size
from ..models.detr.preprocessing import read_object
from ..models.yolo.detector import YoloDetector, YoloSettings
from ..models.yolo.literals import read_literal
from ..models.yolo.output import Form, Output, YoloMetadata
from ..registry import LoadRequest
from ..runtime.devices import kind_of
from ..runtime.host import thread_count
from ..runtime.onnx import device_of, inference_session, session_options
from ..runtime.onnx_files import check_onnx
from ._class_names import CONFIG, MAX_CONFIG_BYTES, class_columns
from ._yolo import MAX_SIDE, MAX_STRIDE, weights_file

_TASKS = ("detect", "segment")
_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def load(request: LoadRequest) -> YoloDetector:
    """Return the detector of a load request; the factory of backend ``onnx_yolo``.

    Raises:
        ConfigError: An option has an invalid value, or the device is not available.
        WeightsNotFoundError: The user gave no weights.
        WeightsMismatchError: The file is damaged, or is not a detector that ultralytics exported.
    """
    options = request.options
    settings = YoloSettings.checked(options)
    threads = thread_count(options["threads"])
    device = device_of(request.device)
    network = OnnxNetwork(weights_file(request), device, threads, options["names"])
    provenance = request.provenance(f"onnxruntime {onnxruntime.__version__}", kind_of(device), network.dtype)
    return YoloDetector(network, provenance, settings)


class OnnxNetwork:
    """ONNX file that ultralytics exported, as a `promptseg.models.yolo.detector.Network`.

    Args:
        path: The file.
        device: ``"cpu"``, ``"cuda"``, or ``"cuda:1"`` for the second GPU.
        threads: Number of threads for one image.
        names: Option ``names``.

    Raises:
        WeightsMismatchError: The file cannot be loaded or run, or its output is none of a detector, or does not fit the metadata.
        ConfigError: The names are not a list of names, or are not as many as the classes.
    """

    def __init__(self, path: Path, device: str, threads: int, names: Any = None) -> None:
        check_onnx(path)
        self._session = inference_session(path, session_options(threads), device)
        session = self._session.get()
        self._input = _image_input(path, session)
        self.dtype = np.dtype(_FLOATS[self._input.type]).name
        metadata: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
        described = _described(path, metadata, self._input.shape)
        side = 2 * described.stride
        probe = np.zeros((*(described.input_size if described.fixed else (side, side)), 3), np.uint8)
        try:
            output = self(probe)
        except BackendError as error:
            raise WeightsMismatchError(f"{path} cannot be run: {error.__cause__}") from error
        self.metadata = _named(path, metadata, described, output, probe.shape[:2], names)
        output.check(self.metadata, str(path))

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
            if predictions.ndim != 3 or any(each.ndim != 4 for each in prototypes[:1]):
                shapes = ", ".join(str(each.shape) for each in (predictions, *prototypes))
                raise ValueError(f"its outputs have the shapes {shapes}")  # noqa: TRY301 - As every other fault of the file.
        except PromptSegError:
            raise
        except Exception as error:  # ONNX Runtime's exception classes share no base but Exception.
            raise BackendError(f"ONNX Runtime failed: {error}") from error
        return Output(
            predictions[0].astype(np.float32, copy=False), prototypes[0][0].astype(np.float32, copy=False) if prototypes else None
        )


def _image_input(path: Path, session: Any) -> Any:
    """Return the one input of a file: the image."""
    inputs = session.get_inputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or inputs[0].type not in _FLOATS or len(shape) != 4 or shape[1] != 3 or not (shape[0] == 1 or _is_open(shape[0])):
        described = ", ".join(f"{value.name} {value.type} {value.shape}" for value in inputs)
        raise WeightsMismatchError(f"{path} has inputs {described}, expected one of shape (1, 3, height, width)")
    return inputs[0]


def _is_open(length: object) -> bool:
    """Return whether a length of a shape may be any: it has a name, or none."""
    return length is None or isinstance(length, str)


def _described(path: Path, metadata: Mapping[str, str], shape: Sequence[Any]) -> YoloMetadata:
    """Return the metadata of a file, without the names of its classes. ultralytics writes it as Python literals."""
    if metadata.get("task", _TASKS[0]) not in _TASKS:
        raise WeightsMismatchError(f"{path} is a YOLO model for task {shown(metadata['task'])}; supported tasks are {' and '.join(_TASKS)}")
    stride = _literal(path, metadata, "stride", 32)
    if not is_whole_number(stride, 1) or stride > MAX_STRIDE:
        raise WeightsMismatchError(f"{path} has stride {shown(stride)} in its metadata, expected a whole number from 1 to {MAX_STRIDE}")
    fixed = all(isinstance(side, int) for side in shape[2:])
    if fixed and not all(0 < side <= MAX_SIDE for side in shape[2:]):
        raise WeightsMismatchError(f"{path} takes images of size {shape[2:]} (height, width), expected {MAX_SIDE} pixels at most")
    input_size = (shape[2], shape[3]) if fixed else _input_size(path, metadata)
    arguments = _literal(path, metadata, "args", {})
    # Exported with `nms`, the graph contains non-maximum suppression, and its output has the form of an end-to-end model.
    end_to_end = _literal(path, metadata, "end2end", False) is True or (isinstance(arguments, dict) and arguments.get("nms") is True)
    return YoloMetadata((), stride, input_size, fixed, end_to_end)


def _named(path: Path, metadata: Mapping[str, str], described: YoloMetadata, output: Output, size: Size, option: Any) -> YoloMetadata:
    """Return the metadata of a file with the names of its classes.

    Args:
        path: The file.
        metadata: Its metadata as it is written.
        described: Its metadata without names.
        output: Its output for some image.
        size: ``(height, width)`` of the model input of this output.
        option: Option ``names``.
    """
    own = _names(path, metadata["names"]) if "names" in metadata else None
    rows = output.predictions.shape[0]
    written = Form(None if described.end_to_end else rows - 4 - output.coefficients, described.end_to_end)
    form = written if "stride" in metadata else output.form(size)
    if form is None:
        raise WeightsMismatchError(
            f"{path} has no stride in its metadata, and its output of shape {output.predictions.shape} is not that of a detector that "
            f"ultralytics exports: expected (4 + classes, boxes) or (boxes, 6), for an input of {size[0]} x {size[1]} pixels"
        )
    described = replace(described, end_to_end=form.end_to_end)
    if own is not None and option is None:
        return replace(described, names=own)
    count = form.classes if own is None else len(own)
    config = _beside(path)
    origin = "option names" if option is not None else str(config)
    classes = class_columns(option, count, {} if config is None else read_object(config, MAX_CONFIG_BYTES), origin, str(path))
    if classes.columns != tuple(range(count or len(classes.names))):
        raise (ConfigError if option is not None else WeightsMismatchError)(
            f"{origin} names the classes {shown(list(classes.columns))}, and the model has {count or 'those from 0 on'}: name each of them"
        )
    return replace(described, names=classes.names)


def _beside(path: Path) -> Path | None:
    """Return the configuration beside a file, or one folder above a folder ``onnx``."""
    places = [path.parent, *([path.parent.parent] if path.parent.name == "onnx" else [])]
    return next((place / CONFIG for place in places if (place / CONFIG).is_file()), None)


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
