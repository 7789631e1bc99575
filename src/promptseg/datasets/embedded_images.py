"""Images that annotation files embed as text in base64."""

from __future__ import annotations

import base64
import io
import warnings

from PIL import Image

from ..errors import InputError
from ..masks import Size


def decode_base64(text: object) -> bytes:
    """Return the bytes of a text in base64, which may be a URL that begins with ``data:``.

    Raises:
        InputError: When it is not such a text.
    """
    if not isinstance(text, str):
        raise InputError(f"an embedded image is text in base64, got {type(text).__name__}")
    start = text.find(",", 0, _LONGEST_HEAD) + 1 if text.startswith("data:") else 0
    try:
        return base64.b64decode(text[start:])
    except ValueError as error:
        raise InputError(f"an embedded image is text in base64: {error}") from error


def open_mask(text: object, largest: Size) -> Image.Image:
    """Open a mask that is embedded as a PNG image, after its size is compared with the largest allowed.

    Args:
        text: The PNG in base64.
        largest: Maximum ``(height, width)`` in pixels.

    Raises:
        InputError: When it is not a PNG, is damaged, or is larger.
    """
    content = decode_base64(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # The limit is ours, below.
            image = Image.open(io.BytesIO(content), formats=("PNG",))
    except Exception as error:  # Pillow's readers have no common base.
        raise InputError(f"its mask is not a PNG image: {error}") from error
    (width, height), (rows, columns) = image.size, largest
    if height > rows or width > columns:
        raise InputError(f"its mask is {width} wide and {height} high, larger than the image of {columns} x {rows}")
    try:
        image.load()
    except Exception as error:
        raise InputError(f"its mask is a damaged PNG image: {error}") from error
    return image


_LONGEST_HEAD = 100
"""Characters in which the head of a ``data:`` URL ends."""
