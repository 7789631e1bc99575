"""Alpha by a guided filter: the mask is smoothed along the edges of the image.

The filter is that of He, Sun and Tang, "Guided Image Filtering" (ECCV 2010), with a color guide: in each window alpha is the linear
function of the color that fits the mask best. It needs no model, and knows what the mask and the colors say: hair that the mask leaves out
stays out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._checks import positive, whole_number
from .tiles import tiles
from .trimap import MAX_BAND, UNKNOWN

_Array = NDArray[np.float32]


@dataclass(frozen=True)
class GuidedMatting:
    """Guided filter that makes a mask soft where the image is; a `promptseg.matting.Matting`.

    Attributes:
        radius: Half the side of a window in pixels. A cutout takes half the width of its band.
        epsilon: Variance of a color, from 0 to 1, below which a window counts as even. There alpha is the mean of the mask.

    Raises:
        ConfigError: A value is out of its range.
    """

    radius: int = 4
    epsilon: float = 1e-4

    def __post_init__(self) -> None:
        whole_number("radius", self.radius, 1, most=MAX_BAND, unit="pixels")
        positive("epsilon", self.epsilon)

    def alpha(self, image: NDArray[np.uint8], inside: NDArray[np.bool_], trimap: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the alpha of each pixel, (H, W) float32 in [0, 1].

        Args:
            image: (H, W, 3) uint8 RGB.
            inside: (H, W) the mask of the object.
            trimap: (H, W) 255 for the object, 0 for the background, 128 for unknown.
        """
        alpha = inside.astype(np.float32)
        for tile in tiles(trimap == UNKNOWN, 2 * self.radius):
            guide = image[tile.around].astype(np.float32) / np.float32(255)
            filtered = guided_filter(guide, inside[tile.around].astype(np.float32), self.radius, self.epsilon)
            alpha[tile.own] = np.clip(filtered[tile.within], 0, 1)
        return alpha


def guided_filter(guide: _Array, values: _Array, radius: int, epsilon: float) -> _Array:
    """Return values that were smoothed along the edges of a color image.

    Args:
        guide: (H, W, 3) float32 in [0, 1].
        values: (H, W) float32.
        radius: Half the side of a window in pixels.
        epsilon: What is added to the variances of the colors.

    Returns:
        (H, W) float32.
    """
    channels = [np.ascontiguousarray(guide[..., index]) for index in range(3)]
    means = [_mean(channel, radius) for channel in channels]
    mean = _mean(values, radius)
    shared = [_mean(channel * values, radius) - own * mean for channel, own in zip(channels, means, strict=True)]
    slopes = _solve(channels, means, shared, radius, epsilon)
    offset = mean - sum(slope * own for slope, own in zip(slopes, means, strict=True))
    filtered = sum(_mean(slope, radius) * channel for slope, channel in zip(slopes, channels, strict=True)) + _mean(offset, radius)
    return np.asarray(filtered, np.float32)


def _solve(channels: list[_Array], means: list[_Array], shared: list[_Array], radius: int, epsilon: float) -> list[_Array]:
    """Return the slope of each channel: the inverse of the covariance of the colors, times their covariance with the values."""
    covariance = {}
    for row, column in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)):
        product = _mean(channels[row] * channels[column], radius) - means[row] * means[column]
        covariance[row, column] = product + np.float32(epsilon) if row == column else product
    rr, rg, rb = covariance[0, 0], covariance[0, 1], covariance[0, 2]
    gg, gb, bb = covariance[1, 1], covariance[1, 2], covariance[2, 2]
    adjugate = (  # Of a symmetric matrix: it is symmetric, too.
        (gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb),
        (gb * rb - rg * bb, rr * bb - rb * rb, rb * rg - rr * gb),
        (rg * gb - gg * rb, rb * rg - rr * gb, rr * gg - rg * rg),
    )
    determinant = rr * adjugate[0][0] + rg * adjugate[0][1] + rb * adjugate[0][2]
    return [np.asarray(sum(part * value for part, value in zip(row, shared, strict=True)) / determinant, np.float32) for row in adjugate]


def _mean(values: _Array, radius: int) -> _Array:
    """Return the mean of the values in the window around each pixel. Beyond the border the image is mirrored."""
    import cv2

    side = 2 * radius + 1
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)
