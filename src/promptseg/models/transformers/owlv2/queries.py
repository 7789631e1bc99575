"""The query of an example: which patch of its image stands for the object in a box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....postprocess import box_iou

_SHARE = np.float32(0.8)
"""Patches whose boxes have at least this share of the best IoU may stand for the object."""


def patch_of(box: NDArray[np.float32], boxes: NDArray[np.float32], embeddings: NDArray[np.float32]) -> int:
    """Return the index of the patch that stands for the object in a box, by the rule of OWL-ViT's authors.

    Several patches predict nearly the same box. In training, one of them is matched with the object, and the others are taught to be
    background. Of the patches whose boxes agree with the given one, the rule takes the patch that is least like the mean of all patches,
    most of which are background.

    Args:
        box: ``xyxy`` of the object in pixels of its image.
        boxes: (P, 4) float32 ``xyxy`` of the patches in pixels of this image.
        embeddings: (P, E) float32 of the patches, of length 1.
    """
    overlap = box_iou(np.asarray(box, np.float32)[None], boxes)[0]
    if not overlap.any():  # No box touches it: take the patches whose boxes are nearest.
        center = (box[:2] + box[2:]) / 2
        distance = np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - center, axis=1)
        overlap = 1 / (1 + distance)
    near = np.flatnonzero(overlap >= overlap.max() * _SHARE)
    background = embeddings[near] @ embeddings.mean(axis=0)
    return int(near[np.argmin(background)])
