"""What the backends on the code of SAM and SAM 2 share: from a request to a segmenter, given how the package builds its model."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ..models.sam import selection
from ..models.sam.cache import embedding_cache
from ..models.sam.session import SamSegmenter
from ..models.sam.torch import checkpoints
from ..models.sam.torch.model import Settings, TorchSam, check_memory, loading
from ..registry import LoadRequest
from ..registry.catalog import memory_need
from ..weights.store import DECODER, ENCODER


def load_segmenter(
    request: LoadRequest,
    make: Callable[[LoadRequest], Any],
    *,
    package: str,
    engine: type[TorchSam] = TorchSam,
) -> SamSegmenter:
    """Makes the model of a request and puts the engine behind it.

    Args:
        request: What `load` was asked for.
        make: Makes the package's model with the request's weights; called when the options are known to be right.
        package: Name of the package, as it is installed.
        engine: What runs the package's model.

    Raises:
        ConfigError: An unknown option, or a device or type that is not there.
        WeightsMismatchError: The weights are damaged, unsafe or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    options = request.options
    settings = Settings.checked(request.device, options)
    cache, rule = embedding_cache(options["cache"]), selection.rule(options["selection"])
    need = memory_need(request.model, request.engine)
    check_memory(need, settings)
    with loading(need, settings):
        sam = make(request)
    provenance = request.provenance(f"{package} {version(package)}, torch {torch.__version__}", settings.device.type, settings.dtype_name)
    return SamSegmenter(engine(sam, provenance, settings, need), cache, rule)


def from_checkpoint(request: LoadRequest, build: Callable[[], Any], variant: str | None = None) -> Any:
    """A model with the weights of the one checkpoint of a request, and of a fine-tuned decoder beside it, in evaluation mode on the CPU.

    Args:
        request: What `load` was asked for.
        build: Makes the package's model with any weights, or without memory for them.
        variant: What `checkpoints.variant_of` says of the right checkpoint; None: the request's variant.

    Raises:
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
    """
    (path,) = base_files(request)
    module = checkpoints.load_checkpoint(path, build, variant or request.engine.variant, request.model.name)
    return with_decoder(request, module)


def base_files(request: LoadRequest) -> list[Path]:
    """The files of a request without those that fine-tuning made."""
    return [path for name, path in request.weights.files.items() if name not in (DECODER, ENCODER)]


def with_decoder(request: LoadRequest, module: Any) -> Any:
    """The model with the fine-tuned decoder and image encoder of a request, if it has them.

    Raises:
        WeightsMismatchError: A file is damaged or of another model.
    """
    for name, part in ((DECODER, checkpoints.decoder_state), (ENCODER, checkpoints.encoder_state)):
        if name in request.weights.files:
            module = checkpoints.load_part(request.weights.files[name], module, part(module), request.model.name)
    return module
