"""OWLv2 in torch, on transformers: a detector of phrases, and, with a segmenter, a concept segmenter of phrases and examples.

The weights are a folder as transformers saves it. Both take these options of `promptseg.load`:

- ``dtype`` (``"float32"``): Type in which OWLv2 computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for.

The detector (backend ``owlv2``) also takes:

- ``threshold`` (``0.05``): Minimum score of a detection.
- ``thresholds`` (``None``): Minimum scores of single phrases, such as ``{"red car": 0.4}``. All other phrases have ``threshold``.

The concept segmenter (backend ``owlv2_concepts``) also takes:

- ``segmenter`` (``"mini-sam"``): Name of the segmenter, ``NAME=WEIGHTS`` for a user's weights, or a `Segmenter`. All other options are
  passed on to a segmenter that is given by name.
- ``cache`` (``"memory"``): Where embeddings of images are kept: ``"memory"``, ``"disk"``, an `EmbeddingCache` or None.
- ``threshold`` (``0.1``): Minimum score of an instance.
- ``nms`` (``0.5``): IoU above which two boxes, and then two masks, are duplicates.
- ``max_instances`` (``300``): Maximum number of instances of a concept.
"""

from __future__ import annotations

from ..errors import ConfigError, shown
from ..models.phrases import PhraseSettings
from ..models.sam.cache import embedding_cache
from ..models.transformers.owlv2.concepts import Owlv2Concepts, Owlv2ConceptSettings
from ..models.transformers.owlv2.detector import Owlv2Detector
from ..models.transformers.owlv2.model import Owlv2
from ..protocols import Segmenter
from ..registry import LoadRequest, load_segmenter
from ..runtime.torch import chosen_device, chosen_dtype
from ._transformers import folder_of, provenance_of

_OWN = ("dtype", "allow_slow", "threshold", "nms", "max_instances", "segmenter", "cache")


def load(request: LoadRequest) -> Owlv2Detector:
    """Return the detector of a load request; the factory of backend ``owlv2``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    settings = PhraseSettings.checked(request.options)
    return Owlv2Detector(_model(request), settings)


def load_concepts(request: LoadRequest) -> Owlv2Concepts:
    """Return the concept segmenter of a load request; the factory of backend ``owlv2_concepts``.

    Raises:
        ConfigError: An option has an invalid value, the device or type is not available, or ``segmenter`` is not a segmenter of boxes.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of another model.
        OutOfMemoryError: The models do not fit on the device.
    """
    options = request.options
    settings = Owlv2ConceptSettings.checked(options)
    cache, segmenter = embedding_cache(options["cache"]), options["segmenter"]
    if not isinstance(segmenter, (str, Segmenter)):
        raise ConfigError(f"option segmenter is the name of a segmenter or a Segmenter, got {shown(segmenter)}")
    model = _model(request)
    if isinstance(segmenter, str):
        segmenter = load_segmenter(segmenter, device=request.device, **{name: value for name, value in options.items() if name not in _OWN})
    return Owlv2Concepts(model, segmenter.with_cache(cache), settings, cache)


def _model(request: LoadRequest) -> Owlv2:
    device = chosen_device(request.device)
    dtype = chosen_dtype(request.options["dtype"], device, allow_slow=request.options["allow_slow"])
    return Owlv2(folder_of(request), provenance_of(request, device, dtype), device, dtype)
