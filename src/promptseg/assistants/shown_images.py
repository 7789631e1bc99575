"""Images for assistants, bounded in pixels and bytes: programs refuse answers of more than about a megabyte."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from ..masks import Masks
from ..prompts import Prompt, SpatialPrompt
from ..results import Result

MAX_SIDE, MAX_SHOWN_BYTES = 2048, 700_000
"""Bounds of a shown image. Base64 makes 4 bytes of 3."""


def encode_within(image: Image.Image, side: int) -> tuple[bytes, tuple[int, int]]:
    """Return an RGB image as JPEG of at most `MAX_SHOWN_BYTES`.

    Args:
        image: The image.
        side: Maximum width and height in pixels. A smaller image is not enlarged.

    Returns:
        The bytes and ``(width, height)``, which are smaller than asked for where the bytes would be too many.
    """
    longest = max(image.size)
    while True:
        scale = min(1.0, side / longest)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        file = io.BytesIO()
        (image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)).save(file, "JPEG", quality=85)
        if file.tell() <= MAX_SHOWN_BYTES:
            return file.getvalue(), size
        side = min(side, longest) * 3 // 4


def reduced(result: Result, side: int) -> Result:
    """Return a result for its image at a smaller size, without detections. Labels that are drawn on it can be read, and it is drawn faster.

    Args:
        result: The result, with its image.
        side: Maximum width and height in pixels. A smaller image stays as it is.
    """
    scale = side / max(result.size)
    if scale >= 1 or result.image is None:
        return replace(result, detections=None)
    size = (max(1, round(result.size[0] * scale)), max(1, round(result.size[1] * scale)))
    image = Image.fromarray(result.image).resize(size[::-1], Image.Resampling.LANCZOS)
    masks = Masks([mask.resized(size) for mask in result.masks], size)
    prompts = tuple(_scaled(prompt, scale) for prompt in result.prompts)
    return replace(result, image=np.asarray(image), masks=masks, prompts=prompts, detections=None)


def _scaled(prompt: Prompt, scale: float) -> Prompt:
    """Return a prompt at the same place of a smaller image, for drawing."""
    if not isinstance(prompt, SpatialPrompt):
        return prompt
    box = None if prompt.xyxy is None else (prompt.xyxy * scale).astype(np.float32)
    return SpatialPrompt(((prompt.xy + 0.5) * scale - 0.5).astype(np.float32), prompt.foreground, box)
