"""SAM 3 for videos in torch, on transformers: every instance of a phrase is found on any frame, and tracked with an id.

Its models are `promptseg.protocols.ConceptVideoSegmenter`.

Options of `promptseg.load_video` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``. The weights stay in float32.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for.
- ``memory`` (``1024``): Maximum size of the stored outputs of a session, in MiB. It bounds the number of objects that are tracked at once:
  with the published model, about 90.
- ``prompted_frames`` (``8``): Maximum number of conditioning frames per object that the model attends to: the first one and the latest
  ones. The model makes one of every 16th frame on which detector and tracker agree.
- ``hot_start`` (``True``): Whether an object that is new is dropped again if the detector does not find it on the frames that follow, or
  if it is a duplicate. Masks come up to 15 frames late, so that a live camera is better served with False.
"""

from __future__ import annotations

from typing import Any

import torch

from ..errors import ConfigError
from ..models.sam.torch.encoding import loading
from ..models.transformers.loading import load_pretrained
from ..models.transformers.sam3.phrases import Tokenizer
from ..models.transformers.sam3.video_model import Sam3Video
from ..models.transformers.sam3.video_session import Sam3VideoSegmenter
from ..registry import LoadRequest
from ._sam3 import VIDEO, class_of
from ._transformers_video import prepared


def load(request: LoadRequest) -> Sam3VideoSegmenter:
    """Return the concept segmenter for videos of a load request; the factory of backend ``sam3_video``.

    Raises:
        MissingDependencyError: The installed version of transformers is too old.
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsError: A file is missing or damaged, or the weights are of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    if request.engine.variant == "lite-text":
        raise ConfigError(f"model {request.model.name!r} finds phrases in images alone: load_video takes sam3")
    ready = prepared(request, "sam3_video", {"memory": 1, "prompted_frames": 2}, ("hot_start",))
    cls = class_of(VIDEO)

    with loading(ready.need, ready.settings):
        module: Any = load_pretrained(cls, ready.folder, device=torch.device("cpu"), dtype=torch.float32, architectures=(VIDEO,))
    tokenizer = Tokenizer.from_folder(ready.folder, int(module.config.detector_config.text_config.vocab_size))
    options = ready.options
    model = Sam3Video(
        module,
        tokenizer,
        ready.provenance,
        ready.settings,
        options["memory"] << 20,
        options["prompted_frames"],
        hot_start=options["hot_start"],
    )
    return Sam3VideoSegmenter(model)
