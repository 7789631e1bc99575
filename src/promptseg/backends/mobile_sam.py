"""MobileSAM, SAM's decoder behind a TinyViT encoder, in torch through package ``mobilesam-mirror``.

Options of `load`: ``dtype`` (``"float32"``, the default, ``"bfloat16"`` or ``"float16"``), ``cache`` (``"memory"``, the default,
``"disk"``, an `EmbeddingCache`, or None), ``decode_batch`` (prompts decoded at once; by default what suits the device),
``choose`` (which candidate answers a prompt: ``"published"``, the default, ``"single"`` or ``"best"``; `promptseg.sam.choose`).
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

from ..registry import LoadRequest
from ..sam.session import SamSegmenter
from ..sam.torch_tinyvit import TinyVitEncoder
from ._torch_sam import from_checkpoint, load_segmenter


def load(request: LoadRequest) -> SamSegmenter:
    """The factory of backend ``mobile_sam``; it raises what `promptseg.load` says."""
    return load_segmenter(request, _make, package="mobilesam-mirror")


def torch_module(request: LoadRequest) -> Any:
    """The package's ``Sam`` with the weights of a request, in evaluation mode on the CPU.

    Raises:
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
    """
    return from_checkpoint(request, _build)


def _make(request: LoadRequest) -> Any:
    sam = torch_module(request)
    sam.image_encoder = TinyVitEncoder(sam.image_encoder)
    return sam


def _build() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Importing it warns of old timm names, and of timm models that it registers anew.
        import mobile_sam
    # Its encoder computes while it is built, which a model without memory cannot; the caller's random numbers go on as if it had not.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        return mobile_sam.sam_model_registry["vit_t"](checkpoint=None)  # Without one: upstream would load it without precautions.
