"""SAM 3's tracker for videos in torch, on transformers: points, boxes and masks as prompts on any frame.

Options of `promptseg.load_video` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``. The weights stay in float32.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for.
- ``memory`` (``512``): Maximum size of the memory bank of a session, in MiB.
- ``prompted_frames`` (``16``): Maximum number of prompted frames per object that the model attends to: the first one and the latest ones.
- ``logits`` (``False``): Whether masks have their low-resolution logits.
"""

from __future__ import annotations

from typing import Any

import torch

from ..models.sam.torch.encoding import loading
from ..models.sam.video.session import SamVideoSegmenter
from ..models.transformers.loading import load_pretrained
from ..models.transformers.video_tracker import TransformersTracker
from ..registry import LoadRequest
from ._sam3 import VIDEO, class_of
from ._transformers_video import prepared


def load(request: LoadRequest) -> SamVideoSegmenter:
    """Return the video segmenter of a load request; the factory of backend ``sam3_tracker_video``.

    Raises:
        MissingDependencyError: The installed version of transformers is too old.
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsError: A file is missing or damaged, or the weights are of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    ready = prepared(request, "sam3_tracker_video", {"memory": 1, "prompted_frames": 2}, ("logits",))
    cls = class_of("Sam3TrackerVideoModel")

    with loading(ready.need, ready.settings):
        model: Any = load_pretrained(
            cls,
            ready.folder,
            device=torch.device("cpu"),
            dtype=torch.float32,
            architectures=("Sam3TrackerVideoModel", VIDEO),
            adapt=lambda config: config.get("tracker_config") or config,
        )
    tracker = TransformersTracker(model, ready.provenance, ready.settings, ready.need)
    return SamVideoSegmenter(tracker, ready.options["memory"] << 20, ready.options["prompted_frames"], ready.options["logits"])
