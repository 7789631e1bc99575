"""SAM 2 and SAM 2.1 for videos in torch, on package ``sam2``, with the weights of backend ``sam2``.

Options of `promptseg.load_video` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for.
- ``memory`` (``512``): Maximum size of the memory bank of a session, in MiB.
- ``prompted_frames`` (``16``): Maximum number of prompted frames per object that the model attends to: the first one and the latest ones.
- ``fill_holes`` (``8``): Maximum area of the holes that are filled, in low-resolution pixels. 0 fills none.
- ``logits`` (``False``): Whether masks have their low-resolution logits.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import Any

import torch

from .._checks import whole_number
from ..errors import ConfigError, shown
from ..models.sam.torch.encoding import TorchSettings, check_memory, loading
from ..models.sam.video.model import TorchSam2Video
from ..models.sam.video.session import SamVideoSegmenter
from ..registry import LoadRequest
from ..registry.catalog import memory_requirement
from ._sam2 import build_video_model, sam2_base

_LEAST = {"memory": 1, "prompted_frames": 2, "fill_holes": 0}


def load(request: LoadRequest) -> SamVideoSegmenter:
    """Return the video segmenter of a load request; the factory of backend ``sam2_video``.

    Raises:
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsMismatchError: The weights are damaged, unsafe or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    options = dict(request.options)
    for name, least in _LEAST.items():
        options[name] = whole_number(f"option {name}", options[name], least)
    if not isinstance(options["logits"], bool):
        raise ConfigError(f"option logits is True or False, got {shown(options['logits'])}")
    settings = TorchSettings.checked(request.device, {"decode_batch": None, "compile": False, **options})
    need = memory_requirement(request.model, request.engine)
    check_memory(need, settings)
    with loading(need, settings):
        sam2: Any = sam2_base(request, build_video_model)
    versions = f"sam2 {version('sam2')}, torch {torch.__version__}"
    provenance = replace(request.provenance(versions, settings.device.type, settings.dtype_name), backend="sam2_video")
    model = TorchSam2Video(sam2, provenance, settings, options["fill_holes"], need)
    return SamVideoSegmenter(model, options["memory"] << 20, options["prompted_frames"], options["logits"])
