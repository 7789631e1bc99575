"""SAM-HQ (ViT-H, ViT-L, ViT-B and ViT-tiny) in torch, by its authors' checkpoints, on package ``segment-anything-hq``.

Options of `promptseg.load` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for, and ``compile`` on a CPU.
- ``cache`` (``"memory"``): Cache of image embeddings: ``"memory"``, ``"disk"``, an `EmbeddingCache`, or None for no cache.
- ``decode_batch`` (``None``): Number of prompts that are decoded at once. None: a number that suits the device.
- ``selection`` (``"published"``): Which candidate becomes the mask of a prompt: ``"published"`` (the rule of the model's authors),
  ``"single"`` (always the mask for unambiguous prompts) or ``"best"`` (always the best of the candidates for ambiguous prompts).
- ``compile`` (``False``): Whether ``torch.compile`` compiles the image encoder, when the first image is encoded.
- ``hq_token_only`` (``False``): Whether the high-quality mask stands alone, as its authors advise for images of a single object. Otherwise
  it is added to the mask of SAM, as they do in all their measurements.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import torch

from ..models.sam.session import SamSegmenter
from ..models.sam.torch.hq import TorchSamHq, named_hq
from ..models.sam.torch.tinyvit import HqTinyVitEncoder
from ..models.sam.torch.vit import HqVitEncoder
from ..registry import LoadRequest
from ._torch_sam import from_checkpoint, hq_token_only, load_segmenter

_TINY = "vit_tiny"


def load(request: LoadRequest) -> SamSegmenter:
    """Return the segmenter of a load request; the factory of backend ``sam_hq``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    engine = partial(TorchSamHq, hq_token_only=hq_token_only(request))
    return load_segmenter(request, _make, package="segment-anything-hq", engine=engine)


def _make(request: LoadRequest) -> Any:
    variant = request.engine.variant
    sam = from_checkpoint(request, partial(_build, variant), f"sam_hq_{variant}")
    return named_hq(sam, HqTinyVitEncoder if variant == _TINY else HqVitEncoder)


def _build(variant: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The import warns about old names in timm and about models that it registers again.
        from segment_anything_hq import sam_model_registry
    # TinyViT's constructor computes values, so that device "meta" is not possible. The caller's random state does not change.
    with torch.random.fork_rng(devices=[]), torch.device("cpu" if variant == _TINY else "meta"):
        return sam_model_registry[variant](checkpoint=None)  # Upstream would load a checkpoint unsafely, and not strictly.
