"""`Canvas`: an image with example images beside it, on one model input, so that examples of other images can be given as boxes.

SAM 3 takes examples in the searched image alone. Users put both images side by side, give the box on the one half and read the masks of
the other (facebookresearch/sam3, issues on examples across images). Each image then has half of the model's resolution, or less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ....errors import PromptError
from ....masks import Size
from ...sam.geometry import InputGeometry

MAX_IMAGES = 9
"""Maximum number of example images on a canvas. Each then has a ninth of one half."""

_GRAY = 127
"""What is left free. It is the mean of the model's inputs."""


@dataclass(frozen=True)
class PartOfInput(InputGeometry):
    """The image lies in the top-left part of the model input; the rest shows other images.

    Attributes:
        part: ``(height, width)`` of this part.
    """

    part: Size = (1024, 1024)

    @property
    def content_size(self) -> Size:
        return self.part


@dataclass(frozen=True, eq=False)
class Canvas:
    """Layout of an image and example images on one model input.

    Attributes:
        image: The image, (H, W, 3) uint8 RGB.
        examples: Example images, each (H, W, 3) uint8 RGB.
        side: Side of the canvas in pixels.
        part: ``(height, width)`` of the top-left part that shows the image.
        cells: Place of each example image, ``xyxy`` in pixels of the canvas.
    """

    image: NDArray[np.uint8]
    examples: tuple[NDArray[np.uint8], ...]
    side: int
    part: Size
    cells: tuple[tuple[int, int, int, int], ...]

    def draw(self) -> NDArray[np.uint8]:
        """Return the canvas, (side, side, 3) uint8 RGB."""
        pixels = np.full((self.side, self.side, 3), _GRAY, np.uint8)
        places = ((0, 0, self.part[1], self.part[0]), *self.cells)
        for image, (x0, y0, x1, y1) in zip((self.image, *self.examples), places, strict=True):
            pixels[y0:y1, x0:x1] = np.asarray(Image.fromarray(image).resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR))
        return pixels

    def geometry(self, size: Size, low_res: int) -> InputGeometry:
        """Return the position of an image of a size ``(height, width)`` inside the model input.

        Args:
            size: Size of the image.
            low_res: Side of the model's logits.
        """
        return PartOfInput(size, self.side, low_res, self.part)

    def box(self, box: NDArray[np.float32], size: Size, example: int | None) -> NDArray[np.float32]:
        """Return a box in parts of the canvas, ``xyxy`` from 0 to 1.

        Args:
            box: (4,) box ``xyxy`` in pixels of an image.
            size: ``(height, width)`` of this image.
            example: Index of the example image; None for the searched image.
        """
        x0, y0, x1, y1 = (0, 0, self.part[1], self.part[0]) if example is None else self.cells[example]
        scale = np.array([(x1 - x0) / size[1], (y1 - y0) / size[0]] * 2)
        placed: NDArray[np.float32] = ((box * scale + np.array([x0, y0, x0, y0])) / self.side).astype(np.float32)
        return placed


def arrange(image: NDArray[np.uint8], examples: Sequence[NDArray[np.uint8]], side: int) -> Canvas:
    """Return the layout of an image and example images.

    The image gets one half: the upper if it is wider than high, else the left. The example images share the other half. They are stretched
    as the image is, so that what is alike stays alike.

    Args:
        image: The image that is searched, (H, W, 3) uint8 RGB.
        examples: Example images, each (H, W, 3) uint8 RGB.
        side: Side of the canvas in pixels.

    Raises:
        PromptError: There are more than `MAX_IMAGES` example images.
    """
    if len(examples) > MAX_IMAGES:
        raise PromptError(f"SAM 3 takes examples from at most {MAX_IMAGES} other images for one concept, got {len(examples)}")
    height, width = image.shape[:2]
    half = side // 2
    part = (half, side) if width > height else (side, half)
    left, top = (0, half) if width > height else (half, 0)
    columns = math.ceil(math.sqrt(len(examples)))
    rows = math.ceil(len(examples) / columns)
    room = ((side - left) // columns, (side - top) // rows)
    cells = []
    for index, example in enumerate(examples):
        stretched = (example.shape[1] * part[1] / width, example.shape[0] * part[0] / height)
        scale = min(room[0] / stretched[0], room[1] / stretched[1])
        across, down = (max(1, min(round(length * scale), most)) for length, most in zip(stretched, room, strict=True))
        x, y = left + room[0] * (index % columns), top + room[1] * (index // columns)
        cells.append((x, y, x + across, y + down))
    return Canvas(image, tuple(examples), side, part, tuple(cells))
