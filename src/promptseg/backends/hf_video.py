"""SAM 2, SAM 2.1 and EdgeTAM for videos in torch, on transformers, with the weights of backend ``hf_sam``.

The weights are a folder of the tracker as transformers saves it, which is the published form.

Options of `promptseg.load_video` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``. The weights stay in float32.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for.
- ``memory`` (``512``): Maximum size of the memory bank of a session, in MiB.
- ``prompted_frames`` (``16``): Maximum number of prompted frames per object that the model attends to: the first one and the latest ones.
- ``fill_holes`` (``8``): Maximum area of the holes that are filled, in low-resolution pixels. 0 fills none.
- ``logits`` (``False``): Whether masks have their low-resolution logits.
"""

from __future__ import annotations

from ..errors import ConfigError
from ..models.sam.torch.encoding import loading
from ..models.sam.video.inputs import model_input
from ..models.sam.video.session import SamVideoSegmenter
from ..models.transformers.video_tracker import TransformersTracker
from ..registry import LoadRequest
from ._hf_sam import TRACKERS, load_model
from ._transformers_video import prepared


def load(request: LoadRequest) -> SamVideoSegmenter:
    """Return the video segmenter of a load request; the factory of backend ``hf_video``.

    Raises:
        MissingDependencyError: The installed version of transformers is too old, or EdgeTAM's package timm is missing.
        ConfigError: An option has an invalid value, the model does not track, or the device or type is not available.
        WeightsError: A file is missing or damaged, or the weights are of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    variant = request.engine.variant
    if variant not in TRACKERS:
        raise ConfigError(f"tracker 'hf_video' runs SAM 2 and EdgeTAM, and model {request.model.name!r} is neither: leave tracker out")
    ready = prepared(request, "hf_video", {"memory": 1, "prompted_frames": 2, "fill_holes": 0}, ("logits",))
    with loading(ready.need, ready.settings):
        model = load_model(ready.folder, variant, "Video")
    options = ready.options
    tracker = TransformersTracker(model, ready.provenance, ready.settings, ready.need, model_input, options["fill_holes"])
    return SamVideoSegmenter(tracker, options["memory"] << 20, options["prompted_frames"], options["logits"])
