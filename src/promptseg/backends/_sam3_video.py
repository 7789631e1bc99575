"""What the backends of SAM 3 on videos share: device, dtype, folder and provenance of a load request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from .._checks import whole_number
from ..errors import ConfigError, WeightsMismatchError, shown
from ..models.sam.torch.model import TorchSettings, check_memory
from ..models.transformers.loading import CONFIG
from ..registry import LoadRequest
from ..registry.catalog import memory_requirement
from ..results import Provenance
from ..runtime.memory import MemoryRequirement


@dataclass(frozen=True)
class Prepared:
    """A checked load request.

    Attributes:
        folder: Folder that transformers saved.
        options: The options of the request. Whole numbers are checked.
        settings: Device and dtype.
        need: Memory requirements of the model.
        provenance: Provenance of the model.
    """

    folder: Path
    options: Mapping[str, Any]
    settings: TorchSettings
    need: MemoryRequirement
    provenance: Provenance


def prepared(request: LoadRequest, backend: str, least: Mapping[str, int], flags: tuple[str, ...]) -> Prepared:
    """Return a load request with checked options, before anything is read.

    Args:
        request: The load request.
        backend: Name of the backend that tracks, for the provenance.
        least: Smallest value of each option that is a whole number.
        flags: Options that are True or False.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsMismatchError: The weights are no folder of transformers.
        OutOfMemoryError: The model does not fit into memory.
    """
    options = dict(request.options)
    for name, smallest in least.items():
        options[name] = whole_number(f"option {name}", options[name], smallest)
    for name in flags:
        if not isinstance(options[name], bool):
            raise ConfigError(f"option {name} is True or False, got {shown(options[name])}")
    settings = TorchSettings.checked(request.device, {"decode_batch": None, "compile": False, **options})
    if CONFIG not in request.weights.files:
        raise WeightsMismatchError(
            f"model {request.model.name!r} is read from a folder that transformers saved, with {CONFIG}; the weights are "
            f"{', '.join(sorted(request.weights.files)) or 'no files'}"
        )
    need = memory_requirement(request.model, request.engine)
    check_memory(need, settings)
    versions = f"transformers {version('transformers')}, torch {torch.__version__}"
    provenance = replace(request.provenance(versions, settings.device.type, settings.dtype_name), backend=backend)
    return Prepared(request.weights.files[CONFIG].parent, options, settings, need, provenance)
