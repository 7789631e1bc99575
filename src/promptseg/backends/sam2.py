"""SAM 2 and SAM 2.1 (tiny, small, base-plus and large) for images in torch, on package ``sam2``.

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

from typing import Any

from ..models.sam.session import SamSegmenter
from ..models.sam.torch.sam2 import TorchSam2
from ..registry import LoadRequest
from ._sam2 import build_image_model, sam2_base
from ._torch_sam import load_segmenter


def load(request: LoadRequest) -> SamSegmenter:
    """Return the segmenter of a load request; the factory of backend ``sam2``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsMismatchError: The weights are damaged, unsafe or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    return load_segmenter(request, torch_module, package="sam2", engine=TorchSam2)


def torch_module(request: LoadRequest) -> Any:
    """Return ``SAM2Base`` of package sam2 for images with the weights of a request, in evaluation mode on the CPU.

    Raises:
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
    """
    return sam2_base(request, build_image_model)
