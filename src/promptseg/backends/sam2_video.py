"""SAM 2 and SAM 2.1 on videos, in torch through package ``sam2``, with the weights of backend ``sam2``; see `promptseg.load_video`.

Options of `load_video`: ``dtype`` (``"float32"``, the default, ``"bfloat16"`` or ``"float16"``); ``memory`` (MiB that a session may
remember of its objects, 512); ``prompted_frames`` (of how many prompted frames of an object the model attends to memories, 16: the first
and the latest); ``fill_holes`` (holes of at most so many low-resolution pixels are filled, 8; 0 fills none); ``logits`` (whether masks
come with their low-resolution logits, by default not).
"""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import Any

import torch

from .._checks import whole_number
from ..errors import ConfigError
from ..models.sam.torch.model import Settings, check_memory, loading
from ..models.sam.video.model import TorchSam2Video
from ..models.sam.video.session import Sam2VideoSegmenter
from ..registry import LoadRequest
from ..registry.catalog import memory_need
from ._sam2 import build_video_model, sam2_base

_LEAST = {"memory": 1, "prompted_frames": 2, "fill_holes": 0}


def load(request: LoadRequest) -> Sam2VideoSegmenter:
    """The factory of backend ``sam2_video``; it raises what `promptseg.load_video` says."""
    options = dict(request.options)
    for name, least in _LEAST.items():
        options[name] = whole_number(f"option {name}", options[name], least)
    if not isinstance(options["logits"], bool):
        raise ConfigError(f"option logits is True or False, got {options['logits']!r}")
    settings = Settings.checked(request.device, {"decode_batch": None, "compile": False, "dtype": options["dtype"]})
    need = memory_need(request.model, request.engine)
    check_memory(need, settings)
    with loading(need, settings):
        sam2: Any = sam2_base(request, build_video_model)
    versions = f"sam2 {version('sam2')}, torch {torch.__version__}"
    provenance = replace(request.provenance(versions, settings.device.type, settings.dtype_name), backend="sam2_video")
    model = TorchSam2Video(sam2, provenance, settings, options["fill_holes"], need)
    return Sam2VideoSegmenter(model, options["memory"] << 20, options["prompted_frames"], options["logits"])
