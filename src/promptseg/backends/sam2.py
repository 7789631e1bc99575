"""SAM 2 and SAM 2.1, tiny, small, base-plus and large, on images, in torch through package ``sam2``.

Options of `load`: ``dtype`` (``"float32"``, the default, ``"bfloat16"`` or ``"float16"``), ``cache`` (``"memory"``, the default,
``"disk"``, an `EmbeddingCache`, or None), ``decode_batch`` (prompts decoded at once; by default what suits the device),
``selection`` (which candidate answers a prompt: ``"published"``, the default, ``"single"`` or ``"best"``),
``compile`` (whether ``torch.compile`` compiles the image encoder, at the first image; by default not).
"""

from __future__ import annotations

from typing import Any

from ..models.sam.session import SamSegmenter
from ..models.sam.torch.sam2 import TorchSam2
from ..registry import LoadRequest
from ._sam2 import build_image_model, sam2_base
from ._torch_sam import load_segmenter


def load(request: LoadRequest) -> SamSegmenter:
    """The factory of backend ``sam2``; it raises what `promptseg.load` says."""
    return load_segmenter(request, torch_module, package="sam2", engine=TorchSam2)


def torch_module(request: LoadRequest) -> Any:
    """``SAM2Base`` of package sam2 with the weights of a request, for images, in evaluation mode on the CPU.

    Raises:
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
    """
    return sam2_base(request, build_image_model)
