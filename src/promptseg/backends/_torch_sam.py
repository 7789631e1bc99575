"""What the backends on segment-anything's code share: from a request to a segmenter, given how the package builds its model."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch

from ..registry import LoadRequest, memory_need
from ..results import Provenance
from ..sam import choose, torch_checkpoints
from ..sam.cache import embedding_cache
from ..sam.session import SamSegmenter
from ..sam.torch_model import OPTIONS, Settings, TorchSam, check_memory, loading


def load_segmenter(
    request: LoadRequest,
    build: Callable[[], Any],
    *,
    package: str,
    prepare: Callable[[Any], None] | None = None,
) -> SamSegmenter:
    """Loads the checkpoint of a request into a model and puts the engine behind it.

    Args:
        request: What `load` was asked for.
        build: Makes the package's ``Sam`` without weights.
        package: Name of the package, as it is installed.
        prepare: Changes the model once it has its weights.

    Raises:
        ConfigError: An unknown option, or a device or type that is not there.
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    options = request.take(**OPTIONS)
    settings = Settings.checked(request.device, options)
    cache, rule = embedding_cache(options["cache"]), choose.rule(options["choose"])
    need = memory_need(request.model, request.engine)
    check_memory(need, settings)
    (path,) = request.weights.files.values()
    with loading(need, settings):
        sam = torch_checkpoints.load_checkpoint(path, build, request.engine.variant, request.model.name)
        if prepare is not None:
            prepare(sam)
    provenance = Provenance(
        model=request.model.name,
        backend=request.engine.backend,
        version=f"{package} {version(package)}, torch {torch.__version__}",
        weights=request.weights.sha256,
        licence=request.model.licence,
        device=settings.device.type,
        dtype=settings.dtype_name,
    )
    return SamSegmenter(TorchSam(sam, provenance, settings, need), cache, rule)
