"""The original SAM, ViT-H, ViT-L and ViT-B, in torch through package ``segment-anything``.

Options of `load`: ``dtype`` (``"float32"``, the default, ``"bfloat16"`` or ``"float16"``), ``cache`` (``"memory"``, the default,
``"disk"``, an `EmbeddingCache`, or None), ``decode_batch`` (prompts decoded at once; by default what suits the device),
``selection`` (which candidate answers a prompt: ``"published"``, the default, ``"single"`` or ``"best"``),
``compile`` (whether ``torch.compile`` compiles the image encoder, at the first image; by default not).
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
    """The factory of backend ``sam``; it raises what `promptseg.load` says."""
    return load_segmenter(request, _make, package="segment-anything")


def torch_module(request: LoadRequest) -> Any:
    """The package's ``Sam`` with the weights of a request, in evaluation mode on the CPU.

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

    with torch.device("meta"):  # No memory and no random numbers for parameters that the checkpoint brings.
        return sam_model_registry[variant](checkpoint=None)  # Without one: upstream would load it without precautions.
