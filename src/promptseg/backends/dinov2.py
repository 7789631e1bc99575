"""DINOv2 in torch, on transformers: features of image patches, learned without labels.

The weights are a folder as transformers saves it, of DINOv2 with registers or without.

Options of `promptseg.load_features` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for.
- ``size`` (``518``): Longer side of the model input in pixels, rounded to whole patches of 14 pixels.
"""

from __future__ import annotations

from .._checks import whole_number
from ..models.transformers.dinov2 import MAX_SIZE, Dinov2
from ..registry import LoadRequest
from ..runtime.torch import chosen_device, chosen_dtype
from ._transformers import folder_of, provenance_of


def load(request: LoadRequest) -> Dinov2:
    """Return the feature extractor of a load request; the factory of backend ``dinov2``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    longest = whole_number("option size", request.options["size"], 14, most=MAX_SIZE)
    device = chosen_device(request.device)
    dtype = chosen_dtype(request.options["dtype"], device, allow_slow=request.options["allow_slow"])
    return Dinov2(folder_of(request), provenance_of(request, device, dtype), device, dtype, longest)
