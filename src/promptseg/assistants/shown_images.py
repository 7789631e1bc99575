"""Images for assistants, bounded in pixels and bytes: programs refuse answers of more than about a megabyte."""

from __future__ import annotations

import io

from PIL import Image

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
