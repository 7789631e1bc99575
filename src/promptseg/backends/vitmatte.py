"""ViTMatte on transformers: soft borders of cutouts, from a folder as on the Hugging Face hub.

Options of `promptseg.load_matting` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for.
- ``size`` (``1024``): Longer side of the model input in pixels. A larger object is scaled down, and its alpha up.
"""

from __future__ import annotations

from .._checks import whole_number
from ..models.transformers.vitmatte.model import LEAST_SIZE, MOST_SIZE, VitMatte, from_folder
from ..registry import LoadRequest
from ..runtime.torch import chosen_device, chosen_dtype
from ._transformers import folder_of, provenance_of


def load(request: LoadRequest) -> VitMatte:
    """Return the matting model of a load request; the factory of backend ``vitmatte``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    longest = whole_number("option size", request.options["size"], LEAST_SIZE, most=MOST_SIZE)
    device = chosen_device(request.device)
    dtype = chosen_dtype(request.options["dtype"], device, allow_slow=request.options["allow_slow"])
    return from_folder(folder_of(request), provenance_of(request, device, dtype), device, dtype, longest)
