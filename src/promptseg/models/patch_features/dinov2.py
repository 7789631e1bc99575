"""DINOv2 of transformers, with and without registers.

M. Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR 2024. T. Darcet, M. Oquab, J. Mairal, P. Bojanowski,
"Vision Transformers Need Registers", ICLR 2024.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import WeightsMismatchError
from ...results import Provenance
from ...runtime.structured import read_json
from ..transformers.loading import CONFIG, load_pretrained
from .extractor import MAX_PATCH, MIN_PATCH, PatchFeatures


def from_folder(
    folder: Path, provenance: Provenance, device: torch.device, dtype: torch.dtype = torch.float32, longest: int = 518
) -> PatchFeatures:
    """Return the features of the model in a folder that transformers saved: the normalized output of the last layer.

    Args:
        folder: The folder.
        provenance: Provenance of the model.
        device: Device that it runs on.
        dtype: Type in which it computes.
        longest: Longer side of the model input in pixels; rounded to whole patches.

    Raises:
        WeightsNotFoundError: A file is missing in the folder.
        WeightsMismatchError: The folder contains another model or is damaged.
        OutOfMemoryError: The model does not fit into memory.
    """
    cls = _class_of(folder)
    model = load_pretrained(cls, folder, device=device, dtype=torch.float32, architectures=(cls.__name__,))
    patch = model.config.patch_size
    if not isinstance(patch, int) or not MIN_PATCH <= patch <= MAX_PATCH:
        raise WeightsMismatchError(f"{folder / CONFIG} has patch_size={patch}, expected from {MIN_PATCH} to {MAX_PATCH}")

    def encode(pixels: Tensor) -> Tensor:
        states: Tensor = model(pixel_values=pixels).last_hidden_state
        return states

    return PatchFeatures(encode, patch, provenance, device, dtype, longest)


def _class_of(folder: Path) -> Any:
    """Return the class of transformers for a folder: with registers or without. Whether it is one of them is checked when it is loaded."""
    from transformers import Dinov2Model, Dinov2WithRegistersModel

    path = folder / CONFIG
    try:
        values = read_json(path, 4 << 20) if path.is_file() else {}
    except ValueError as error:
        raise WeightsMismatchError(f"{error}") from error
    registers = isinstance(values, dict) and values.get("model_type") == Dinov2WithRegistersModel.config_class.model_type
    return Dinov2WithRegistersModel if registers else Dinov2Model
