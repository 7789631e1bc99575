"""Conversion of masks to layers of napari. The layers are plain tuples, so napari itself is not needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..masks import Masks

Layer = tuple[NDArray[Any], dict[str, Any], str]
"""Layer data of napari: ``(data, arguments, kind)``."""


def to_napari(masks: Masks, image: NDArray[np.uint8] | None = None, *, stacked: bool = False) -> list[Layer]:
    """Return masks as a layer of labels, after a layer with the image if it is given.

    Each layer is added with ``viewer.add_layer(napari.layers.Layer.create(*layer))``.

    Args:
        masks: The masks. Their values in the labels layer are 1, 2, ….
        image: (H, W, 3) uint8 RGB.
        stacked: Whether each mask has its own label image, in an array (N, H, W). Default: one label image (H, W), in which a pixel of
            several masks has the value of the smallest mask.

    Returns:
        ``(data, arguments, kind)`` of each layer. The data of labels are int32. ``arguments["features"]`` has a row for the background,
        then one row for each mask, with ``index``, ``label`` and ``score``.
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
