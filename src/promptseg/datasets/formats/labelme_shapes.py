"""Shapes of LabelMe files as masks.

Corners lie on pixel edges, and polygons are filled by the rule of the COCO API. An outline may therefore differ by a pixel from that of
mask images made by LabelMe.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import InputError
from ...masks import Mask, Size


def shape_mask(shape: dict[str, Any], size: Size) -> Mask | None:
    kind = shape.get("shape_type") or "polygon"
    points = np.asarray(shape["points"], np.float64).reshape(-1, 2)
    if kind == "polygon":
        return Mask.from_polygons([points], size)
    if kind == "rectangle":
        (x0, y0), (x1, y1) = points
        return Mask.from_polygons([[x0, y0, x1, y0, x1, y1, x0, y1]], size)
    if kind == "circle":
        center, rim = points
        height, width = size
        y, x = np.ogrid[:height, :width]
        return Mask.from_array((x + 0.5 - center[0]) ** 2 + (y + 0.5 - center[1]) ** 2 <= ((rim - center) ** 2).sum())
    if kind == "mask":
        return Mask.from_array(_pasted(shape["mask"], points, size))
    if kind in ("point", "points", "line", "linestrip"):
        return None
    raise InputError(f"LabelMe has no shape_type {kind!r}")


def _pasted(encoded: str, points: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    """Return the (H, W) mask of a mask shape: a PNG in base64, whose top-left pixel is the first point."""
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        crop = np.asarray(image) > 0
    x, y = (round(value) for value in points[0].tolist())
    pixels = np.zeros(size, bool)
    window = pixels[max(0, y) : y + crop.shape[0], max(0, x) : x + crop.shape[1]]
    window[...] = crop[max(0, -y) :, max(0, -x) :][: window.shape[0], : window.shape[1]]
    return pixels
