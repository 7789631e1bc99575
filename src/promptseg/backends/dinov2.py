"""Features of image patches in torch: DINOv2 on transformers, and vision transformers of timm.

The weights are a folder: of DINOv2, with registers or without, as transformers saves it (backend ``dinov2``); of any vision transformer of
timm, as timm publishes it, with ``config.json`` and ``model.safetensors`` (backend ``timm_vit``).

Options of `promptseg.load_features` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for.
- ``size`` (``518``): Longer side of the model input in pixels, rounded to whole patches.
"""

from __future__ import annotations

from collections.abc import Callable

from .._checks import whole_number
from ..models.patch_features import dinov2, timm_vit
from ..models.patch_features.extractor import MAX_SIZE, PatchFeatures
from ..registry import LoadRequest
from ..runtime.torch import chosen_device, chosen_dtype
from ._transformers import folder_of, provenance_of


def load(request: LoadRequest) -> PatchFeatures:
    """Return the feature extractor of a load request; the factory of backend ``dinov2``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    return _load(request, dinov2.from_folder, "transformers")


def load_timm(request: LoadRequest) -> PatchFeatures:
    """Return the feature extractor of a load request; the factory of backend ``timm_vit``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of no vision transformer of timm.
        OutOfMemoryError: The model does not fit on the device.
    """
    return _load(request, timm_vit.from_folder, "timm")


def _load(request: LoadRequest, from_folder: Callable[..., PatchFeatures], package: str) -> PatchFeatures:
    longest = whole_number("option size", request.options["size"], 14, most=MAX_SIZE)
    device = chosen_device(request.device)
    dtype = chosen_dtype(request.options["dtype"], device, allow_slow=request.options["allow_slow"])
    return from_folder(folder_of(request), provenance_of(request, device, dtype, package), device, dtype, longest)
