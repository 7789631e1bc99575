"""What the backends on YOLO models share."""

from __future__ import annotations

from pathlib import Path

from ..errors import WeightsMismatchError, WeightsNotFoundError
from ..registry import LoadRequest


def given_file(request: LoadRequest) -> Path:
    """The one file of a request's weights.

    Raises:
        WeightsNotFoundError: There is none: the model runs weights of the user's own.
        WeightsMismatchError: It is for the other engine.
    """
    if not request.weights.files:
        raise WeightsNotFoundError(f"model {request.model.name!r} runs weights of your own: '{request.model.name}=PATH' or weights=PATH")
    (path,) = request.weights.files.values()
    suffix = {"torch": ".pt", "onnx": ".onnx"}[request.engine.name]
    if path.suffix.lower() in (".pt", ".onnx") and path.suffix.lower() != suffix:
        raise WeightsMismatchError(f"{path} is not for engine {request.engine.name!r}, which runs {suffix} files: load it as 'yolo={path}'")
    return path
