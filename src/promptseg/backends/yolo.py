"""YOLO detectors of ultralytics (YOLO11, YOLOv8 and others) in torch, with masks for ``-seg`` models.

ultralytics and its models are licensed under AGPL-3.0. Only the layers are those of ultralytics. promptseg has its own code for reading
checkpoints, letterboxing, thresholds, non-maximum suppression and masks.

Options of `promptseg.load` and their defaults:

- ``threshold`` (``0.05``): Score threshold. Only detections that score above it are returned.
- ``iou`` (``0.7``): IoU threshold of the non-maximum suppression within a class.
- ``max_detections`` (``300``): Maximum number of detections per image.
- ``imgsz`` (``None``): Side of the model input in pixels. None: the model's own input size.
- ``masks`` (``True``): Whether a ``-seg`` model returns masks.
- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import BackendError, OutOfMemoryError, WeightsMismatchError
from ..masks import Size
from ..models.yolo.detector import YoloDetector, YoloSettings
from ..models.yolo.output import Output, YoloMetadata
from ..models.yolo.pickled import PicklePlaceholder, read_pickled
from ..registry import LoadRequest
from ..runtime.torch import chosen_device, chosen_dtype, computing, to_host, unless_out_of_memory
from ._ultralytics import import_tasks, rebuild
from ._yolo import MAX_SIDE, MAX_STRIDE, weights_file

_HEADS = ("Detect", "Segment", "Segment26", "v10Detect")
"""Last layers of the detectors with a fixed list of classes."""


def load(request: LoadRequest) -> YoloDetector:
    """Return the detector of a load request; the factory of backend ``yolo``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsNotFoundError: The model has no published weights, and the user gave none.
        WeightsMismatchError: The checkpoint is damaged or belongs to another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    options = request.options
    settings = YoloSettings.checked(options)
    device = chosen_device(request.device)
    dtype = chosen_dtype(options["dtype"], device, allow_slow=options["allow_slow"])
    path = weights_file(request)
    module, metadata = read_model(path, request.engine.variant)
    network = TorchNetwork(module, metadata, device, dtype, str(path))
    versions = f"ultralytics {version('ultralytics')}, torch {torch.__version__}"
    provenance = request.provenance(versions, device.type, str(dtype).removeprefix("torch."))
    return YoloDetector(network, provenance, settings)


def read_model(path: Path, variant: str) -> tuple[Any, YoloMetadata]:
    """Read the module and its metadata from a checkpoint of ultralytics. Nothing in the file is executed.

    Args:
        path: The checkpoint.
        variant: Expected architecture, by the name of its configuration in ultralytics, or ``"any"``.

    Raises:
        WeightsMismatchError: The checkpoint is damaged or belongs to another model.
    """
    content = read_pickled(path)
    saved = (content.get("ema") or content.get("model")) if isinstance(content, dict) else None
    if not isinstance(saved, PicklePlaceholder):
        raise WeightsMismatchError(f"{path} is not a checkpoint of ultralytics: expected a model under 'model' or 'ema'")
    try:
        module: Any = rebuild(saved)
    except WeightsMismatchError as error:
        raise WeightsMismatchError(f"{path}: {error}") from error
    head = module.model[-1]
    if type(head).__name__ not in _HEADS:
        raise WeightsMismatchError(
            f"{path} is a YOLO model of another kind: it ends in a {type(head).__name__}, not in {' or '.join(_HEADS)}"
        )
    if variant != "any":
        _check_variant(path, module, variant)
    names = _names(path, module)
    stride = _stride(path, head)
    return module, YoloMetadata(
        names, stride, _input_size(content.get("train_args"), stride), end_to_end=bool(getattr(head, "end2end", False))
    )


class TorchNetwork:
    """Module of ultralytics as a `promptseg.models.yolo.detector.Network`.

    A lock lets one image through at a time, because the module stores a grid of the last input size. torch itself uses several threads.

    Args:
        module: The module in evaluation mode. It is modified: its layers are fused, moved and converted.
        metadata: Classes, input size and output form of the module.
        device: Device that it runs on.
        dtype: Type in which it computes. The last layer stays in float32, because coordinates need its precision.
        name: Name of the model in messages.

    Raises:
        WeightsMismatchError: The module cannot be run, or its output does not fit the metadata.
        OutOfMemoryError: The module does not fit on the device.
    """

    def __init__(self, module: Any, metadata: YoloMetadata, device: torch.device, dtype: torch.dtype, name: str) -> None:
        self.metadata = metadata
        self._device, self._dtype, self._name = device, dtype, name
        self._lock = threading.Lock()
        head = module.model[-1]
        head.export, head.format = True, None  # Without this, the layer also returns values for training.
        placed = unless_out_of_memory(lambda: _placed(module, device, dtype))
        if isinstance(placed, Exception):
            raise self._too_large("the model does not fit") from placed
        self._module = placed
        try:
            probed = self(np.zeros((2 * metadata.stride, 2 * metadata.stride, 3), np.uint8))
        except BackendError as error:
            raise WeightsMismatchError(f"{name} cannot be run: {error.__cause__}") from error
        probed.check(metadata, name)

    def __call__(self, letterboxed: NDArray[np.uint8]) -> Output:
        """Return the raw output for a letterboxed image.

        Args:
            letterboxed: (H, W, 3) uint8 RGB. H and W are multiples of the stride.

        Raises:
            BackendError: torch failed, or the device was in use when this process was forked.
            OutOfMemoryError: There is not enough memory for an image of this size.
        """
        with computing(self._device):
            try:
                computed = unless_out_of_memory(lambda: self._compute(letterboxed))
            except Exception as error:  # torch's own errors have no base in common.
                raise BackendError(f"torch failed: {error}") from error
        if isinstance(computed, Exception):
            raise self._too_large(f"no room for an input of {letterboxed.shape[1]} x {letterboxed.shape[0]} pixels") from computed
        predictions, prototypes = computed if isinstance(computed, (tuple, list)) else (computed, None)
        return Output(_array(predictions), None if prototypes is None else _array(prototypes))

    def _compute(self, letterboxed: NDArray[np.uint8]) -> Any:
        with self._lock, torch.inference_mode(), torch.autocast(self._device.type, enabled=False):
            pixels = torch.tensor(letterboxed, device=self._device).permute(2, 0, 1)[None].float().div_(255)
            return self._module(pixels.to(self._dtype, memory_format=_memory_format(self._device)))

    def _too_large(self, what: str) -> OutOfMemoryError:
        return OutOfMemoryError(
            f"out of memory on {self._device}: {self._name}: {what}; try a smaller imgsz, device='cpu' or a smaller model"
        )


