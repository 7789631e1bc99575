"""Features of a mask that tell how good it is without the truth, and the kind of prompt that it was made for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..masks import Mask
from ..prompts import SpatialPrompt

PromptClass = Literal["point", "points", "box", "box+point", "mask"]
"""Kind of prompt for which scores are calibrated: one point, several, a box alone, a box with points, or an earlier mask with or without
others."""

PROMPT_CLASSES: tuple[PromptClass, ...] = get_args(PromptClass)

FEATURES = ("score", "stability", "area", "parts", "contrast", "box_agreement", "mask_agreement")
"""Names of the features, in their order.

- ``score``: the model's own score, for SAM the predicted IoU.
- ``stability``: IoU of the logits above 1 and above -1.
- ``area``: logarithm of the share of the image.
- ``parts``: logarithm of 1 plus the number of connected parts.
- ``contrast``: logarithm of 1 plus the distance of the mean colors on both sides of the outline, in CIELAB.
- ``box_agreement``, ``mask_agreement``: IoU of the mask's box with the prompt's, and of the mask with the prompt's; 0 without one.
"""

_SIDE = 256
"""Longer side of the image on which parts and contrast are measured. It is the resolution of the model's masks."""

_RING = 5
"""Side of the square that makes the rings on both sides of the outline."""


def prompt_class(prompt: SpatialPrompt) -> PromptClass:
    """Return the kind of a prompt."""
    if "mask" in prompt.kinds:
        return "mask"
    if prompt.xyxy is not None:
        return "box+point" if len(prompt.xy) else "box"
    return "point" if len(prompt.xy) == 1 else "points"


class MaskFeatures:
    """Features of masks of one image.

    Args:
        image: (H, W, 3) uint8 RGB.
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self._image = image
        height, width = image.shape[:2]
        scale = min(1.0, _SIDE / max(height, width))
        self._size = (max(1, round(height * scale)), max(1, round(width * scale)))

    @cached_property
    def _lab(self) -> NDArray[np.float32]:
        import cv2

        small = cv2.resize(self._image, self._size[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)

    def of(self, mask: Mask, prompt: SpatialPrompt) -> NDArray[np.float64] | None:
        """Return the features of a mask, in the order of `FEATURES`; None for a mask that is empty or has no score or no logits.

        Args:
            mask: A mask of the image, with the logits that the model gave.
            prompt: Its prompt.
        """
        if mask.score is None or mask.logits is None or not np.isfinite(mask.score) or not mask.area:
            return None
        import cv2

        small = np.ascontiguousarray(mask.resized(self._size).array, np.uint8)
        parts = cv2.connectedComponents(small, connectivity=8)[0] - 1
        surer, less_sure = np.count_nonzero(mask.logits > 1), np.count_nonzero(mask.logits > -1)
        return np.array(
            [
                mask.score,
                surer / less_sure if less_sure else 0.0,
                np.log(mask.area / (mask.size[0] * mask.size[1]) + 1e-4),
                np.log1p(parts),
                np.log1p(self._contrast(small)),
                0.0 if prompt.xyxy is None else _box_iou(mask.box.tolist(), prompt.xyxy.tolist()),
                _mask_agreement(mask, prompt),
            ]
        )

    def _contrast(self, small: NDArray[np.uint8]) -> float:
        import cv2

        square = np.ones((_RING, _RING), np.uint8)
        inner = (small > 0) & (cv2.erode(small, square, borderType=cv2.BORDER_CONSTANT, borderValue=1) == 0)
        outer = (small == 0) & (cv2.dilate(small, square) > 0)
        if not inner.any() or not outer.any():
            return 0.0
        return float(np.linalg.norm(self._lab[inner].mean(0) - self._lab[outer].mean(0)))


def _mask_agreement(mask: Mask, prompt: SpatialPrompt) -> float:
    if prompt.mask_pixels is not None:
        return mask.iou(prompt.mask_pixels) if prompt.mask_pixels.size == mask.size else 0.0
    if prompt.logits is None or mask.logits is None or prompt.logits.shape != mask.logits.shape:
        return 0.0
    first, second = prompt.logits > 0, mask.logits > 0
    either = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / either if either else 0.0


def _box_iou(first: Sequence[float], second: Sequence[float]) -> float:
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return shared / (both - shared) if both > shared else 0.0
