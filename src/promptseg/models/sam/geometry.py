"""Mapping between an image and a model's square input: resizing images, mapping points, and upsampling low-resolution logits.

SAM models take a square input (1024 x 1024) and give logits at a quarter of its side (256 x 256). `ResizeLongestSide` scales the
image to fit and pads it, as SAM and MobileSAM do. `StretchToSquare` stretches it, as SAM 2 does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...masks import Mask, Size
from .area_shares import area_shares
from .resizing import resized

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)
"""Mean and standard deviation with which SAM normalizes red, green and blue values of 0 to 255."""

MASK_PROMPT_LOGIT = 8.0
"""Logit of a foreground pixel when a binary mask is given as a prompt; background is minus this. Within the range of the model's logits."""


@dataclass(frozen=True)
class InputGeometry(ABC):
    """Position of images of one size inside a model's square input.

    Attributes:
        size: ``(height, width)`` of the image.
        input_size: Side of the model's square input in pixels.
        low_res: Side of the model's square logits.
    """

    size: Size
    input_size: int = 1024
    low_res: int = 256

    @property
    @abstractmethod
    def content_size(self) -> Size:
        """``(height, width)`` of the resized image inside the model input. The image starts at the top-left corner; the rest is padding."""

    def resize(self, image: NDArray[np.uint8]) -> NDArray[np.uint8] | NDArray[np.float32]:
        """Return the image (H, W, 3) resized to `content_size`, values 0 to 255.

        The filter is Pillow's antialiased bilinear one, as in upstream's code.
        """
        return resized(image, self.content_size)

    def to_input(self, xy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return points ``(x, y)`` in image pixels, (…, 2), as points in pixels of the model input."""
        scale = np.array([self.content_size[1] / self.size[1], self.content_size[0] / self.size[0]], np.float64)
        return (xy * scale).astype(np.float32)

    def low_res_content_size(self) -> Size:
        """Return ``(height, width)`` of the part of the low-resolution logits that covers the image, rounded up."""
        height, width = (-(-side * self.low_res // self.input_size) for side in self.content_size)
        return height, width

    def low_res_used(self) -> Size:
        """Return ``(height, width)`` of the part of the low-resolution logits that masks of the image depend on.

        Interpolation uses one row and one column beyond the part that covers the image.
        """
        height, width = self.low_res_content_size()
        return min(height + 1, self.low_res), min(width + 1, self.low_res)

    def mask_to_logits(self, mask: Mask) -> NDArray[np.float32]:
        """Return a mask of image size as (low_res, low_res) float32 logits for a mask prompt."""
        height, width = self.low_res_content_size()
        logits = np.full((self.low_res, self.low_res), -MASK_PROMPT_LOGIT, np.float32)
        logits[:height, :width] = (area_shares(mask, (height, width)) * 2 - 1) * MASK_PROMPT_LOGIT
        return logits

    def axis_weights(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return bilinear upsampling from low-resolution logits to image size, as one matrix for each axis.

        ``image_logits = rows @ logits @ columns.T``. Upstream interpolates to the input size, cuts off the padding and interpolates again
        to the image size. Bilinear interpolation is linear and separable, so both steps along one axis are one matrix, computed once.

        Returns:
            rows: (image height, low_res) float32.
            columns: (image width, low_res) float32.
        """
        to_input = _interpolation(self.input_size, self.low_res)
        rows = _interpolated(to_input[: self.content_size[0]], self.size[0])
        columns = _interpolated(to_input[: self.content_size[1]], self.size[1])
        return rows.astype(np.float32), columns.astype(np.float32)


@dataclass(frozen=True)
class ResizeLongestSide(InputGeometry):
    """The image is scaled so that its longer side fills the model input; the rest is padding (SAM, MobileSAM, mini-sam)."""

    @property
    def content_size(self) -> Size:
        scale = self.input_size / max(self.size)
        return max(1, int(self.size[0] * scale + 0.5)), max(1, int(self.size[1] * scale + 0.5))


@dataclass(frozen=True)
class StretchToSquare(InputGeometry):
    """The image is stretched to the whole model input (SAM 2)."""

    @property
    def content_size(self) -> Size:
        return self.input_size, self.input_size

    def resize(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the image (H, W, 3) resized to `content_size` as float32, values 0 to 255, not rounded to whole numbers.

        SAM 2's own code resizes in floating point with the same antialiased bilinear filter.
        """
        channels = (image[:, :, channel] for channel in range(image.shape[2]))
        return np.stack([resized(channel, self.content_size, np.float32) for channel in channels], axis=-1)

    def axis_weights(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return bilinear upsampling from low-resolution logits to image size, as one matrix for each axis.

        SAM 2 interpolates from logits to image size in one step.

        Returns:
            rows: (image height, low_res) float32.
            columns: (image width, low_res) float32.
        """
        return (
            _interpolation(self.size[0], self.low_res).astype(np.float32),
            _interpolation(self.size[1], self.low_res).astype(np.float32),
        )


def _interpolation(out: int, into: int) -> NDArray[np.float64]:
    """Return the (out, into) matrix of bilinear interpolation from `into` to `out` samples."""
    left, right, share = _neighbors(out, into)
    return _matrix(left, right, share, into)


def _interpolated(samples: NDArray[np.float64], out: int) -> NDArray[np.float64]:
    """Return ``_interpolation(out, len(samples)) @ samples``, in strips of rows: of a large image, the whole matrix has gigabytes."""
    left, right, share = _neighbors(out, len(samples))
    result = np.empty((out, samples.shape[1]))
    for start in range(0, out, _STRIP):
        rows = slice(start, start + _STRIP)
        first, stop = int(left[start]), int(right[rows][-1]) + 1
        weights = _matrix(left[rows] - first, right[rows] - first, share[rows], stop - first)
        np.matmul(weights, samples[first:stop], out=result[rows])
    return result


def _neighbors(out: int, into: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return, for each of `out` samples, the two of `into` samples that it lies between, and the share of the second. All grow.

    Pixel centers lie at half pixels, as in ``torch.nn.functional.interpolate(align_corners=False)``.
    """
    # torch computes source positions in float32. The same rounding here keeps mask borders equal to torch's.
    position = np.maximum((np.arange(out, dtype=np.float32) + np.float32(0.5)) * np.float32(into / out) - np.float32(0.5), 0)
    left = np.minimum(position.astype(np.int64), into - 1)
    return left, np.minimum(left + 1, into - 1), (position - left).astype(np.float64)


def _matrix(left: NDArray[np.int64], right: NDArray[np.int64], share: NDArray[np.float64], into: int) -> NDArray[np.float64]:
    matrix = np.zeros((len(left), into))
    each = np.arange(len(left))
    matrix[each, left] = 1 - share
    matrix[each, right] += share
    return matrix


_STRIP = 64
"""Number of rows of a strip."""