def _placed(module: Any, device: torch.device, dtype: torch.dtype) -> Any:
    with torch.random.fork_rng(devices=[]):  # Fused layers may draw random numbers before they get their weights.
        module = module.fuse(verbose=False).to(device, dtype, memory_format=_memory_format(device))
    if dtype != torch.float32:
        head = module.model[-1].float()
        head.register_forward_pre_hook(lambda _, args: ([features.float() for features in args[0]],))
    return module


def _memory_format(device: torch.device) -> torch.memory_format:
    """Return the faster memory format: channels last on the CPU, where it saves a seventh of the time."""
    return torch.channels_last if device.type == "cpu" else torch.contiguous_format


def _array(computed: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = to_host(computed[0].float())
    return array


def _check_variant(path: Path, module: Any, variant: str) -> None:
    """Raise an error if layers, depth or width differ from the configuration of that name in ultralytics.

    Raises:
        WeightsMismatchError: They differ.
    """
    expected = import_tasks().yaml_model_load(f"{variant}.yaml")
    depth, width, max_channels = expected["scales"][expected["scale"]]
    rows: Sequence[tuple[Any, int, str, list[Any]]] = expected["backbone"] + expected["head"]
    layers = list(module.model)
    if len(layers) != len(rows):
        raise WeightsMismatchError(f"{path} has {len(layers)} layers, and {variant} has {len(rows)}")
    for index, (layer, (_, repeats, name, args)) in enumerate(zip(layers, rows, strict=True)):
        found, wanted = [type(layer).__name__], [name.rpartition(".")[2]]
        if wanted == found == ["Conv"]:
            found.append(f"of {layer.conv.out_channels} channels")
            wanted.append(f"of {math.ceil(min(args[0], max_channels) * width / 8) * 8} channels")
        elif isinstance(getattr(layer, "m", None), (torch.nn.ModuleList, torch.nn.Sequential)):
            found.append(f"of {len(layer.m)} blocks")
            wanted.append(f"of {max(round(repeats * depth), 1)} blocks")
        if found != wanted:
            raise WeightsMismatchError(
                f"{path} is not of model {variant!r}: its layer {index} is a {' '.join(found)}, and should be a {' '.join(wanted)}. "
                f"A model of another architecture runs as 'yolo={path}'"
            )


def _stride(path: Path, head: Any) -> int:
    """Return the stride of a model: the largest of its last layer, and at least 32 pixels."""
    try:
        stride = max(int(head.stride.max()), 32)
    except Exception as error:  # It may be no tensor, an empty one, or infinite.
        raise WeightsMismatchError(f"{path} has no strides in its last layer: {error}") from error
    if stride > MAX_STRIDE:
        raise WeightsMismatchError(f"{path} has a stride of {stride} pixels, expected {MAX_STRIDE} at most")
    return stride


def _names(path: Path, module: Any) -> tuple[str, ...]:
    names = getattr(module, "names", None)
    if isinstance(names, dict):
        names = [names.get(index) for index in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) != module.model[-1].nc:
        raise WeightsMismatchError(f"{path} has no list of {module.model[-1].nc} class names, the number of classes of its last layer")
    return tuple(names)


def _input_size(trained: Any, stride: int) -> Size:
    """Return the input size that a model was trained with, from ultralytics' training arguments; by default 640 x 640."""
    settings = trained.state if isinstance(trained, PicklePlaceholder) else trained
    side = settings.get("imgsz") if isinstance(settings, dict) else None
    sides = tuple(side) if isinstance(side, (list, tuple)) else (side, side)
    if len(sides) != 2 or not all(isinstance(length, int) and 0 < length <= MAX_SIDE for length in sides):
        sides = (640, 640)
    height, width = (math.ceil(length / stride) * stride for length in sides)
    return (height, width)
