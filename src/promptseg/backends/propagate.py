"""Any image segmenter as a video segmenter: the last mask, moved by optical flow, and what the object looks like prompt the next frame.

There is no network for video in it. Each frame is encoded once by the segmenter, which then answers a few prompts for each object; the
flow is OpenCV's DIS. `promptseg.tracking.propagation` says how an object is found on the next frame, and when it counts as lost;
`promptseg.tracking.appearance`, what it is known by.

The score of a mask is the track's confidence on that frame, from the predicted IoU, the flow and the appearance
(`promptseg.tracking.propagation.Signals`). An object that is not seen has an empty mask. A mask alone as a prompt is taken as it is.

Options of `load`: ``segmenter``, the name of the segmenter, ``NAME=WEIGHTS`` for your own weights (default: the default model); all other
options go to it.
"""

from __future__ import annotations

from .. import registry
from ..errors import ConfigError
from ..registry import LoadRequest
from ..tracking.session import PropagateSegmenter


def load(request: LoadRequest) -> PropagateSegmenter:
    """The factory of backend ``propagate``.

    Raises:
        ConfigError: The segmenter is none, or does not take boxes.
    """
    own = registry.backends()[request.engine.backend]
    if own.kind == "segmenter":  # By `load_video`: the request is for the segmenter itself.
        return PropagateSegmenter(registry.make(own.factory, request), own.accepts)
    options = dict(request.options)
    name = options.pop("segmenter", registry.DEFAULT_MODEL)
    chosen = registry.choose(name)
    if chosen.backend.kind != "segmenter":
        raise ConfigError(f"option segmenter is the name of a segmenter; {name!r} is a {chosen.backend.kind}")
    segmenter = registry.load(name, device=request.device, **options)
    return PropagateSegmenter(segmenter, chosen.backend.accepts)
