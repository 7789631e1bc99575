"""The original SAM, ViT-H, ViT-L and ViT-B, in torch through package ``segment-anything``.

Options of `load`: ``dtype`` (``"float32"``, the default, ``"bfloat16"`` or ``"float16"``), ``cache`` (``"memory"``, the default,
``"disk"``, an `EmbeddingCache`, or None), ``decode_batch`` (prompts decoded at once; by default what suits the device).
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import torch

from ..registry import LoadRequest
from ..results import Provenance
from ..sam import torch_checkpoints
from ..sam.cache import embedding_cache
from ..sam.session import SamSegmenter
from ..sam.torch_model import OPTIONS, Settings, TorchSam

SMALLER = {"vit_h": ("sam-vit-l", "sam-vit-b", "mobile-sam"), "vit_l": ("sam-vit-b", "mobile-sam"), "vit_b": ("mobile-sam",)}


def load(request: LoadRequest) -> SamSegmenter:
    """The factory of backend ``sam``.

    Raises:
        ConfigError: An unknown option, or a device or type that is not there.
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    options = request.take(**OPTIONS)
    settings = Settings.checked(request.device, options)
    cache = embedding_cache(options["cache"])
    variant = request.engine.variant
    (path,) = request.weights.files.values()
    sam = torch_checkpoints.load_checkpoint(path, lambda: _build(variant), variant, request.model.name)
    provenance = Provenance(
        model=request.model.name,
        backend="sam",
        version=f"segment-anything {version('segment-anything')}, torch {torch.__version__}",
        weights=request.weights.sha256,
        licence=request.model.licence,
        device=settings.device.type,
        dtype=settings.dtype_name,
    )
    return SamSegmenter(TorchSam(sam, provenance, settings, SMALLER[variant]), cache)


def _build(variant: str) -> Any:
    from segment_anything import sam_model_registry

    with torch.device("meta"):  # No memory and no random numbers for parameters that the checkpoint brings.
        return sam_model_registry[variant](checkpoint=None)  # Without one: upstream would load it without precautions.
