"""What the backends on segment-anything's code share: from a request to a segmenter, given how the package builds its model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import torch

from ..registry import LoadRequest
from ..results import Provenance
from ..sam import torch_checkpoints
from ..sam.cache import embedding_cache
from ..sam.session import SamSegmenter
from ..sam.torch_model import OPTIONS, Settings, TorchSam


def load_segmenter(request: LoadRequest, make: Callable[[LoadRequest], Any], *, package: str, smaller: Sequence[str] = ()) -> SamSegmenter:
    """Makes the model of a request and puts the engine behind it.

    Args:
        request: What `load` was asked for.
        make: Makes the package's ``Sam`` with the request's weights; called when the options are known to be right.
        package: Name of the package, as it is installed.
        smaller: Names of smaller models, for the message where this one does not fit into memory.

    Raises:
        ConfigError: An unknown option, or a device or type that is not there.
        WeightsMismatchError: The weights are damaged, unsafe or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    options = request.take(**OPTIONS)
    settings = Settings.checked(request.device, options)
    cache = embedding_cache(options["cache"])
    sam = make(request)
    provenance = Provenance(
        model=request.model.name,
        backend=request.engine.backend,
        version=f"{package} {version(package)}, torch {torch.__version__}",
        weights=request.weights.sha256,
        licence=request.model.licence,
        device=settings.device.type,
        dtype=settings.dtype_name,
    )
    return SamSegmenter(TorchSam(sam, provenance, settings, smaller), cache)


def from_checkpoint(request: LoadRequest, build: Callable[[], Any]) -> Any:
    """A model with the weights of the one checkpoint of a request, in evaluation mode on the CPU.

    Args:
        request: What `load` was asked for.
        build: Makes the package's ``Sam`` with any weights, or without memory for them.

    Raises:
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
    """
    (path,) = request.weights.files.values()
    return torch_checkpoints.load_checkpoint(path, build, request.engine.variant, request.model.name)
