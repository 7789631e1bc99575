"""Between a photo and a model's square frame: resizing the image, mapping points, and back from low-resolution logits to the photo.

SAM models look at a square frame (1024 x 1024) and answer with logits at a quarter of it (256 x 256). `LongestSide` scales the photo to
fit and pads it, as SAM and MobileSAM do; `Square` stretches it, as SAM 2 does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...masks import Size

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)
"""Mean and deviation by which SAM normalizes red, green and blue samples of 0 to 255."""

MASK_PROMPT_LOGIT = 8.0
"""A binary mask given as a prompt becomes logits of plus and minus this, within the range of the model's own logits."""


@dataclass(frozen=True)
class Geometry(ABC):
    """How photos of one size lie in a model's frame.

    Attributes:
        size: ``(height, width)`` of the photo.
        input_size: Side of the model's square input in pixels.
        low_res: Side of the model's square logits.
    """

    size: Size
    input_size: int = 1024
    low_res: int = 256

    @property
    @abstractmethod
    def content_size(self) -> Size:
        """``(height, width)`` of the resized photo inside the frame, from its top-left corner."""

    def resize(self, image: NDArray[np.uint8]) -> NDArray[np.uint8] | NDArray[np.float32]:
        """The photo (H, W, 3) at the size that it has in the frame, 0 to 255, by Pillow's antialiased bilinear filter, as upstream does."""
        height, width = self.content_size
        return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))

    def to_input(self, xy: NDArray[np.float32]) -> NDArray[np.float32]:
        """(…, 2) photo points ``(x, y)`` as frame points."""
        scale = np.array([self.content_size[1] / self.size[1], self.content_size[0] / self.size[0]], np.float64)
        return (xy * scale).astype(np.float32)

    def low_res_content_size(self) -> Size:
        """``(height, width)`` of the part of the logits that shows the photo, rounded up to whole logits."""
        step = self.input_size // self.low_res
        return -(-self.content_size[0] // step), -(-self.content_size[1] // step)

    def low_res_used(self) -> Size:
        """``(height, width)`` of the part of the logits that the photo's masks depend on: interpolation reaches one beyond the photo."""
        height, width = self.low_res_content_size()
        return min(height + 1, self.low_res), min(width + 1, self.low_res)

    def mask_to_logits(self, pixels: NDArray[np.bool_]) -> NDArray[np.float32]:
        """A mask of the photo's size as (low_res, low_res) logits for a mask prompt."""
        import cv2

        height, width = self.low_res_content_size()
        share = cv2.resize(pixels.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        logits = np.full((self.low_res, self.low_res), -MASK_PROMPT_LOGIT, np.float32)
        logits[:height, :width] = (share * 2 - 1) * MASK_PROMPT_LOGIT
        return logits

    def axis_weights(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Bilinear upsampling from logits to photo as one matrix an axis: ``photo = rows @ logits @ columns.T``.

        Upstream interpolates to the frame, cuts off the padding and interpolates again to the photo. Bilinear interpolation is linear and
        separable, so that both steps along one axis are one matrix product, made once here.

        Returns:
            rows: (photo height, low_res) float32.
            columns: (photo width, low_res) float32.
        """
        to_input = _interpolation(self.input_size, self.low_res)
        rows = _interpolation(self.size[0], self.content_size[0]) @ to_input[: self.content_size[0]]
        columns = _interpolation(self.size[1], self.content_size[1]) @ to_input[: self.content_size[1]]
        return rows.astype(np.float32), columns.astype(np.float32)


@dataclass(frozen=True)
class LongestSide(Geometry):
    """The photo's longer side fills the frame, the rest is padding (SAM, MobileSAM, mini-sam)."""

    @property
    def content_size(self) -> Size:
        scale = self.input_size / max(self.size)
        return max(1, int(self.size[0] * scale + 0.5)), max(1, int(self.size[1] * scale + 0.5))


@dataclass(frozen=True)
class Square(Geometry):
    """The photo is stretched to the whole frame (SAM 2)."""

    @property
    def content_size(self) -> Size:
        return self.input_size, self.input_size

    def resize(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `Geometry.resize`, but not rounded to whole numbers: SAM 2's own code resizes in floating point, by the same filter."""
        channels = (Image.fromarray(image[:, :, channel].astype(np.float32)) for channel in range(image.shape[2]))
        return np.stack([np.asarray(channel.resize(self.content_size[::-1], Image.Resampling.BILINEAR)) for channel in channels], axis=-1)

    def axis_weights(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `Geometry.axis_weights`, in the one step that SAM 2 takes."""
        return (
            _interpolation(self.size[0], self.low_res).astype(np.float32),
            _interpolation(self.size[1], self.low_res).astype(np.float32),
        )


def _interpolation(out: int, into: int) -> NDArray[np.float64]:
    """(out, into) matrix of bilinear interpolation with half-pixel centers, as ``torch.nn.functional.interpolate(align_corners=False)``."""
    # torch computes source positions in float32; rounding them alike keeps the masks equal at their borders.
    position = np.maximum((np.arange(out, dtype=np.float32) + np.float32(0.5)) * np.float32(into / out) - np.float32(0.5), 0)
    left = np.minimum(position.astype(np.int64), into - 1)
    right = np.minimum(left + 1, into - 1)
    share = (position - left).astype(np.float64)
    matrix = np.zeros((out, into))
    np.add.at(matrix, (np.arange(out), left), 1 - share)
    np.add.at(matrix, (np.arange(out), right), share)
    return matrix
