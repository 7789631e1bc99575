"""Weights file of a YOLO request, for backends ``yolo`` and ``onnx_yolo``."""

from __future__ import annotations

from pathlib import Path

from ..errors import WeightsMismatchError, WeightsNotFoundError
from ..registry import LoadRequest

MAX_STRIDE = 1024
"""Largest stride in pixels that a file may declare. Published models have 32 or 64."""
MAX_SIDE = 8192
"""Longest side in pixels of a model input that a file may declare."""


def weights_file(request: LoadRequest) -> Path:
    """Return the weights file of a request.

    Raises:
        WeightsNotFoundError: The model has no published weights, and the user gave none.
        WeightsMismatchError: The file is for the other engine.
    """
    if not request.weights.files:
        raise WeightsNotFoundError(f"model {request.model.name!r} runs weights of your own: '{request.model.name}=PATH' or weights=PATH")
    (path,) = request.weights.files.values()
    suffix = {"torch": ".pt", "onnx": ".onnx"}[request.engine.name]
    if path.suffix.lower() in (".pt", ".onnx") and path.suffix.lower() != suffix:
        raise WeightsMismatchError(f"{path} is not for engine {request.engine.name!r}, which runs {suffix} files: load it as 'yolo={path}'")
    return path
