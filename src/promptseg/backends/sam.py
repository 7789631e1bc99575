"""The original SAM (ViT-H, ViT-L and ViT-B) in torch, on package ``segment-anything``.

Options of `promptseg.load` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for, and ``compile`` on a CPU.
- ``cache`` (``"memory"``): Cache of image embeddings: ``"memory"``, ``"disk"``, an `EmbeddingCache`, or None for no cache.
- ``decode_batch`` (``None``): Number of prompts that are decoded at once. None: a number that suits the device.
- ``selection`` (``"published"``): Which candidate becomes the mask of a prompt: ``"published"`` (the rule of the model's authors),
  ``"single"`` (always the mask for unambiguous prompts) or ``"best"`` (always the best of the candidates for ambiguous prompts).
- ``compile`` (``False``): Whether ``torch.compile`` compiles the image encoder, when the first image is encoded. On a CPU,
  that took 320 s for one encoder and made it slower.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from ..models.sam.session import SamSegmenter
from ..models.sam.torch.vit import VitEncoder
from ..registry import LoadRequest
from ._torch_sam import from_checkpoint, load_segmenter


def load(request: LoadRequest) -> SamSegmenter:
    """Return the segmenter of a load request; the factory of backend ``sam``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsMismatchError: The weights are damaged, unsafe or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    return load_segmenter(request, _make, package="segment-anything")


def torch_module(request: LoadRequest) -> Any:
    """Return the package's ``Sam`` with the weights of a request, in evaluation mode on the CPU.

    Raises:
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
    """
    return from_checkpoint(request, partial(_build, request.engine.variant))


def _make(request: LoadRequest) -> Any:
    sam = torch_module(request)
    sam.image_encoder = VitEncoder(sam.image_encoder)
    return sam


def _build(variant: str) -> Any:
    from segment_anything import sam_model_registry

    with torch.device("meta"):  # Parameters come from the checkpoint: no memory and no random numbers for them here.
        return sam_model_registry[variant](checkpoint=None)  # Upstream would load a checkpoint unsafely.
