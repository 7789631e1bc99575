"""What the trackers on transformers share: device, dtype, folder and provenance of a load request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .._checks import whole_number
from ..errors import ConfigError, shown
from ..models.sam.torch.encoding import TorchSettings, check_memory
from ..registry import LoadRequest
from ..registry.catalog import memory_requirement
from ..results import Provenance
from ..runtime.memory import MemoryRequirement
from ._transformers import folder_of, provenance_of


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
        WeightsNotFoundError: There are no weights.
        OutOfMemoryError: The model does not fit into memory.
    """
    options = dict(request.options)
    for name, smallest in least.items():
        options[name] = whole_number(f"option {name}", options[name], smallest)
    for name in flags:
        if not isinstance(options[name], bool):
            raise ConfigError(f"option {name} is True or False, got {shown(options[name])}")
    settings = TorchSettings.checked(request.device, {"decode_batch": None, "compile": False, **options})
    folder = folder_of(request)
    need = memory_requirement(request.model, request.engine)
    check_memory(need, settings)
    provenance = replace(provenance_of(request, settings.device, settings.dtype), backend=backend)
    return Prepared(folder, options, settings, need, provenance)
