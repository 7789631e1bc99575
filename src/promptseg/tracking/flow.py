"""Where pixels went from one frame to another: dense optical flow, masks moved along it, and how far it can be trusted.

The flow is DIS, by OpenCV (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016).

A flow is trusted at a pixel where going there and back ends where it began (Sundaram, Brox and Keutzer, "Dense Point Trajectories by
GPU-accelerated Large Displacement Optical Flow", 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ABSOLUTE, RELATIVE = 1.5, 0.05
"""How far there and back may end from the beginning: pixels, and a share of the way."""

LEAST_SIDE = 16
"""Frames with a shorter side in pixels have no flow: DIS needs more to look at, and takes nothing to have moved."""


@dataclass(frozen=True, eq=False)
class Flow:
    """The way from a frame's pixels to those of an earlier one.

    Attributes:
        source_x: (H, W) float32, the column in the earlier frame that each pixel came from.
        source_y: (H, W) float32, the row.
        consistent: (H, W) bool, where the way there and back agrees.
    """

    source_x: NDArray[np.float32]
    source_y: NDArray[np.float32]
    consistent: NDArray[np.bool_]

    def move(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask (H, W) of the earlier frame as it lies in the later one."""
        return _sampled(mask.astype(np.float32), self.source_x, self.source_y) > 0.5

    def consistency(self, moved: NDArray[np.bool_]) -> float:
        """The share of a moved mask at which the flow is consistent; 0 for an empty mask."""
        return float(self.consistent[moved].mean()) if moved.any() else 0.0


def gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) uint8 brightness of an RGB image."""
    import cv2

    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def flow_between(earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> Flow:
    """The flow from `later` back to `earlier`, both (H, W) uint8."""
    import cv2

    height, width = later.shape
    if min(height, width) < LEAST_SIDE:
        there = back = np.zeros((height, width, 2), np.float32)
    else:
        dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]
        there = np.asarray(dis.calc(later, earlier, None), np.float32)
        back = np.asarray(dis.calc(earlier, later, None), np.float32)
    x = np.arange(width, dtype=np.float32) + there[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + there[..., 1]
    astray = np.hypot(*(there[..., axis] + _sampled(np.ascontiguousarray(back[..., axis]), x, y) for axis in (0, 1)))
    return Flow(x, y, np.asarray(astray < ABSOLUTE + RELATIVE * np.hypot(there[..., 0], there[..., 1])))


def _sampled(values: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32)
