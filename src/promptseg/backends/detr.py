"""RF-DETR and D-FINE in torch, on transformers: detectors with a fixed list of classes. RF-DETR-Seg makes masks, too.

The weights are a folder as transformers saves it. Its classes are those of its configuration (``id2label``).

Options of `promptseg.load` and their defaults:

- ``threshold`` (``0.05``): Score threshold. Only detections that score above it are returned.
- ``max_detections`` (``300``): Maximum number of detections per image.
- ``imgsz`` (``None``): Side of the model input in pixels. None: the model's own input size.
- ``masks`` (``True``; RF-DETR alone): Whether an RF-DETR-Seg returns masks.
- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for.
"""

from __future__ import annotations

from ..models.detr.detector import DetrDetector, DetrSettings
from ..models.detr.preprocessing import Family
from ..models.detr.torch_network import TorchDetr, input_of
from ..registry import LoadRequest
from ..runtime.torch import chosen_device, chosen_dtype
from ._transformers import folder_of, provenance_of


def load_rf_detr(request: LoadRequest) -> DetrDetector:
    """Return the detector of a load request; the factory of backend ``rf_detr``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    return _load(request, "rf_detr")


def load_d_fine(request: LoadRequest) -> DetrDetector:
    """Return the detector of a load request; the factory of backend ``d_fine``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    return _load(request, "d_fine")


def _load(request: LoadRequest, family: Family) -> DetrDetector:
    settings = DetrSettings.checked(request.options)
    device = chosen_device(request.device)
    dtype = chosen_dtype(request.options["dtype"], device, allow_slow=request.options["allow_slow"])
    folder, provenance = folder_of(request), provenance_of(request, device, dtype)
    network = TorchDetr(folder, family, provenance, device, dtype)
    return DetrDetector(network, network.classes, input_of(folder, family, settings.imgsz, network.step), provenance, settings)
