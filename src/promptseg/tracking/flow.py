"""Dense optical flow between two frames, with warping of masks and a forward-backward consistency check.

The flow is DIS of OpenCV (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016).

The flow is consistent at a pixel if following it forward and backward leads back to that pixel (Sundaram, Brox and Keutzer, "Dense Point
Trajectories by GPU-accelerated Large Displacement Optical Flow", 2010).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

ABSOLUTE, RELATIVE = 1.5, 0.05
"""Tolerance of the consistency check: a distance in pixels, plus a share of the length of the flow."""

MIN_SIDE = 16
"""Minimum length in pixels of the shorter side. In smaller frames, where DIS does not work, the flow is zero."""

MARGIN, LEAST_MARGIN = 0.5, 1 / 16
"""Margin around an object in which flow is computed: a share of its box on every side, and at least a share of the frame's longer side."""

MAX_PIXELS = 320 * 320
"""Maximum number of pixels for which the flow about an object is computed. Larger windows are scaled down, so that an object costs equally
much in every frame."""


@dataclass(frozen=True, eq=False)
class Flow:
    """Optical flow from the pixels of a later frame back to an earlier frame.

    It may be known in a window of the frame only. Elsewhere a moved mask is empty.

    Attributes:
        source_x: (h, w) float32, for each pixel of the window its column in the window of the earlier frame.
        source_y: (h, w) float32, for each pixel of the window its row in the window of the earlier frame.
        consistent: (h, w) bool, whether forward and backward flow agree.
        corner: Left and upper edge ``(x, y)`` of the window in the frame.
    """

    source_x: NDArray[np.float32]
    source_y: NDArray[np.float32]
    consistent: NDArray[np.bool_]
    corner: tuple[int, int] = (0, 0)

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the window."""
        (x, y), (height, width) = self.corner, self.consistent.shape
        return slice(y, y + height), slice(x, x + width)

    def move(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a mask (H, W) of the earlier frame warped to the later frame."""
        moved = np.zeros_like(mask)
        if self.consistent.size:
            moved[self.window] = _sampled(mask[self.window].astype(np.float32), self.source_x, self.source_y) > 0.5
        return moved

    def consistency(self, moved: NDArray[np.bool_]) -> float:
        """Return the share of a moved mask (H, W) in which the flow is consistent; 0 for an empty mask."""
        inside = moved[self.window]
        return float(self.consistent[inside].mean()) if inside.any() else 0.0

    def motion(self, moved: NDArray[np.bool_]) -> float:
        """Return the length in pixels of the median motion of a moved mask (H, W); 0 for an empty mask."""
        inside = moved[self.window]
        rows, columns = np.nonzero(inside)
        if not len(rows):
            return 0.0
        return float(np.hypot(np.median(self.source_x[inside] - columns), np.median(self.source_y[inside] - rows)))


def gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the (H, W) uint8 brightness of an RGB image."""
    import cv2

    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def flow_between(earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> Flow:
    """Return the optical flow from `later` back to `earlier`, both (H, W) uint8."""
    height, width = later.shape
    if min(height, width) < MIN_SIDE:
        there = back = np.zeros((height, width, 2), np.float32)
    else:
        there, back = _dis(later, earlier), _dis(earlier, later)
    x, y = _sources(there)
    deviation = np.hypot(*(there[..., axis] + _sampled(np.ascontiguousarray(back[..., axis]), x, y) for axis in (0, 1)))
    return Flow(x, y, np.asarray(deviation < ABSOLUTE + RELATIVE * np.hypot(there[..., 0], there[..., 1])))


def flow_about(mask: NDArray[np.bool_], earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> Flow:
    """Return the optical flow about one object, from `later` back to `earlier`, both (H, W) uint8.

    It is computed in a window around the mask (H, W) that the object has in the earlier frame. For an empty mask the window is empty.
    """
    import cv2

    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        nothing = np.zeros((0, 0), np.float32)
        return Flow(nothing, nothing, nothing.astype(bool))
    (y0, y1), (x0, x1) = (_widened(along, length, max(mask.shape)) for along, length in zip((rows, columns), mask.shape, strict=True))
    width, height = x1 - x0, y1 - y0
    scale = min(1.0, (MAX_PIXELS / (width * height)) ** 0.5)
    small = max(1, round(width * scale)), max(1, round(height * scale))
    before, after = (np.ascontiguousarray(image[y0:y1, x0:x1]) for image in (earlier, later))
    if scale == 1:
        return replace(flow_between(before, after), corner=(x0, y0))
    flow = flow_between(*(np.asarray(cv2.resize(part, small, interpolation=cv2.INTER_AREA), np.uint8) for part in (before, after)))
    ratio = np.array([width / small[0], height / small[1]], np.float32)
    still = _sources(np.zeros((small[1], small[0], 2), np.float32))
    motion = np.stack([flow.source_x - still[0], flow.source_y - still[1]], axis=-1) * ratio
    x, y = _sources(np.asarray(cv2.resize(motion, (width, height), interpolation=cv2.INTER_LINEAR), np.float32))
    consistent = cv2.resize(flow.consistent.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return Flow(x, y, consistent.astype(bool), (x0, y0))


def _widened(indices: NDArray[np.intp], length: int, longer_side: int) -> tuple[int, int]:
    """Return where a window around the rows or columns of an object begins and ends."""
    first, last = int(indices[0]), int(indices[-1]) + 1
    margin = round(max(MARGIN * (last - first), LEAST_MARGIN * longer_side))
    return max(0, first - margin), min(length, last + margin)


def _dis(image: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the (H, W, 2) flow from each pixel of an image to another image."""
    import cv2

    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]
    return np.asarray(dis.calc(image, other, None), np.float32)


def _sources(motion: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return columns and rows to which the pixels of an image move, given their motion (H, W, 2)."""
    height, width = motion.shape[:2]
    return np.arange(width, dtype=np.float32) + motion[..., 0], np.arange(height, dtype=np.float32)[:, None] + motion[..., 1]


def _sampled(values: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values (H, W) interpolated at the given columns and rows; 0 outside the image."""
    import cv2

    return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32)
