"""Concept segmenter from any image segmenter: every instance that is like examples, in this image or in others.

`promptseg.concepts.exemplar` says how. There is no network of its own: the segmenter's image embedding, or another model's features, say
where an image looks like the examples, and the segmenter draws the masks.

Options of `promptseg.load_concept` and their defaults:

- ``segmenter`` (``"mini-sam"``): Name of the segmenter, ``NAME=WEIGHTS`` for a user's weights, or a `Segmenter`. All other options are
  passed on to a segmenter that is given by name.
- ``features`` (``None``): Name of a model of kind features, such as ``"dinov2-small"``, or a `FeatureExtractor`. Its features are then
  compared in place of the segmenter's embedding.
- ``threshold`` (``0.2``): Minimum score of a mask.
- ``max_instances`` (``1000``): Maximum number of masks of one concept, at most 1000.
"""

from __future__ import annotations

from ..concepts.exemplar import ExemplarSegmenter
from ..errors import ConfigError, shown
from ..protocols import FeatureExtractor, Segmenter
from ..registry import LoadRequest, load_segmenter
from ..registry.loading import load_features


def load(request: LoadRequest) -> ExemplarSegmenter:
    """Return the concept segmenter of a load request; the factory of backend ``exemplar``.

    Raises:
        ConfigError: There are weights, option ``segmenter`` or ``features`` is of the wrong kind, or a number is out of range.
    """
    if request.weights.files:
        given = ", ".join(str(path) for path in request.weights.files.values())
        raise ConfigError(f"exemplar has no weights of its own, got {given}: give those of its segmenter, as segmenter='NAME=WEIGHTS'")
    options = dict(request.options)
    segmenter, features, threshold, most = (options.pop(name) for name in ("segmenter", "features", "threshold", "max_instances"))
    if not isinstance(segmenter, (str, Segmenter)):
        raise ConfigError(f"option segmenter is the name of a segmenter or a Segmenter, got {shown(segmenter)}")
    if not isinstance(features, (str, FeatureExtractor, type(None))):
        raise ConfigError(f"option features is the name of a model of kind features, a FeatureExtractor or None, got {shown(features)}")
    if isinstance(segmenter, str):
        segmenter = load_segmenter(segmenter, device=request.device, **options)
    if isinstance(features, str):
        features = load_features(features, device=request.device)
    return ExemplarSegmenter(segmenter, features, threshold=threshold, max_instances=most)
