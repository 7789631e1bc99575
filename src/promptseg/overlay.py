"""Masks drawn on an image: colours that stay apart, outlines, labels, and the prompts that asked for them."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .detections import Detections
from .images import ImageLike, load_image
from .masks import Masks
from .prompts import Prompt, SpatialPrompt

Colour = tuple[int, int, int]

GOLDEN_RATIO = 0.618033988749895
FOREGROUND: Colour = (46, 204, 64)
BACKGROUND: Colour = (255, 65, 54)
BOX: Colour = (255, 220, 0)
MARGIN = 2  # Pixels around the text of a label.
SHADES = (0.0, 0.55, -0.4)  # Of a label's colour, for one mask of it after another: as it is, paler, darker.


def palette(count: int) -> list[Colour]:
    """`count` colours whose neighbours differ in hue; the first colours are the same whatever the count."""
    colours = []
    for index in range(count):
        red, green, blue = colorsys.hsv_to_rgb((0.58 + index * GOLDEN_RATIO) % 1.0, 0.85 if index % 2 else 0.65, 1.0)
        colours.append((round(red * 255), round(green * 255), round(blue * 255)))
    return colours


def draw(
    image: ImageLike,
    masks: Masks,
    *,
    detections: Detections | None = None,
    prompts: Sequence[Prompt] = (),
    colours: Sequence[Colour] | None = None,
    opacity: float = 0.5,
    outline: bool = True,
    labels: bool = True,
) -> Image.Image:
    """Draws masks on an image, the largest first so that none hides a smaller one.

    Args:
        image: The image, in any form that `load_image` takes.
        masks: Masks of its size.
        detections: Boxes to draw thinly, in the colours of their masks where they have any, else yellow; or None.
        prompts: Prompts whose points and boxes are drawn: green on the object, red beside it, boxes yellow.
        colours: One RGB colour a mask; default: one a label where there are labels, in shades for its masks, else one a mask.
        opacity: Of the masks' fill, 0 to 1.
        outline: Whether to draw the masks' outlines.
        labels: Whether to write labels and scores of labelled masks, above their boxes where there is room.

    Returns:
        A new RGB image of the same size.
    """
    import cv2

    canvas = load_image(image).copy()
    chosen = list(colours) if colours is not None else _mask_colours(masks)
    line = max(1, round(max(masks.size) / 600))
    for index in np.argsort(-masks.areas, kind="stable"):
        mask = masks[int(index)]
        x0, y0, x1, y1 = (int(v) for v in mask.box)
        pixels = mask.array[y0:y1, x0:x1]
        if not pixels.any():
            continue
        region = canvas[y0:y1, x0:x1]
        colour = np.array(chosen[int(index)], np.float32)
        region[pixels] = (region[pixels] * (1 - opacity) + colour * opacity).astype(np.uint8)
        if outline:
            contours, _ = cv2.findContours(pixels.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(x0, y0))
            cv2.drawContours(canvas, contours, -1, chosen[int(index)], line)
    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    if detections is not None:
        of_mask = {mask.detection_index: colour for mask, colour in zip(masks, chosen, strict=True)}
        for number, box in enumerate(detections.boxes):
            pen.rectangle(_inside(box, masks.size), outline=of_mask.get(number, BOX), width=line)
    if labels:
        _write_labels(pen, masks, chosen, detections)
    for prompt in prompts:
        if isinstance(prompt, SpatialPrompt):
            _draw_prompt(pen, prompt, masks.size, line)
    return picture


def _mask_colours(masks: Masks) -> list[Colour]:
    if any(label is not None for label in masks.labels):
        names = list(dict.fromkeys(masks.labels))
        by_label = dict(zip(names, palette(len(names)), strict=True))
        so_far: Counter[str | None] = Counter()
        colours = []
        for label in masks.labels:
            colours.append(_shade(by_label[label], SHADES[so_far[label] % len(SHADES)]))
            so_far[label] += 1
        return colours
    return palette(len(masks))


def _shade(colour: Colour, share: float) -> Colour:
    """The colour, mixed with white (a share above 0) or black."""
    red, green, blue = (round(value + abs(share) * ((255 if share > 0 else 0) - value)) for value in colour)
    return red, green, blue


def _write_labels(pen: ImageDraw.ImageDraw, masks: Masks, colours: Sequence[Colour], detections: Detections | None) -> None:
    font = ImageFont.load_default(size=max(11, max(masks.size) // 60))
    height, width = masks.size
    of: dict[int | None, NDArray[np.float32]] = {} if detections is None else dict(enumerate(detections.boxes))
    taken: list[tuple[float, float, float, float]] = []
    for mask, colour in zip(masks, colours, strict=True):
        if mask.label is None or not mask.area:
            continue
        text = mask.label if mask.score is None else f"{mask.label} {mask.score:.2f}"
        left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
        wide, high = right - left + 2 * MARGIN, bottom - top + 2 * MARGIN
        box = of.get(mask.detection_index, mask.box)
        x = max(0.0, min(float(box[0]), width - wide))
        y = float(box[1]) - high if box[1] >= high else float(box[1])
        while under := [other for other in taken if x < other[2] and other[0] < x + wide and y < other[3] and other[1] < y + high]:
            y = max(other[3] for other in under)  # Two phrases for one box would be written over one another.
        y = max(0.0, min(y, height - high))
        taken.append((x, y, x + wide, y + high))
        pen.rectangle((x, y, x + wide - 1, y + high - 1), fill=colour)
        pen.text((x + MARGIN - left, y + MARGIN - top), text, fill="black" if sum(colour) > 380 else "white", font=font)


def _draw_prompt(pen: ImageDraw.ImageDraw, prompt: SpatialPrompt, size: tuple[int, int], line: int) -> None:
    if prompt.xyxy is not None:
        pen.rectangle(_inside(prompt.xyxy, size), outline=BOX, width=2 * line)
    radius = 4 * line
    for (x, y), on in zip(prompt.xy.tolist(), prompt.foreground, strict=True):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=FOREGROUND if on else BACKGROUND, outline="white", width=line)


def _inside(box: NDArray[np.float32], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """A half-open box as the corners that Pillow draws through, within the image."""
    x0, y0, x1, y1 = (float(v) for v in box)
    x0, y0 = max(x0, 0.0), max(y0, 0.0)
    return x0, y0, max(x0, min(x1, size[1]) - 1), max(y0, min(y1, size[0]) - 1)
