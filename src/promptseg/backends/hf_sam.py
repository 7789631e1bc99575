"""SAM, SAM-HQ, SAM 2 and EdgeTAM for images in torch, on transformers.

The weights are a folder as transformers saves it. That of SAM 2 and EdgeTAM may be of the model for images or of the tracker.

Options of `promptseg.load` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for, and ``compile`` on a CPU.
- ``cache`` (``"memory"``): Cache of image embeddings: ``"memory"``, ``"disk"``, an `EmbeddingCache`, or None for no cache.
- ``decode_batch`` (``None``): Number of prompts that are decoded at once. None: a number that suits the device.
- ``selection`` (``"published"``): Which candidate becomes the mask of a prompt: ``"published"`` (the rule of the model's authors),
  ``"single"`` (always the mask for unambiguous prompts) or ``"best"`` (always the best of the candidates for ambiguous prompts).
- ``compile`` (``False``): Whether ``torch.compile`` compiles the image encoder, when the first image is encoded.
- ``hq_token_only`` (``False``): For SAM-HQ alone: whether its high-quality mask stands alone, as its authors advise for images of a single
  object. Otherwise it is added to the mask of SAM, as they do in all their measurements.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import ConfigError
from ..models.sam.session import SamSegmenter
from ..models.sam.torch.hq import TorchSamHq
from ..models.sam.torch.model import TorchSam
from ..models.sam.torch.sam2 import StretchedSam
from ..models.transformers.sam.naming import named_edgetam, named_sam, named_sam2, named_sam_hq
from ..registry import LoadRequest
from ._hf_sam import load_model
from ._torch_sam import hq_token_only, load_segmenter
from ._transformers import folder_of

_ENGINES: dict[str, tuple[Callable[[Any], Any], Callable[..., TorchSam]]] = {
    "sam": (named_sam, TorchSam),
    "sam_hq": (named_sam_hq, TorchSamHq),
    "sam2": (named_sam2, StretchedSam),
    "edgetam": (named_edgetam, StretchedSam),
}
"""Function that gives a model segment-anything's names, and the class that runs it, by variant."""


def export_module(request: LoadRequest) -> Any:
    """Return the model of transformers that is exported, in float32 on the CPU.

    Raises:
        MissingDependencyError: The installed version of transformers is too old, or EdgeTAM's package timm is missing.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of another model.
    """
    return load_model(folder_of(request), request.engine.variant)


def load(request: LoadRequest) -> SamSegmenter:
    """Return the segmenter of a load request; the factory of backend ``hf_sam``.

    Raises:
        MissingDependencyError: The installed version of transformers is too old, or EdgeTAM's package timm is missing.
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    variant, alone = request.engine.variant, hq_token_only(request)
    if alone and variant != "sam_hq":
        raise ConfigError(f"option hq_token_only is for SAM-HQ, and model {request.model.name!r} is none: leave it out")
    name, engine = _ENGINES[variant]

    def make(request: LoadRequest) -> Any:
        return name(load_model(folder_of(request), variant))

    return load_segmenter(request, make, package="transformers", engine=partial(engine, hq_token_only=True) if alone else engine)
