"""Spatial prompts of a raster, moved into a tile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..errors import PromptError, shown
from ..masks import Mask
from ..prompts import SpatialPrompt
from ..rasters.window import Window
from ..scene_masks import SceneMask
from .grid import Tile

Box = tuple[float, float, float, float]
"""``(x0, y0, x1, y1)`` on pixel edges of the raster."""


def extent(prompt: SpatialPrompt) -> Box:
    """Return the box around what a prompt shows of its object. Background points count where there is nothing else.

    Raises:
        PromptError: The prompt is an empty mask, or has the logits of one.
    """
    if prompt.logits is not None:
        raise PromptError(
            f"logits belong to the image that they were made of, got {shown(prompt)}: give the pixels, Prompt.mask(mask.array), or a "
            "SceneMask of this raster"
        )
    boxes: list[NDArray[np.float64]] = []
    if prompt.xyxy is not None:
        boxes.append(np.asarray(prompt.xyxy, np.float64))
    if prompt.mask_pixels is not None:
        boxes.append(np.asarray(prompt.mask_pixels.box, np.float64))
    if prompt.scene_mask is not None:
        boxes.append(np.asarray(prompt.scene_mask.box, np.float64))
    points = np.asarray(prompt.xy[prompt.foreground], np.float64)
    if not len(points) and not boxes:
        points = np.asarray(prompt.xy, np.float64)
    boxes += [np.array([x, y, x + 1, y + 1]) for x, y in points]
    corners = np.array(boxes)
    x0, y0, x1, y1 = np.concatenate([corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)]).tolist()
    if x1 <= x0 or y1 <= y0:
        raise PromptError(f"{shown(prompt)} is an empty mask: there is nothing to refine")
    return x0, y0, x1, y1


def holds(window: Window, box: Box, margin: float, size: tuple[int, int]) -> bool:
    """Return whether a box lies in a window, with a margin to each border that is not the border of a raster of a size."""
    left, top = (0 if at == 0 else at + margin for at in (window.x, window.y))
    right = window.right if window.right == size[1] else window.right - margin
    bottom = window.bottom if window.bottom == size[0] else window.bottom - margin
    return left <= box[0] and top <= box[1] and box[2] <= right and box[3] <= bottom


def into(prompt: SpatialPrompt, tile: Tile) -> SpatialPrompt:
    """Return a prompt of the raster for a tile, in pixels of the tile as the model sees it. Points outside of the tile are left out."""
    window, (height, width) = tile.window, tile.input_size
    at, by = np.array([window.x, window.y], np.float64), np.array([width / window.width, height / window.height])
    inside = np.array([window.holds(x + 0.5, y + 0.5) for x, y in prompt.xy.tolist()], bool)
    xy = (np.asarray(prompt.xy[inside], np.float64) - at + 0.5) * by - 0.5  # Points count from the center of the first pixel.
    box = None if prompt.xyxy is None else np.clip((prompt.xyxy.reshape(2, 2).astype(np.float64) - at) * by, 0, [width, height])
    mask = SceneMask.of(prompt.mask_pixels, (0, 0)) if prompt.mask_pixels is not None else prompt.scene_mask
    return replace(
        prompt,
        xy=xy.astype(np.float32),
        foreground=prompt.foreground[inside],
        xyxy=None if box is None else box.reshape(4).astype(np.float32),
        mask_pixels=None if mask is None else _seen(mask, tile),
        scene_mask=None,
    )


def _seen(mask: SceneMask, tile: Tile) -> Mask:
    """Return what a tile shows of an object. Of one that is too small for a pixel of the tile, it is the pixel in its middle."""
    seen = mask.within(tile.window).resized(tile.input_size)
    if seen.area:
        return seen
    (x0, y0, x1, y1), window, (height, width) = mask.box, tile.window, tile.input_size
    across, down = ((x0 + x1) / 2 - window.x) / window.width, ((y0 + y1) / 2 - window.y) / window.height
    at = (min(width - 1, max(0, int(across * width))), min(height - 1, max(0, int(down * height))))
    return Mask.from_crop(np.ones((1, 1), bool), at, tile.input_size)
