"""MM Grounding DINO and LLMDet in torch, on transformers: detectors of phrases with the network and the captions of Grounding DINO.

The weights are a folder as transformers saves it. The score of a phrase for a box is that of the phrase's own tokens, as for Grounding
DINO.

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

from ..errors import WeightsNotFoundError
from ..models.grounding_dino import mm_engine
from ..models.grounding_dino.captions import WordPieceTokenizer
from ..models.grounding_dino.detector import GroundingDino
from ..models.grounding_dino.files import VOCABULARIES
from ..models.grounding_dino.torch_model import TorchGrounding
from ..models.grounding_dino.transformers_engine import check_version
from ..models.phrases import PhraseSettings
from ..registry import LoadRequest
from ..runtime.torch import chosen_device, chosen_dtype
from ._transformers import folder_of, provenance_of


def load(request: LoadRequest) -> GroundingDino:
    """Return the detector of a load request; the factory of backend ``mm_grounding_dino``.

    Raises:
        MissingDependencyError: The installed version of transformers is too old.
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    check_version()
    settings = PhraseSettings.checked(request.options)
    device = chosen_device(request.device)
    dtype = chosen_dtype(request.options["dtype"], device, allow_slow=request.options["allow_slow"])
    folder = folder_of(request)
    vocabulary = next((path for name, path in request.weights.files.items() if name in VOCABULARIES), None)
    if vocabulary is None:
        raise WeightsNotFoundError(f"{folder} has no vocabulary: expected {' or '.join(VOCABULARIES)} beside the tensors")
    tokenizer = WordPieceTokenizer.from_file(vocabulary)
    module = mm_engine.from_folder(folder, request.model.name)
    model = TorchGrounding(module, provenance_of(request, device, dtype), device, dtype)
    return GroundingDino(model, tokenizer, settings, name="MM Grounding DINO")
