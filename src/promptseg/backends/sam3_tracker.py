"""SAM 3 for points, boxes and masks on images in torch, on transformers.

The weights are a folder as transformers saves it: of a ``Sam3TrackerModel``, or the published folder of SAM 3.

Options of `promptseg.load` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for, and ``compile`` on a CPU.
- ``cache`` (``"memory"``): Cache of image embeddings: ``"memory"``, ``"disk"``, an `EmbeddingCache`, or None for no cache.
- ``decode_batch`` (``None``): Number of prompts that are decoded at once. None: a number that suits the device.
- ``selection`` (``"published"``): Which candidate becomes the mask of a prompt: ``"published"`` (the rule of the model's authors),
  ``"single"`` (always the mask for unambiguous prompts) or ``"best"`` (always the best of the candidates for ambiguous prompts).
- ``compile`` (``False``): Whether ``torch.compile`` compiles the image encoder, when the first image is encoded.
"""

from __future__ import annotations

from typing import Any

import torch

from ..models.sam.session import SamSegmenter
from ..models.transformers.loading import load_pretrained
from ..models.transformers.sam3.tracker import Sam3Tracker
from ..registry import LoadRequest
from ._sam3 import VIDEO, check_side, class_of
from ._torch_sam import load_segmenter
from ._transformers import folder_of

_ARCHITECTURES = ("Sam3TrackerModel", "Sam3TrackerVideoModel", VIDEO)


def load(request: LoadRequest) -> SamSegmenter:
    """Return the segmenter of a load request; the factory of backend ``sam3_tracker``.

    Raises:
        MissingDependencyError: The installed version of transformers is too old.
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    return load_segmenter(request, _module, package="transformers", engine=Sam3Tracker)


def _module(request: LoadRequest) -> Any:
    """Return ``Sam3TrackerModel`` of transformers with the weights of a request, in float32 on the CPU."""
    cls, folder = class_of("Sam3TrackerModel"), folder_of(request)
    tracker = load_pretrained(cls, folder, device=torch.device("cpu"), dtype=torch.float32, architectures=_ARCHITECTURES)
    check_side(folder, tracker.vision_encoder.config.backbone_config, int(tracker.prompt_encoder.input_image_size))
    return tracker
