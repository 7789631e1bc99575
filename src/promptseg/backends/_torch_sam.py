"""Loading of torch segmenters and of their checkpoints, for backends ``sam``, ``mobile_sam``, ``sam_hq``, ``sam2`` and ``sam2_video``."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ..errors import ConfigError, shown
from ..models.sam import selection
from ..models.sam.cache import embedding_cache
from ..models.sam.session import SamSegmenter
from ..models.sam.torch import checkpoints
from ..models.sam.torch.encoding import TorchSettings, check_memory, loading
from ..models.sam.torch.model import TorchSam
from ..registry import LoadRequest
from ..registry.catalog import memory_requirement
from ..weights.store import DECODER, ENCODER


def load_segmenter(
    request: LoadRequest,
    make: Callable[[LoadRequest], Any],
    *,
    package: str,
    engine: Callable[..., TorchSam] = TorchSam,
) -> SamSegmenter:
    """Return the segmenter of a load request.

    Args:
        request: The load request.
        make: Function that returns the package's model with the weights of a request. It is called after the options are checked.
        package: Name of the package, as it is installed.
        engine: Class that runs the package's model, or a function with the same arguments.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsMismatchError: The weights are damaged, unsafe or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    options = request.options
    settings = TorchSettings.checked(request.device, options)
    cache, rule = embedding_cache(options["cache"]), selection.rule(options["selection"])
    need = memory_requirement(request.model, request.engine)
    check_memory(need, settings)
    with loading(need, settings):
        sam = make(request)
    provenance = request.provenance(f"{package} {version(package)}, torch {torch.__version__}", settings.device.type, settings.dtype_name)
    return SamSegmenter(engine(sam, provenance, settings, need), cache, rule)


def hq_token_only(request: LoadRequest) -> bool:
    """Return whether the mask of SAM-HQ's high-quality token stands alone, by the option of that name.

    Raises:
        ConfigError: The option has another type.
    """
    alone = request.options["hq_token_only"]
    if not isinstance(alone, bool):
        raise ConfigError(f"option hq_token_only is True or False, got {shown(alone)}")
    return alone


def from_checkpoint(request: LoadRequest, build: Callable[[], Any], variant: str | None = None) -> Any:
    """Return a model with the checkpoint of a request and its fine-tuned parts, in evaluation mode on the CPU.

    Args:
        request: The load request. Its weights are one checkpoint, and optionally a fine-tuned decoder and encoder.
        build: Function that returns the package's model with any weights, or on device "meta".
        variant: Value of `checkpoints.variant_of` for the right checkpoint. None: the variant of the request.

    Raises:
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
    """
    (path,) = base_files(request)
    module = checkpoints.load_checkpoint(path, build, variant or request.engine.variant, request.model.name)
    return with_decoder(request, module)


def base_files(request: LoadRequest) -> list[Path]:
    """Return the weight files of a request without the fine-tuned parts."""
    return [path for name, path in request.weights.files.items() if name not in (DECODER, ENCODER)]


def with_decoder(request: LoadRequest, module: Any) -> Any:
    """Return the model with the fine-tuned decoder and image encoder of a request, if the request has them.

    Raises:
        WeightsMismatchError: A file is damaged or of another model.
    """
    for name, part in ((DECODER, checkpoints.decoder_state), (ENCODER, checkpoints.encoder_state)):
        if name in request.weights.files:
            module = checkpoints.load_part(request.weights.files[name], module, part(module), request.model.name)
    return module
