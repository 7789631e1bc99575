"""Dense optical flow between two frames, with warping of masks and a forward-backward consistency check.

The flow is DIS of OpenCV (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016).

The flow is consistent at a pixel if following it forward and backward leads back to that pixel (Sundaram, Brox and Keutzer, "Dense Point
Trajectories by GPU-accelerated Large Displacement Optical Flow", 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ABSOLUTE, RELATIVE = 1.5, 0.05
"""Tolerance of the consistency check: a distance in pixels, plus a share of the length of the flow."""

MIN_SIDE = 16
"""Minimum length in pixels of the shorter side. In smaller frames, where DIS does not work, the flow is zero."""


@dataclass(frozen=True, eq=False)
class Flow:
    """Optical flow from the pixels of a later frame back to an earlier frame.

    Attributes:
        source_x: (H, W) float32, for each pixel its column in the earlier frame.
        source_y: (H, W) float32, for each pixel its row in the earlier frame.
        consistent: (H, W) bool, whether forward and backward flow agree.
    """

    source_x: NDArray[np.float32]
    source_y: NDArray[np.float32]
    consistent: NDArray[np.bool_]

    def move(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a mask (H, W) of the earlier frame warped to the later frame."""
        return _sampled(mask.astype(np.float32), self.source_x, self.source_y) > 0.5

    def consistency(self, moved: NDArray[np.bool_]) -> float:
        """Return the share of a moved mask (H, W) in which the flow is consistent; 0 for an empty mask."""
        return float(self.consistent[moved].mean()) if moved.any() else 0.0


def gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the (H, W) uint8 brightness of an RGB image."""
    import cv2

    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def flow_between(earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> Flow:
    """Return the optical flow from `later` back to `earlier`, both (H, W) uint8."""
    import cv2

    height, width = later.shape
    if min(height, width) < MIN_SIDE:
        there = back = np.zeros((height, width, 2), np.float32)
    else:
        dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]
        there = np.asarray(dis.calc(later, earlier, None), np.float32)
        back = np.asarray(dis.calc(earlier, later, None), np.float32)
    x = np.arange(width, dtype=np.float32) + there[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + there[..., 1]
    deviation = np.hypot(*(there[..., axis] + _sampled(np.ascontiguousarray(back[..., axis]), x, y) for axis in (0, 1)))
    return Flow(x, y, np.asarray(deviation < ABSOLUTE + RELATIVE * np.hypot(there[..., 0], there[..., 1])))


def _sampled(values: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values (H, W) interpolated at the given columns and rows; 0 outside the image."""
    import cv2

    return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32)
