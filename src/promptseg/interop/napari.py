"""Masks as layers of napari. They are napari's plain tuples, so that napari itself is not needed to make them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..masks import Masks

Layer = tuple[NDArray[Any], dict[str, Any], str]
"""Napari's layer data: pixels, the arguments of the layer, its kind."""


def to_napari(masks: Masks, image: NDArray[np.uint8] | None = None, *, stacked: bool = False) -> list[Layer]:
    """Masks as a layer of labels, above the image where it is given: ``viewer.add_layer(napari.layers.Layer.create(*layer))``.

    Args:
        masks: The masks; the first has the number 1.
        image: (H, W, 3) uint8 RGB.
        stacked: One picture a mask, (N, H, W), in which nothing hides anything. Default: one picture of all masks, (H, W), in which a
            pixel of several masks is of the smallest.

    Returns:
        ``(data, arguments, kind)`` of each layer. Data of labels is int32; `features` of the arguments has a row for the background,
        then one a mask: ``index``, ``label`` and ``score``.
    """
    labels = np.zeros((len(masks), *masks.size) if stacked else masks.size, np.int32)
    for index in np.argsort(-masks.areas, kind="stable").tolist():
        (labels[index] if stacked else labels)[masks[index].array] = index + 1
    features = {
        "index": list(range(len(masks) + 1)),
        "label": ["", *(label or "" for label in masks.labels)],
        "score": [float("nan"), *masks.scores.tolist()],
    }
    layers: list[Layer] = [] if image is None else [(image, {"name": "image", "rgb": True}, "image")]
    return [*layers, (labels, {"name": "masks", "features": features}, "labels")]
