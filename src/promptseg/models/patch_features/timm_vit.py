"""Vision transformers of timm, from a folder as timm publishes them on the Hugging Face hub."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import InputError, WeightsMismatchError, WeightsNotFoundError, shown
from ...results import Provenance
from ...runtime.checkpoints import check_state, read_checkpoint
from ...runtime.structured import is_finite, read_json
from ...runtime.torch_runner import TorchRunner
from ..pixels import PIXEL_MEAN, PIXEL_STD, Color
from .extractor import MAX_PATCH, MAX_SIZE, MIN_PATCH, PatchFeatures

_CONFIG, _TENSORS = "config.json", "model.safetensors"


def from_folder(
    folder: Path, provenance: Provenance, device: torch.device, dtype: torch.dtype = torch.float32, longest: int = 518
) -> PatchFeatures:
    """Return the features of the model in a folder: the normalized output of the last layer. The classifier is left out.

    Args:
        folder: Folder with ``config.json``, which names the architecture, and ``model.safetensors``.
        provenance: Provenance of the model.
        device: Device that it runs on.
        dtype: Type in which it computes.
        longest: Longer side of the model input in pixels; rounded to whole patches.

    Raises:
        WeightsNotFoundError: A file is missing in the folder.
        WeightsMismatchError: The architecture is not one of timm, or no vision transformer; or the tensors are not those of it.
        OutOfMemoryError: The model does not fit into memory.
    """
    config = _config(folder)
    path = folder / _TENSORS
    if not path.is_file():
        raise WeightsNotFoundError(f"{folder} has no {_TENSORS}: expected a folder of timm's, with {_CONFIG} and {_TENSORS}")
    with torch.device("meta"):  # Tensors have no memory there, and are compared with those of the file first.
        expected = _made(folder, config).state_dict()
    state = {name: tensor for name, tensor in read_checkpoint(path).items() if not name.startswith(("head.", "head_dist."))}
    check_state(path, state, expected, provenance.model)
    module = _made(folder, config)
    module.load_state_dict(state)
    runner = TorchRunner(provenance.model, provenance.version, device, dtype)
    model: Any = runner.place(module.eval().requires_grad_(False).float())

    def encode(pixels: Tensor) -> Tensor:
        features: Tensor = model.forward_features(pixels)
        return features

    statistics = config.get("pretrained_cfg", config)
    mean, std = (_color(folder, statistics, key, usual) for key, usual in (("mean", PIXEL_MEAN), ("std", PIXEL_STD)))
    return PatchFeatures(encode, _patch(folder, model), provenance, device, dtype, longest, mean, std)


def _config(folder: Path) -> dict[str, Any]:
    path = folder / _CONFIG
    if not path.is_file():
        raise WeightsNotFoundError(f"{folder} has no {_CONFIG}: expected a folder of timm's, with {_CONFIG} and {_TENSORS}")
    try:
        config = read_json(path, 4 << 20)
    except InputError as error:
        raise WeightsMismatchError(f"{error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("pretrained_cfg", {}), dict):
        raise WeightsMismatchError(f"{path} is not a configuration of timm: it names no architecture")
    return config


def _made(folder: Path, config: dict[str, Any]) -> torch.nn.Module:
    """Return a new model of the architecture that a configuration names. Of its settings only the size of the image is taken."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm warns of names of its own that are old.
        import timm

    name, settings = config.get("architecture"), config.get("model_args")
    if not isinstance(name, str) or not re.fullmatch(r"\w+", name) or not timm.is_model(name):
        raise WeightsMismatchError(f"{folder / _CONFIG} names the architecture {shown(name)}, which this version of timm does not have")
    side = settings.get("img_size") if isinstance(settings, dict) else None
    if side is not None and (not isinstance(side, int) or not 1 <= side <= MAX_SIZE):
        raise WeightsMismatchError(f"{folder / _CONFIG} has img_size={shown(side)}, expected at most {MAX_SIZE}")
    sized: dict[str, Any] = {} if side is None else {"img_size": side}
    try:
        module: torch.nn.Module = timm.create_model(name, pretrained=False, num_classes=0, dynamic_img_size=True, **sized)
    except (TypeError, ValueError, RuntimeError) as error:  # Other architectures have no such setting.
        raise WeightsMismatchError(f"{folder / _CONFIG} names {name!r}, which is not a vision transformer of any image size") from error
    return module


def _patch(folder: Path, model: Any) -> int:
    sides = getattr(getattr(model, "patch_embed", None), "patch_size", None)
    if not isinstance(sides, tuple) or len(set(sides)) != 1 or not MIN_PATCH <= sides[0] <= MAX_PATCH:
        raise WeightsMismatchError(f"{folder / _CONFIG} names a model without square patches, got {shown(sides)}")
    return int(sides[0])


def _color(folder: Path, statistics: dict[str, Any], key: str, usual: Color) -> Color:
    values = statistics.get(key, usual)
    if not isinstance(values, (list, tuple)) or len(values) != 3 or not all(is_finite(value) and 0 <= value <= 1 for value in values):
        raise WeightsMismatchError(f"{folder / _CONFIG} has {key}={shown(values)}, expected three numbers from 0 to 1")
    if key == "std" and not all(values):
        raise WeightsMismatchError(f"{folder / _CONFIG} has std={shown(values)}, and pixels cannot be divided by 0")
    return (float(values[0]), float(values[1]), float(values[2]))
