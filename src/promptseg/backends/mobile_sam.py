"""MobileSAM, SAM's decoder behind a TinyViT encoder, in torch through package ``mobilesam-mirror``.

Its weights are a checkpoint of that package, or an encoder and a decoder in ONNX, of which the parameters are read (mini-sam's).

Options of `load`: ``dtype`` (``"float32"``, the default, ``"bfloat16"`` or ``"float16"``), ``cache`` (``"memory"``, the default,
``"disk"``, an `EmbeddingCache`, or None), ``decode_batch`` (prompts decoded at once; by default what suits the device),
``selection`` (which candidate answers a prompt: ``"published"``, the default, ``"single"`` or ``"best"``),
``compile`` (whether ``torch.compile`` compiles the image encoder, at the first image; by default not).
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

from ..models.sam.session import SamSegmenter
from ..models.sam.torch.from_onnx import load_onnx_pair
from ..models.sam.torch.tinyvit import TinyVitEncoder, fused
from ..registry import LoadRequest
from ._torch_sam import base_files, from_checkpoint, load_segmenter, with_decoder


def load(request: LoadRequest) -> SamSegmenter:
    """The factory of backend ``mobile_sam``; it raises what `promptseg.load` says."""
    return load_segmenter(request, _make, package="mobilesam-mirror")


def torch_module(request: LoadRequest) -> Any:
    """The package's ``Sam`` with the weights of a request, in evaluation mode on the CPU.

    Raises:
        WeightsMismatchError: The weights are damaged, unsafe or of another model.
    """
    files = base_files(request)
    if len(files) == 1:
        return from_checkpoint(request, _build)
    encoder, decoder = files  # In the order of the catalog.
    return with_decoder(request, load_onnx_pair(encoder, decoder, _build_as_exported, request.model.name))


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


def _build_as_exported() -> Any:
    sam = _build()
    fused(sam.image_encoder)
    for classifier in ("norm_head", "head"):  # Left over from TinyViT's training, never called, and so in no export.
        delattr(sam.image_encoder, classifier)
    return sam
