"""Zoomed views of predictions: the object and the error with some context, and beside them where in the image they are.

Truth and prediction are told apart by line style, not by color alone: the outline of the truth is solid, that of the prediction is dashed.
Missed pixels have a plain tint, and pixels that are too much are hatched.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .. import overlay
from ..class_colors import Color
from ..fonts import label_font
from ..masks import Mask, Masks, Size
from ..prompts import Prompt, SpatialPrompt

TRUTH_COLOR, PREDICTION_COLOR = overlay.FOREGROUND, overlay.BACKGROUND

CONTEXT = 0.25
"""Context on each side, as a share of the longer side of what is shown."""

MOST = 6
"""Maximum length of the longer side of a view, in those of the object, so that a small object is seen beside a large error."""

LEAST = 48
"""Minimum length of the longer side of a view in pixels of the image."""

MAX_SCALE = 12.0
"""Maximum enlargement."""

_TINT = 0.3
_INK: Color = (34, 34, 34)
_SIDE = 210  # Width of the column with the whole image and the legend.
_GAP = 10
_TEXT = 15

Window = tuple[int, int, int, int]
"""``(x0, y0, x1, y1)`` in pixels of the image, half-open."""


def zoomed_view(
    pixels: NDArray[np.uint8], truth: Mask, prediction: Mask, prompt: SpatialPrompt | None, iou: float, longest: int = 640
) -> Image.Image:
    """Return a zoomed view of a prediction, with a legend, the IoU, the scale and the place in the image.

    Args:
        pixels: The image, (H, W, 3) uint8 RGB.
        truth: The true mask.
        prediction: The predicted mask.
        prompt: The prompt of the object, or None.
        iou: IoU of the two masks.
        longest: Length of the longer side of the zoomed part in pixels, at most.
    """
    window = window_of(truth, prediction, prompt)
    x0, y0, x1, y1 = window
    scale = min(MAX_SCALE, longest / max(x1 - x0, y1 - y0))
    size = max(1, round((y1 - y0) * scale)), max(1, round((x1 - x0) * scale))
    enlarged = cv2.resize(pixels[y0:y1, x0:x1], size[::-1], interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    canvas = np.ascontiguousarray(enlarged, np.uint8)
    both = [_resized(mask.array[y0:y1, x0:x1], size) for mask in (truth, prediction)]
    width = max(2, overlay.line_width(size))
    _tint(canvas, both[0] & ~both[1], TRUTH_COLOR)
    _hatch(canvas, both[1] & ~both[0], PREDICTION_COLOR, width)
    for mask, ink, dashed in ((both[0], TRUTH_COLOR, False), (both[1], PREDICTION_COLOR, True)):
        _outline(canvas, mask, ink, width, dashed=dashed)
    moved = [] if prompt is None else [_moved(prompt, (x0, y0), (size[1] / (x1 - x0), size[0] / (y1 - y0)))]
    zoomed = overlay.draw(canvas, Masks([], size), prompts=moved)
    return _with_side(zoomed, _locator(pixels, window), _lines(iou, window, truth.size, scale))


def window_of(truth: Mask, prediction: Mask, prompt: SpatialPrompt | None) -> Window:
    """Return the part of the image that a view shows: the object, the prediction and the prompt, with context.

    It is at most `MOST` times as large as the object. Where the prediction reaches further, it is cut off.
    """
    height, width = truth.size
    boxes = [mask.box for mask in (truth, prediction) if mask.area]
    if prompt is not None and prompt.xyxy is not None:
        boxes.append(prompt.xyxy)
    if not boxes:
        return 0, 0, width, height
    corners = np.array(boxes, np.float64)
    shown = np.concatenate([corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)])
    longer = max(shown[2:] - shown[:2])
    wanted = max(longer * (1 + 2 * CONTEXT), LEAST)
    center = (shown[:2] + shown[2:]) / 2
    if truth.area:
        most = max(LEAST, MOST * float(max(truth.box[2:] - truth.box[:2])))
        if wanted > most:
            wanted = most
            own = (truth.box[:2] + truth.box[2:]) / 2
            center = np.clip(center, own - 0.3 * wanted, own + 0.3 * wanted)  # The object stays in, and as much of the error as fits.
    sides = [_span(float(middle), wanted, limit) for middle, limit in zip(center, (width, height), strict=True)]
    return sides[0][0], sides[1][0], sides[0][1], sides[1][1]


def _span(middle: float, length: float, limit: int) -> tuple[int, int]:
    """Return the span of a length around a middle, moved and cut to 0 … limit."""
    length = min(length, limit)
    start = min(max(0.0, middle - length / 2), limit - length)
    return int(start), max(int(start) + 1, min(limit, round(start + length)))


def _resized(mask: NDArray[np.bool_], size: Size) -> NDArray[np.bool_]:
    """Return a mask at another size, with smooth borders when it is enlarged."""
    enlarged = cv2.resize(
        mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR if mask.shape[0] <= size[0] else cv2.INTER_AREA
    )
    return np.asarray(enlarged >= 0.5, bool)


def _tint(canvas: NDArray[np.uint8], where: NDArray[np.bool_], ink: Color) -> None:
    canvas[where] = (canvas[where] * (1 - _TINT) + np.array(ink) * _TINT).astype(np.uint8)


def _hatch(canvas: NDArray[np.uint8], where: NDArray[np.bool_], ink: Color, width: int) -> None:
    """Draw diagonal lines within a region."""
    y, x = np.ogrid[: where.shape[0], : where.shape[1]]
    step = 6 * width
    _tint(canvas, where & ((x + y) % step < width), ink)
    _tint(canvas, where & ((x + y) % step < width), ink)


def _outline(canvas: NDArray[np.uint8], mask: NDArray[np.bool_], ink: Color, width: int, *, dashed: bool) -> None:
    """Draw the outlines of a mask over a light line, so that they are seen on any ground. Along the edge of the view there are none."""
    padded = np.pad(mask.astype(np.uint8), 4 * width, mode="edge")
    contours, _ = cv2.findContours(padded, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(-4 * width, -4 * width))
    lines = [np.asarray(contour, np.int32) for contour in contours]
    pieces = [piece for line in lines for piece in _dashes(line, 5 * width, 4 * width)] if dashed else lines
    for color, thickness in ((overlay.WHITE, width + 2), (ink, width)):
        cv2.polylines(canvas, pieces, not dashed, color, thickness, cv2.LINE_AA)


def _dashes(line: NDArray[np.int32], length: int, gap: int) -> Iterator[NDArray[np.int32]]:
    """Yield the dashes of a closed line whose points are one pixel apart. A short line has at least two."""
    count = max(2, round(len(line) / (length + gap)))
    period = len(line) / count
    for index in range(count):
        start = round(index * period)
        yield line[start : max(start + 1, round(start + period * length / (length + gap)))]


def _moved(prompt: SpatialPrompt, origin: tuple[int, int], scale: tuple[float, float]) -> SpatialPrompt:
    """Return the box and the points of a prompt in the coordinates of a view."""
    moved = SpatialPrompt()
    if prompt.xyxy is not None:
        corners = (prompt.xyxy.astype(np.float64) - [*origin, *origin]) * [*scale, *scale]
        moved = Prompt.box(*corners.tolist())
    if len(prompt.xy):
        points = (prompt.xy.astype(np.float64) - origin) * scale
        moved = moved + Prompt.points(points.tolist(), prompt.foreground.tolist())
    return moved


def _locator(pixels: NDArray[np.uint8], window: Window) -> Image.Image:
    """Return the whole image, small, with a frame around the part that is shown."""
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    x0, y0, x1, y1 = (round(value * scale) for value in window)
    pen = ImageDraw.Draw(small)
    if (x1 - x0, y1 - y0) != size:
        pen.rectangle((x0 - 1, y0 - 1, max(x0, x1), max(y0, y1)), outline=overlay.BLACK, width=4)
        pen.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=overlay.BOX, width=2)
    return small


def _lines(iou: float, window: Window, size: Size, scale: float) -> list[str]:
    x0, y0, x1, y1 = window
    return [f"IoU {iou:.2f}", f"{x1 - x0} x {y1 - y0} pixels", f"of {size[1]} x {size[0]}, {scale:.1f} times"]


def _with_side(zoomed: Image.Image, locator: Image.Image, lines: list[str]) -> Image.Image:
    """Return a view with a column beside it: text, the legend and the whole image."""
    row = _TEXT + 8
    samples = ("truth", "prediction", "missed", "too much")
    high = row * (len(lines) + len(samples)) + _GAP + locator.height
    both = Image.new("RGB", (zoomed.width + _GAP + _SIDE, max(zoomed.height, high)), overlay.WHITE)
    both.paste(zoomed, (0, 0))
    left, y = zoomed.width + _GAP, 0
    pen = ImageDraw.Draw(both)
    for line in lines:
        pen.text((left, y), line, fill=_INK, font=label_font(line, _TEXT))
        y += row
    for name in samples:
        both.paste(_sample(name), (left, y + 1))
        pen.text((left + 40, y), name, fill=_INK, font=label_font(name, _TEXT))
        y += row
    both.paste(locator, (left, y + _GAP))
    return both


def _sample(name: str) -> Image.Image:
    """Return the sample of a line or of a region for the legend."""
    canvas = np.full((_TEXT + 3, 32, 3), 235, np.uint8)
    everywhere = np.ones(canvas.shape[:2], bool)
    if name in ("truth", "prediction"):
        ink, middle = (TRUTH_COLOR, PREDICTION_COLOR)[name == "prediction"], canvas.shape[0] // 2
        for start in range(0, 32, 12) if name == "prediction" else (0,):
            canvas[middle - 1 : middle + 2, start : start + 7 if name == "prediction" else 32] = ink
    elif name == "missed":
        _tint(canvas, everywhere, TRUTH_COLOR)
    else:
        _hatch(canvas, everywhere, PREDICTION_COLOR, 1)
    return Image.fromarray(canvas)
