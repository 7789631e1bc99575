"""MobileSAM, a TinyViT encoder with SAM's decoder, in torch, on package ``mobilesam-mirror``.

The weights are a checkpoint of that package, or an encoder and a decoder in ONNX, such as those of mini-sam. From ONNX files, only the
parameters are read.

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

import warnings
from typing import Any

import torch

from ..models.sam.session import SamSegmenter
from ..models.sam.torch.from_onnx import load_onnx_pair
from ..models.sam.torch.tinyvit import TinyVitEncoder, fused
from ..registry import LoadRequest
from ._torch_sam import base_files, from_checkpoint, load_segmenter, with_decoder


def load(request: LoadRequest) -> SamSegmenter:
    """Return the segmenter of a load request; the factory of backend ``mobile_sam``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsMismatchError: The weights are damaged, unsafe or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    return load_segmenter(request, _make, package="mobilesam-mirror")


def torch_module(request: LoadRequest) -> Any:
    """Return the package's ``Sam`` with the weights of a request, in evaluation mode on the CPU.

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
        warnings.simplefilter("ignore")  # The import warns about old names in timm and about models that it registers again.
        import mobile_sam
    # The constructor of the encoder computes values, so that device "meta" is not possible. The caller's random state does not change.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        return mobile_sam.sam_model_registry["vit_t"](checkpoint=None)  # Upstream would load a checkpoint unsafely.


def _build_as_exported() -> Any:
    sam = _build()
    fused(sam.image_encoder)
    for classifier in ("norm_head", "head"):  # Layers for the training of TinyViT. They are never called, and no export contains them.
        delattr(sam.image_encoder, classifier)
    return sam
