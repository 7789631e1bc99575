"""Small images of masks: on the image or on a gray ground, of one mask alone, and with rulers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..detections import Detections
from ..errors import InputError
from ..fonts import label_font
from ..masks import Mask, Masks, Size
from ..overlay import draw
from ..prompts import Prompt, SpatialPrompt

GROUND = (88, 88, 88)
"""Gray behind masks without their image. It is told from the background of light and of dark notebooks, and from all colors of masks."""

OPACITY = 0.85
"""Opacity of masks on the gray ground."""

LEAST = 240
"""Length of the longer side below which an image is enlarged by a whole number, so that masks of a few pixels can be seen."""

MAX_DRAWN = 300
"""Maximum number of masks that are drawn, the largest ones: more take seconds, and cannot be told apart in a small image."""

THUMBNAIL = 56
"""Maximum length of the longer side of the image of one mask in a table."""

WHITE, BLACK, LINE = (255, 255, 255), (20, 20, 20), (150, 150, 150)


def small_shape(size: Size, limit: int) -> Size:
    """Return the size ``(height, width)`` at which an image is shown: at most `limit`, and small ones enlarged."""
    longest = max(size)
    scale = limit / longest if longest > limit else max(1, min(LEAST, limit) // longest)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def small_image(image: NDArray[np.uint8], shape: Size) -> Image.Image:
    """Return an image at another size: averaged when smaller, with visible pixels when larger."""
    picture = Image.fromarray(image)
    if shape == image.shape[:2]:
        return picture
    method = Image.Resampling.NEAREST if shape[1] > picture.width else Image.Resampling.LANCZOS
    return picture.resize((shape[1], shape[0]), method, reducing_gap=2.0)


def draw_small(
    image: NDArray[np.uint8] | None,
    masks: Masks,
    limit: int,
    *,
    detections: Detections | None = None,
    prompts: Sequence[Prompt] = (),
    **style: Any,
) -> Image.Image:
    """Draw masks on a small copy of the image, or on a gray ground.

    Args:
        image: (H, W, 3) uint8 RGB of the masks' size, or None.
        masks: The masks. The `MAX_DRAWN` largest are drawn.
        limit: Maximum length of the longer side of what is returned, in pixels.
        detections: Detections whose boxes are drawn, or None.
        prompts: Prompts whose points and boxes are drawn.
        **style: Further arguments of `promptseg.overlay.draw`.

    Raises:
        InputError: The image has another size than the masks.
    """
    if image is not None and image.shape[:2] != masks.size:
        raise InputError(f"masks of size {masks.size} do not fit an image of size {image.shape[:2]}: both are (height, width)")
    if len(masks) > MAX_DRAWN:
        masks = masks.where(np.sort(np.argsort(-masks.areas, kind="stable")[:MAX_DRAWN]))
    size, shape = masks.size, small_shape(masks.size, limit)
    across = np.array([shape[1] / size[1], shape[0] / size[0]], np.float32)
    if image is None:
        ground = Image.new("RGB", (shape[1], shape[0]), GROUND)
        style = {"opacity": OPACITY, "outline": False, **style}
    else:
        ground = small_image(image, shape)
    found = None
    if detections is not None:
        found = Detections(shape, detections.boxes * np.tile(across, 2), detections.scores, detections.labels)
    return draw(
        ground,
        Masks((mask.resized(shape) for mask in masks), shape),
        detections=found,
        prompts=[_resized(prompt, across) for prompt in prompts if isinstance(prompt, SpatialPrompt)],
        **style,
    )


def _resized(prompt: SpatialPrompt, across: NDArray[np.float32]) -> SpatialPrompt:
    """Return the points and the box of a prompt on an image that is resized by ``(x, y)`` factors."""
    box = None if prompt.xyxy is None else prompt.xyxy * np.tile(across, 2)
    return replace(prompt, xy=(prompt.xy + 0.5) * across - 0.5, xyxy=box, mask_pixels=None, logits=None, source_size=None)


def cutout(mask: Mask, image: NDArray[np.uint8] | None, limit: int = THUMBNAIL) -> Image.Image:
    """Return a small image of one mask: what it covers of the image, or its place in the image as a white shape."""
    if image is None or not mask.area:
        height, width = small_shape(mask.size, limit)
        place = Image.fromarray(mask.resized((height, width)).array).convert("L")
        return Image.composite(Image.new("RGB", place.size, WHITE), Image.new("RGB", place.size, GROUND), place)
    inside, (x, y) = mask.crop()
    height, width = inside.shape
    colors = image[y : y + height, x : x + width]
    shape = small_shape((height, width), limit)
    covered = Image.fromarray(inside).convert("L").resize((shape[1], shape[0]), Image.Resampling.BOX)
    return Image.composite(small_image(np.ascontiguousarray(colors), shape), Image.new("RGB", covered.size, GROUND), covered)


def with_rulers(image: NDArray[np.uint8], limit: int) -> Image.Image:
    """Return a small copy of an image with pixel coordinates along its top and left side, from which a click or box is read."""
    height, width = image.shape[:2]
    shape = small_shape((height, width), limit)
    font = label_font("0", 11)
    pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    left, top = int(pen.textlength(str(height), font=font)) + 10, 20
    canvas = Image.new("RGB", (shape[1] + left, shape[0] + top), WHITE)
    canvas.paste(small_image(image, shape), (left, top))
    pen = ImageDraw.Draw(canvas)
    for x in _ticks(width, shape[1]):
        at = left + round((x + 0.5) * shape[1] / width)
        pen.line((at, top - 5, at, top - 1), LINE)
        wide = pen.textlength(str(x), font=font)
        pen.text((min(max(left, at - wide / 2), canvas.width - wide), 1), str(x), BLACK, font)
    for y in _ticks(height, shape[0]):
        at = top + round((y + 0.5) * shape[0] / height)
        pen.line((left - 5, at, left - 1, at), LINE)
        pen.text((left - 7 - pen.textlength(str(y), font=font), min(max(top, at - 7), canvas.height - 14)), str(y), BLACK, font)
    return canvas


def _ticks(length: int, shown: int) -> range:
    """Return round coordinates that stand at least 48 pixels apart on a side of `length` pixels that is shown on `shown` pixels."""
    least = 48 * length / shown
    steps = (factor * 10**power for power in range(10) for factor in (1, 2, 5))
    return range(0, length, next(step for step in steps if step >= least))
