"""Masks as labels of FiftyOne."""

from __future__ import annotations

from typing import Any

from ..masks import Masks
from .needed import needed


def to_fiftyone(masks: Masks) -> Any:
    """Masks as `fiftyone.Detections`, to be set as a field of a sample.

    Each has `bounding_box` (x, y, width, height, relative to the image), `mask` (the pixels within that box, bool), `confidence` and
    `label`. A mask without pixels has no box, and is left out.

    Raises:
        MissingDependencyError: fiftyone is not installed.
    """
    fiftyone = needed("fiftyone")
    height, width = masks.size
    labels = []
    for mask in masks:
        pixels, (left, top) = mask.crop()
        if pixels.size:
            box = [left / width, top / height, pixels.shape[1] / width, pixels.shape[0] / height]
            labels.append(fiftyone.Detection(label=mask.label, bounding_box=box, mask=pixels, confidence=mask.score))
    return fiftyone.Detections(detections=labels)
