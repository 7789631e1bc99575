"""YOLO11, YOLOv8 and other detectors of ultralytics, in torch, also with masks (``-seg``). ultralytics and its models are under AGPL-3.0.

ultralytics has the layers; reading the checkpoint, the frame, thresholds, non-maximum suppression and masks are promptseg's own.

Options of `load`: ``threshold`` (0.05), ``iou`` (0.7), ``max_detections`` (300), ``imgsz`` (the model's own) and ``masks`` (True), as
`promptseg.models.yolo.detector.Settings` says, and ``dtype`` (``"float32"``, the default, ``"bfloat16"`` or ``"float16"``).
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
from ..models.yolo.detector import Settings, YoloDetector
from ..models.yolo.output import Layout, Output
from ..models.yolo.pickled import Inert, read_pickled
from ..registry import LoadRequest
from ..runtime.torch import chosen_device, chosen_dtype, unless_out_of_memory
from ._ultralytics import import_tasks, rebuild
from ._yolo import given_file

_HEADS = ("Detect", "Segment", "Segment26", "v10Detect")
"""The last layers of models that find boxes of a fixed list of classes."""


def load(request: LoadRequest) -> YoloDetector:
    """The factory of backend ``yolo``.

    Raises:
        ConfigError: An unknown option, or a device or type that is not there.
        WeightsNotFoundError: The model is one's own, and no weights were given.
        WeightsMismatchError: The checkpoint is damaged or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    options = request.options
    settings = Settings.checked(options)
    device = chosen_device(request.device)
    dtype = chosen_dtype(options["dtype"], device)
    path = given_file(request)
    module, layout = read_model(path, request.engine.variant)
    network = TorchNetwork(module, layout, device, dtype, str(path))
    versions = f"ultralytics {version('ultralytics')}, torch {torch.__version__}"
    provenance = request.provenance(versions, device.type, str(dtype).removeprefix("torch."))
    return YoloDetector(network, provenance, settings)


def read_model(path: Path, variant: str) -> tuple[Any, Layout]:
    """The module of a checkpoint of ultralytics, with what has to be known of it. Nothing in the file is executed.

    Args:
        path: The checkpoint.
        variant: Name of the architecture that it must have, as ultralytics names its configurations; ``"any"`` for any.

    Raises:
        WeightsMismatchError: It is damaged, or of another model.
    """
    content = read_pickled(path)
    saved = (content.get("ema") or content.get("model")) if isinstance(content, dict) else None
    if not isinstance(saved, Inert):
        raise WeightsMismatchError(f"{path} is no checkpoint of ultralytics: it should hold a model under 'model' or 'ema'")
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
    stride = max(int(head.stride.max()), 32)
    return module, Layout(names, stride, _frame(content.get("train_args"), stride), end_to_end=bool(getattr(head, "end2end", False)))


class TorchNetwork:
    """A module of ultralytics that computes; a `promptseg.models.yolo.detector.Network`.

    One frame at a time is computed, because the module keeps a grid of the last frame's size to itself; torch has threads of its own.

    Args:
        module: The module, in evaluation mode. It is taken over: folded, moved and converted.
        layout: What has to be known of it.
        device: Where it runs.
        dtype: In which type. Its last layer stays in float32, because coordinates have no place in fewer digits.
        name: What messages call it.

    Raises:
        WeightsMismatchError: It does not compute, or not what the layout says.
        OutOfMemoryError: It does not fit on the device.
    """

    def __init__(self, module: Any, layout: Layout, device: torch.device, dtype: torch.dtype, name: str) -> None:
        self.layout = layout
        self._device, self._dtype, self._name = device, dtype, name
        self._lock = threading.Lock()
        head = module.model[-1]
        head.export, head.format = True, None  # So that it returns what it computed, and not also what a training would want.
        placed = unless_out_of_memory(lambda: _placed(module, device, dtype))
        if isinstance(placed, Exception):
            raise self._too_large("the model does not fit") from placed
        self._module = placed
        try:
            probed = self(np.zeros((2 * layout.stride, 2 * layout.stride, 3), np.uint8))
        except BackendError as error:
            raise WeightsMismatchError(f"{name} cannot be run: {error.__cause__}") from error
        probed.check(layout, name)

    def __call__(self, frame: NDArray[np.uint8]) -> Output:
        """What the model makes of a frame.

        Raises:
            BackendError: torch failed.
            OutOfMemoryError: The frame does not fit beside the model.
        """
        try:
            computed = unless_out_of_memory(lambda: self._compute(frame))
        except Exception as error:  # torch's own errors have no base in common.
            raise BackendError(f"torch failed: {error}") from error
        if isinstance(computed, Exception):
            raise self._too_large(f"a frame of {frame.shape[1]} x {frame.shape[0]} does not fit beside the model") from computed
        predictions, prototypes = computed if isinstance(computed, (tuple, list)) else (computed, None)
        return Output(_array(predictions), None if prototypes is None else _array(prototypes))

    def _compute(self, frame: NDArray[np.uint8]) -> Any:
        with self._lock, torch.inference_mode(), torch.autocast(self._device.type, enabled=False):
            pixels = torch.tensor(frame, device=self._device).permute(2, 0, 1)[None].float().div_(255)
            return self._module(pixels.to(self._dtype, memory_format=_memory_format(self._device)))

    def _too_large(self, what: str) -> OutOfMemoryError:
        return OutOfMemoryError(
            f"out of memory on {self._device.type}: {self._name}: {what}; try a smaller imgsz, device='cpu' or a smaller model"
        )


