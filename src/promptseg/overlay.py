"""Mask overlays on an image: light fills, thin outlines, labels and prompts.

The colors are those of `promptseg.class_colors`. Image overlays, the gallery of an annotation run and tracked videos share them.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ._checks import between, flag, is_whole_number, plain
from ._label_places import place_labels
from .class_colors import HUES, NO_CLASS, OBJECT_SHADES, ClassColors, Color, shade
from .detections import Detections
from .errors import InputError, shown
from .fonts import Font, label_font
from .images import ImageLike, load_image
from .masks import Masks
from .prompts import Prompt, SpatialPrompt

FOREGROUND: Color = HUES[2]
"""Color of points on the object."""

BACKGROUND: Color = HUES[5]
"""Color of points on the background."""

BOX: Color = (240, 228, 66)
"""Color of box prompts, and of detected boxes that have no mask: the yellow of the same palette, which no mask has."""

BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)

FILL = 0.28
"""Opacity of the fill for up to `FEW` masks."""

FILL_OF_MANY = 0.16
"""Opacity of the fill for more than `FEW` masks."""

FEW = 8
"""Maximum number of masks that are filled with opacity `FILL`."""

CASING = 0.3
"""Opacity of the wider line under each outline, which makes the outline visible on a similar background. It is black, and white under dark
colors."""

_REACH = 3  # Gap, in cells of the neighbor map, up to which masks count as touching.
_CELLS = 512  # Maximum number of cells along the longer side of the neighbor map.
_BAND = 256  # Rows that are filled at once, so that a large image needs little memory.
_SHIFT = 3  # Fractional bits of outline coordinates.


def line_width(size: tuple[int, int]) -> int:
    """Return the outline width in pixels for an image of size ``(height, width)``."""
    return max(1, round(max(size) / 500))


def draw(
    image: ImageLike,
    masks: Masks,
    *,
    detections: Detections | None = None,
    prompts: Sequence[Prompt] = (),
    colors: Sequence[Color] | NDArray[np.integer] | None = None,
    classes: Sequence[str] = (),
    opacity: float | None = None,
    outline: bool = True,
    labels: bool = True,
    font: str | os.PathLike[str] | None = None,
) -> Image.Image:
    """Draw masks on an image.

    Each pixel is tinted once, in the color of the smallest mask that contains it. So the image stays visible under overlapping masks.

    Args:
        image: The image, in any form that `load_image` takes.
        masks: Masks of the image's size.
        detections: Detections whose boxes are drawn thinly, in the colors of their masks or, without a mask, in yellow; or None.
        prompts: Prompts whose points and boxes are drawn. Foreground points are green with a plus, background points red with a minus,
            boxes yellow.
        colors: One RGB color per mask, (N, 3). By default each label has the color of its class in every image, by the rule of
            `promptseg.class_colors`, and masks of a label that touch differ in shade. Without labels, masks that touch differ in hue.
        classes: Classes in their known order, which decides their colors; empty if no order is known.
        opacity: Opacity of the fill, 0 to 1. The default is light, and lighter for many masks.
        outline: Whether to draw the outlines of the masks.
        labels: Whether to write the labels and scores of labeled masks, or of detections if there are no masks, above their boxes if
            there is room. With more than `FEW` of them, labels for which there is no free place are left out.
        font: Font file for the labels. By default a font that has their characters is chosen; see `promptseg.fonts`.

    Returns:
        A new RGB image of the same size.

    Raises:
        InputError: The image cannot be used, the masks are of another size, there is not one color for each mask, the font cannot be
            read, or an argument is of another kind.
    """
    colors = plain(colors)
    _check(masks, detections, prompts, colors, classes)
    if opacity is not None:
        opacity = between("opacity", opacity, error=InputError)
    outline, labels = flag("outline", outline, InputError), flag("labels", labels, InputError)
    canvas = load_image(image).copy()
    if canvas.shape[:2] != masks.size:
        raise InputError(f"masks of size {masks.size} do not fit an image of size {canvas.shape[:2]}: both are (height, width)")
    if colors is not None and len(colors) != len(masks):
        raise InputError(f"expected one color for each of {len(masks)} masks, got {len(colors)}")
    width = line_width(masks.size)
    top_most, contours = _lay_out(masks, outline)
    chosen: list[Color] = (
        [(each[0], each[1], each[2]) for each in colors] if colors is not None else _choose_colors(masks, top_most, classes)
    )
    if opacity is None:
        opacity = FILL if len(masks) <= FEW else FILL_OF_MANY
    _fill(canvas, top_most, chosen, opacity)
    if outline:
        _draw_outlines(canvas, contours, chosen, width)
    if detections is not None:
        of_mask = {mask.detection_index: each for mask, each in zip(masks, chosen, strict=True)}
        _draw_boxes(canvas, [(box, of_mask.get(number, BOX)) for number, box in enumerate(detections.boxes)], max(1, width // 2))
    spatial = [prompt for prompt in prompts if isinstance(prompt, SpatialPrompt)]
    _draw_boxes(canvas, [(prompt.xyxy, BOX) for prompt in spatial if prompt.xyxy is not None], width)
    for prompt in spatial:
        _draw_points(canvas, prompt, width)
    overlay = Image.fromarray(canvas)
    if labels:
        _write_labels(ImageDraw.Draw(overlay), masks, chosen, detections, font)
    return overlay


def _check(masks: object, detections: object, prompts: object, colors: object, classes: object) -> None:
    if not isinstance(masks, Masks):
        raise InputError(f"masks are Masks, got {shown(masks)}")
    if not isinstance(detections, (Detections, type(None))):
        raise InputError(f"detections are Detections or None, got {shown(detections)}")
    if not isinstance(prompts, Sequence):
        raise InputError(f"prompts are a list of Prompt, got {shown(prompts)}")
    if isinstance(classes, str) or not isinstance(classes, Sequence) or not all(isinstance(each, str) for each in classes):
        raise InputError(f"classes are a list of names, such as ['cup', 'spoon'], got {shown(classes)}")
    if colors is not None:
        if not isinstance(colors, Sequence):
            raise InputError(f"colors are a list of (red, green, blue), got {shown(colors)}")
        for each in colors:
            if not isinstance(each, Sequence) or len(each) != 3 or not all(is_whole_number(part, 0) and part <= 255 for part in each):
                raise InputError(f"a color is three whole numbers from 0 to 255 (red, green, blue), got {shown(each)}")


def _lay_out(masks: Masks, outline: bool) -> tuple[NDArray[np.int32], list[list[NDArray[np.int32]]]]:
    """Stack the masks, the largest at the bottom.

    Returns:
        top_most: (H, W) int32, 1 + the index of the top mask at each pixel, 0 where there is none.
        contours: The outlines of each mask, each (N, 1, 2) int32 ``(x, y)``.
    """
    top_most = np.zeros(masks.size, np.int32)
    contours: list[list[NDArray[np.int32]]] = [[] for _ in masks]
    for index in np.argsort(-masks.areas, kind="stable").tolist():
        crop, (x, y) = masks[index].crop()
        if not crop.size:
            continue
        region = top_most[y : y + crop.shape[0], x : x + crop.shape[1]]
        pixels = crop.view(np.uint8)
        cv2.copyTo(np.full_like(region, index + 1), pixels, region)
        if outline:
            found, _ = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(x, y))
            contours[index] = [np.asarray(contour, np.int32) for contour in found]
    return top_most, contours


def _fill(canvas: NDArray[np.uint8], top_most: NDArray[np.int32], colors: Sequence[Color], opacity: float) -> None:
    if not colors or opacity <= 0:
        return
    table = np.array([(0, 0, 0), *colors], np.uint8)
    for start in range(0, len(canvas), _BAND):
        rows, numbers = canvas[start : start + _BAND], top_most[start : start + _BAND]
        columns = np.flatnonzero(numbers.any(axis=0))
        if not columns.size:
            continue
        across = slice(columns[0], columns[-1] + 1)
        rows, numbers = rows[:, across], numbers[:, across]
        tinted = cv2.addWeighted(rows, 1 - opacity, table[numbers], opacity, 0)
        np.copyto(rows, tinted, where=(numbers > 0)[..., None])


def _draw_outlines(canvas: NDArray[np.uint8], contours: Sequence[Sequence[NDArray[np.int32]]], colors: Sequence[Color], width: int) -> None:
    lines = [[_smooth(contour, canvas.shape[:2], width) for contour in of_mask] for of_mask in contours]
    for tone in (BLACK, WHITE):
        own = [of_mask for of_mask, each in zip(lines, colors, strict=True) if text_color(each) == tone]
        if own:
            casing = np.zeros(canvas.shape[:2], np.uint8)
            cv2.polylines(casing, list(itertools.chain(*own)), True, 255, _cased(width), cv2.LINE_AA, _SHIFT)
            _blend(canvas, casing, tone[0])
    for of_mask, each in zip(lines, colors, strict=True):
        for _ in range(3 if width == 1 else 1):  # Drawn once, an anti-aliased line of one pixel is pale.
            cv2.polylines(canvas, of_mask, True, each, width, cv2.LINE_AA, _SHIFT)


def _smooth(contour: NDArray[np.int32], size: tuple[int, int], width: int) -> NDArray[np.int32]:
    """Return an outline without pixel steps, in fixed-point coordinates with `_SHIFT` fractional bits.

    Where the outline runs along the edge of the image, it is moved outside.
    """
    points = contour[:, 0].astype(np.float32)
    last = np.array(size[::-1], np.float32) - 1
    points = np.where(points <= width, -4.0 * width, np.where(points >= last - width, last + 4 * width, points))
    reach = min(width + 1, len(points) // 8)  # A small mask keeps its shape.
    if reach:
        points = np.mean([np.roll(points, step, axis=0) for step in range(-reach, reach + 1)], axis=0)
        points = points[:: max(1, width // 2)]
    return np.rint(points * (1 << _SHIFT)).astype(np.int32)


def _cased(width: int) -> int:
    """Return the width of the casing under a line of `width`."""
    return width + 2 * max(1, width // 2)


def _blend(canvas: NDArray[np.uint8], coverage: NDArray[np.uint8], tone: int) -> None:
    """Blend a canvas in place with a gray tone, with opacity `CASING`, by a coverage from 0 to 255."""
    for start in range(0, len(canvas), _BAND):
        rows, covered = canvas[start : start + _BAND], coverage[start : start + _BAND]
        if not covered.any():
            continue
        left = 255 - cv2.convertScaleAbs(covered, alpha=CASING)
        cv2.multiply(rows, cv2.merge([left, left, left]), rows, scale=1 / 255)
        if tone:
            added = cv2.convertScaleAbs(255 - left, alpha=tone / 255)
            cv2.add(rows, cv2.merge([added, added, added]), rows)


def _choose_colors(masks: Masks, top_most: NDArray[np.int32], classes: Sequence[str]) -> list[Color]:
    """Return one color per mask: the first of its colors that no touching mask has.

    Masks with labels have the color of their class, or shades of it. Without labels, the hue that was used least so far is the first.
    """
    neighbors = _neighbors(top_most)
    of_class = ClassColors(classes).of_image(masks.labels)
    used = dict.fromkeys(HUES, 0)
    chosen: list[Color] = []
    for index, label in enumerate(masks.labels):
        near = [chosen[other] for other in neighbors.get(index, ()) if other < index]
        if of_class:
            candidates = [shade(of_class[label] if label else NO_CLASS, share) for share in OBJECT_SHADES]
        else:
            candidates = sorted(HUES, key=used.__getitem__)
        best = min(candidates, key=near.count)
        used[best] = used.get(best, 0) + 1
        chosen.append(best)
    return chosen


def _neighbors(top_most: NDArray[np.int32]) -> dict[int, list[int]]:
    """Return, for each mask, the masks that touch it or nearly touch it, found on a smaller map."""
    step = max(1, math.ceil(max(top_most.shape) / _CELLS))
    cells = top_most[::step, ::step]
    pairs = []
    for axis, reach in itertools.product((0, 1), range(1, _REACH + 1)):
        ahead, behind = (cells[reach:], cells[:-reach]) if axis == 0 else (cells[:, reach:], cells[:, :-reach])
        apart = (ahead != behind) & (ahead > 0) & (behind > 0)
        pairs.append(np.stack([ahead[apart], behind[apart]], axis=1))
    found: dict[int, list[int]] = {}
    for one, other in np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0).tolist():
        found.setdefault(one - 1, []).append(other - 1)
        found.setdefault(other - 1, []).append(one - 1)
    return found


def _draw_boxes(canvas: NDArray[np.uint8], boxes: Sequence[tuple[NDArray[np.float32], Color]], width: int) -> None:
    """Draw boxes with sharp corners, with lines inside the boxes, over slightly wider lines that are dark, or light under dark colors."""
    if not boxes:
        return
    edges = [(edge, ink) for box, ink in boxes for edge in _edges(box, canvas.shape[:2], width)]
    grow = (_cased(width) - width) // 2
    for tone in (BLACK, WHITE):
        casing = np.zeros(canvas.shape[:2], np.uint8)
        for (x0, y0, x1, y1), ink in edges:
            if text_color(ink) == tone:
                casing[max(0, y0 - grow) : y1 + grow, max(0, x0 - grow) : x1 + grow] = 255
        _blend(canvas, casing, tone[0])
    for (x0, y0, x1, y1), ink in edges:
        canvas[y0:y1, x0:x1] = ink


def _edges(box: NDArray[np.float32], size: tuple[int, int], width: int) -> list[tuple[int, int, int, int]]:
    """Return the four sides of a half-open box within the image, each as a half-open box of whole pixels."""
    height, across = size
    x0, y0 = min(max(int(box[0]), 0), across - 1), min(max(int(box[1]), 0), height - 1)
    x1, y1 = max(x0 + 1, min(int(box[2]), across)), max(y0 + 1, min(int(box[3]), height))
    return [
        (x0, y0, x1, min(y0 + width, y1)),
        (x0, max(y1 - width, y0), x1, y1),
        (x0, y0, min(x0 + width, x1), y1),
        (max(x1 - width, x0), y0, x1, y1),
    ]


def _draw_points(canvas: NDArray[np.uint8], prompt: SpatialPrompt, width: int) -> None:
    """Draw points as discs with a plus or a minus, so that they can be told apart without color."""
    scale = 1 << _SHIFT
    radius, arm = (4 * width + 2) * scale, (2 * width + 1) * scale
    height, columns = canvas.shape[:2]
    for (x, y), on in zip(prompt.xy.tolist(), prompt.foreground, strict=True):
        if not (0 <= x <= columns and 0 <= y <= height):
            continue
        center = (round(x * scale), round(y * scale))
        cv2.circle(canvas, center, radius + width * scale, WHITE, cv2.FILLED, cv2.LINE_AA, _SHIFT)
        cv2.circle(canvas, center, radius, FOREGROUND if on else BACKGROUND, cv2.FILLED, cv2.LINE_AA, _SHIFT)
        for across, down in ((arm, 0), (0, arm))[: 2 if on else 1]:
            ends = (center[0] - across, center[1] - down), (center[0] + across, center[1] + down)
            cv2.line(canvas, *ends, WHITE, width, cv2.LINE_AA, _SHIFT)


def _write_labels(
    pen: ImageDraw.ImageDraw,
    masks: Masks,
    colors: Sequence[Color],
    detections: Detections | None,
    font_file: str | os.PathLike[str] | None,
) -> None:
    points = max(11, max(masks.size) // 60)
    margin = max(2, max(masks.size) // 250)
    boxes: dict[int | None, NDArray[np.float32]] = {} if detections is None else dict(enumerate(detections.boxes))
    labeled = [
        (mask.label, mask.score, boxes.get(mask.detection_index, mask.box), ground)
        for mask, ground in zip(masks, colors, strict=True)
        if mask.label and mask.area
    ]
    if detections is not None and not len(masks):
        found = zip(detections.labels, detections.scores.tolist(), detections.boxes, strict=True)
        labeled = [(label, score, box, BOX) for label, score, box in found if label]
    names = [" ".join(label.split()) for label, _, _, _ in labeled]  # On one line: Pillow measures no others.
    texts = [name if score is None else f"{name} {score:.2f}" for name, (_, score, _, _) in zip(names, labeled, strict=True)]
    fonts = [label_font(text, points, font_file) for text in texts]
    places = place_labels(
        masks.size,
        [_whole(box) for _, _, box, _ in labeled],
        [
            (math.ceil(pen.textlength(text, font=font)) + 2 * margin, _line_height(font) + margin)
            for text, font in zip(texts, fonts, strict=True)
        ],
        np.array([_whole(mask.box) for mask in masks if mask.area], np.int64).reshape(-1, 4),
        complete=len(labeled) <= FEW,
    )
    for (_, _, _, ground), text, font, place in zip(labeled, texts, fonts, places, strict=True):
        if place is not None:
            x0, y0, x1, y1 = place
            pen.rectangle((x0, y0, x1 - 1, y1 - 1), fill=ground)
            pen.text((x0 + margin, y0 + margin // 2), text, fill=text_color(ground), font=font)


def _whole(box: NDArray[np.float32]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (int(value) for value in box)
    return x0, y0, x1, y1


def _line_height(font: Font) -> int:
    return sum(font.getmetrics()) if isinstance(font, ImageFont.FreeTypeFont) else 14


def text_color(ground: Color) -> Color:
    """Return black or white, whichever has the higher contrast on a background by WCAG 2. The contrast is at least 4.5."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in (part / 255 for part in ground)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return BLACK if (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) else WHITE
