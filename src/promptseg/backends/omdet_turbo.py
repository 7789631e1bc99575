"""OmDet-Turbo in torch, on transformers: a fast detector of phrases.

The weights are a folder as transformers saves it. Older folders need timm, which has their backbone.

Options of `promptseg.load` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for.
- ``threshold`` (``0.05``): Minimum score of a detection.
- ``thresholds`` (``None``): Minimum scores of single phrases, such as ``{"red car": 0.4}``. All other phrases have ``threshold``.
- ``phrases_per_pass`` (``None``): Maximum number of phrases per forward pass. None: as many as the model can read. With 1, phrases cannot
  influence one another.
"""

from __future__ import annotations

from ..models.phrases import PhraseSettings
from ..models.transformers.omdet.detector import OmDetDetector
from ..models.transformers.omdet.model import OmDetTurbo
from ..registry import LoadRequest
from ..runtime.torch import chosen_device, chosen_dtype
from ._transformers import folder_of, provenance_of


def load(request: LoadRequest) -> OmDetDetector:
    """Return the detector of a load request; the factory of backend ``omdet_turbo``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    settings = PhraseSettings.checked(request.options)
    device = chosen_device(request.device)
    dtype = chosen_dtype(request.options["dtype"], device, allow_slow=request.options["allow_slow"])
    return OmDetDetector(OmDetTurbo(folder_of(request), provenance_of(request, device, dtype), device, dtype), settings)