def _placed(module: Any, device: torch.device, dtype: torch.dtype) -> Any:
    with torch.random.fork_rng(devices=[]):  # Folded layers may draw random numbers before they are given their weights.
        module = module.fuse(verbose=False).to(device, dtype, memory_format=_memory_format(device))
    if dtype != torch.float32:
        head = module.model[-1].float()
        head.register_forward_pre_hook(lambda _, args: ([features.float() for features in args[0]],))
    return module


def _memory_format(device: torch.device) -> torch.memory_format:
    """Pixel by pixel on the CPU, where that takes a seventh less time, as ultralytics does it."""
    return torch.channels_last if device.type == "cpu" else torch.contiguous_format


def _array(computed: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = computed[0].float().cpu().numpy()
    return array


def _check_variant(path: Path, module: Any, variant: str) -> None:
    """Compares layers, depth and width with ultralytics' own configuration of that name."""
    expected = import_tasks().yaml_model_load(f"{variant}.yaml")
    depth, width, most = expected["scales"][expected["scale"]]
    rows: Sequence[tuple[Any, int, str, list[Any]]] = expected["backbone"] + expected["head"]
    layers = list(module.model)
    if len(layers) != len(rows):
        raise WeightsMismatchError(f"{path} has {len(layers)} layers, and {variant} has {len(rows)}")
    for index, (layer, (_, repeats, name, args)) in enumerate(zip(layers, rows, strict=True)):
        found, wanted = [type(layer).__name__], [name.rpartition(".")[2]]
        if wanted == found == ["Conv"]:
            found.append(f"of {layer.conv.out_channels} channels")
            wanted.append(f"of {math.ceil(min(args[0], most) * width / 8) * 8} channels")
        elif isinstance(getattr(layer, "m", None), (torch.nn.ModuleList, torch.nn.Sequential)):
            found.append(f"of {len(layer.m)} blocks")
            wanted.append(f"of {max(round(repeats * depth), 1)} blocks")
        if found != wanted:
            raise WeightsMismatchError(
                f"{path} is not of model {variant!r}: its layer {index} is a {' '.join(found)}, and should be a {' '.join(wanted)}. "
                f"A model of another architecture runs as 'yolo={path}'"
            )


def _names(path: Path, module: Any) -> tuple[str, ...]:
    names = getattr(module, "names", None)
    if isinstance(names, dict):
        names = [names.get(index) for index in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) != module.model[-1].nc:
        raise WeightsMismatchError(f"{path} has no list of {module.model[-1].nc} class names, which is how many classes its last layer has")
    return tuple(names)


def _frame(trained: Any, stride: int) -> Size:
    """The frame that a model was trained on, as ultralytics notes it."""
    settings = trained.state if isinstance(trained, Inert) else trained
    side = settings.get("imgsz") if isinstance(settings, dict) else None
    sides = tuple(side) if isinstance(side, (list, tuple)) else (side, side)
    if len(sides) != 2 or not all(isinstance(length, int) and length > 0 for length in sides):
        sides = (640, 640)
    height, width = (math.ceil(length / stride) * stride for length in sides)
    return (height, width)
