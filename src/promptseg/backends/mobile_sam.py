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
from ._torch_sam import load_segmenter


def load(request: LoadRequest) -> SamSegmenter:
    """The factory of backend ``mobile_sam``; it raises what `promptseg.load` says."""
    return load_segmenter(request, _build, package="mobilesam-mirror", prepare=_own_encoder)


def _build() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Importing it warns of old timm names, and of timm models that it registers anew.
        import mobile_sam
    # Its encoder computes while it is built, which a model without memory cannot; the caller's random numbers go on as if it had not.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        return mobile_sam.sam_model_registry["vit_t"](checkpoint=None)  # Without one: upstream would load it without precautions.


def _own_encoder(sam: Any) -> None:
    sam.image_encoder = TinyVitEncoder(sam.image_encoder)
