"""MobileSAM, SAM's decoder behind a TinyViT encoder, in torch through package ``mobilesam-mirror``.

Options of `load`: ``dtype`` (``"float32"``, the default, ``"bfloat16"`` or ``"float16"``), ``cache`` (``"memory"``, the default,
``"disk"``, an `EmbeddingCache`, or None), ``decode_batch`` (prompts decoded at once; by default what suits the device).
"""

from __future__ import annotations

import warnings
from importlib.metadata import version
from typing import Any

import torch

from ..registry import LoadRequest
from ..results import Provenance
from ..sam import torch_checkpoints
from ..sam.cache import embedding_cache
from ..sam.session import SamSegmenter
from ..sam.torch_model import OPTIONS, Settings, TorchSam


def load(request: LoadRequest) -> SamSegmenter:
    """The factory of backend ``mobile_sam``.

    Raises:
        ConfigError: An unknown option, or a device or type that is not there.
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    options = request.take(**OPTIONS)
    settings = Settings.checked(request.device, options)
    cache = embedding_cache(options["cache"])
    (path,) = request.weights.files.values()
    sam = torch_checkpoints.load_checkpoint(path, _build, request.engine.variant, request.model.name)
    with torch.random.fork_rng(devices=[]):  # New layers draw random numbers before they are given their weights.
        _fuse(sam.image_encoder)
    provenance = Provenance(
        model=request.model.name,
        backend="mobile_sam",
        version=f"mobilesam-mirror {version('mobilesam-mirror')}, torch {torch.__version__}",
        weights=request.weights.sha256,
        licence=request.model.licence,
        device=settings.device.type,
        dtype=settings.dtype_name,
    )
    return SamSegmenter(TorchSam(sam, provenance, settings), cache)


def _build() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Importing it warns of old timm names, and of timm models that it registers anew.
        import mobile_sam
    # Its encoder computes while it is built, which a model without memory cannot; the caller's random numbers go on as if it had not.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        return mobile_sam.sam_model_registry["vit_t"](checkpoint=None)  # Without one: upstream would load it without precautions.


def _fuse(module: Any) -> None:
    """Makes each convolution with batch normalisation below a module one convolution: a third less time, and equal but for rounding."""
    for name, child in list(module.named_children()):
        if type(child).__name__ == "Conv2d_BN":
            setattr(module, name, child.fuse().requires_grad_(False))
        else:
            _fuse(child)
