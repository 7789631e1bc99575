"""Conversion of masks to labels of FiftyOne."""

from __future__ import annotations

from typing import Any

from ..masks import Masks
from .packages import import_package


def to_fiftyone(masks: Masks) -> Any:
    """Return masks as `fiftyone.Detections`, the value of a field of a sample.

    Each detection has `bounding_box` (x, y, width, height as shares of the image size), `mask` (bool pixels within that box), `confidence`
    and `label`. Empty masks are left out, because they have no box.

    Raises:
        MissingDependencyError: fiftyone is not installed.
    """
    fiftyone = import_package("fiftyone")
    height, width = masks.size
    labels = []
    for mask in masks:
        pixels, (left, top) = mask.crop()
        if pixels.size:
            box = [left / width, top / height, pixels.shape[1] / width, pixels.shape[0] / height]
            labels.append(fiftyone.Detection(label=mask.label, bounding_box=box, mask=pixels, confidence=mask.score))
    return fiftyone.Detections(detections=labels)
