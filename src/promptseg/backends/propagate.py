"""Any image segmenter as a video segmenter: the last mask, moved by optical flow, and what the object looks like prompt the next frame.

There is no network for video in it. Each frame is encoded once by the segmenter, which then answers a few prompts for each object; the
flow is OpenCV's DIS. `promptseg.tracking.propagation` says how an object is found on the next frame, and when it counts as lost;
`promptseg.tracking.appearance`, what it is known by.

The score of a mask is the track's confidence on that frame, from the predicted IoU, the flow and the appearance
(`promptseg.tracking.propagation.Signals`). An object that is not seen has an empty mask. A mask alone as a prompt is taken as it is.

Options of `load`: ``segmenter``, the name of the segmenter, ``NAME=WEIGHTS`` for your own weights, or a `Segmenter` (default: the default
model); all other options go to a segmenter by name.
"""

from __future__ import annotations

from ..errors import ConfigError
from ..protocols import Segmenter
from ..registry import LoadRequest, load_segmenter
from ..tracking.session import PropagateSegmenter


def load(request: LoadRequest) -> PropagateSegmenter:
    """The factory of backend ``propagate``.

    Raises:
        ConfigError: The segmenter is none, or does not take boxes.
    """
    options = dict(request.options)
    segmenter = options.pop("segmenter")
    if isinstance(segmenter, str):
        return PropagateSegmenter(load_segmenter(segmenter, device=request.device, **options))
    if not isinstance(segmenter, Segmenter):
        raise ConfigError(f"option segmenter is the name of a segmenter or a Segmenter, got {segmenter!r}")
    return PropagateSegmenter(segmenter)
