"""Video segmenter from any image segmenter: optical flow and appearance give the prompts for the next frame.

There is no video network. The segmenter encodes each frame on which it is asked, and decodes a few prompts for each object. The optical
flow is OpenCV's DIS. The rules for finding an object on the next frame, and for losing it, are in `promptseg.tracking.propagation`; the
appearance model is in `promptseg.tracking.appearance`.

The score of a mask is the confidence of the track on that frame, from the predicted IoU, the flow and the appearance
(`promptseg.tracking.propagation.Signals`). An object that is not visible has an empty mask. A prompt that is a mask alone becomes the mask
of its frame unchanged.

Options of `promptseg.load_video` and their defaults:

- ``segmenter`` (``"mini-sam"``): Name of the segmenter, ``NAME=WEIGHTS`` for a user's weights, or a `Segmenter`. All other options are
  passed on to a segmenter that is given by name.
- ``every`` (``1``): Ask the segmenter on every k-th frame, counted from frame 0, and let the optical flow move the masks in between; or
  ``"auto"``: ask it where a mask may have gone wrong (`promptseg.tracking.asking`).
"""

from __future__ import annotations

from ..errors import ConfigError, shown
from ..protocols import Segmenter
from ..registry import LoadRequest, load_segmenter
from ..tracking.asking import checked_every
from ..tracking.session import PropagateSegmenter


def load(request: LoadRequest) -> PropagateSegmenter:
    """Return the video segmenter of a load request; the factory of backend ``propagate``.

    Raises:
        ConfigError: There are weights, option ``segmenter`` is not a segmenter, the segmenter does not accept boxes, or option ``every`` is
            out of range.
    """
    if request.weights.files:
        given = ", ".join(str(path) for path in request.weights.files.values())
        raise ConfigError(f"propagate has no weights of its own, got {given}: give those of its segmenter, segmenter='NAME=WEIGHTS'")
    options = dict(request.options)
    segmenter, every = options.pop("segmenter"), checked_every(options.pop("every"))
    if isinstance(segmenter, str):
        return PropagateSegmenter(load_segmenter(segmenter, device=request.device, **options), every)
    if not isinstance(segmenter, Segmenter):
        raise ConfigError(f"option segmenter is the name of a segmenter or a Segmenter, got {shown(segmenter)}")
    return PropagateSegmenter(segmenter, every)
