"""JPEG 2000 in slides of Aperio: what its codestream says about color, where the tags of the file say another thing."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

APERIO_YCBCR = 33003
"""Compression of TIFF: codestreams of luma and chroma. The files call it RGB."""


def in_rgb(pixels: NDArray[Any], codestream: bytes) -> NDArray[Any]:
    """Return decoded pixels of compression `APERIO_YCBCR` as RGB.

    OpenJPEG makes RGB of what has fewer samples of chroma than of luma, or is transformed within the codestream. Nothing tells it that the
    others are luma and chroma, too.

    Args:
        pixels: (…, height, width, 3), as they were decoded.
        codestream: What they were decoded from.
    """
    if pixels.dtype != np.uint8 or pixels.shape[-1] != 3 or not _is_plain(codestream):
        return pixels
    flat = np.ascontiguousarray(pixels[..., [0, 2, 1]]).reshape(-1, pixels.shape[-2], 3)
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_YCrCb2RGB)).reshape(pixels.shape)


def _is_plain(codestream: bytes) -> bool:
    """Return whether a codestream has as many samples of each component, and no transform of them."""
    if not codestream.startswith(_START):
        return False  # A file in the format JP2 names its color space itself.
    components = int.from_bytes(codestream[40:42], "big")
    steps = {codestream[at + 1 : at + 3] for at in range(42, 42 + 3 * components, 3)}
    at = 2
    while at + 4 <= len(codestream) and codestream[at : at + 2] != _CODING:
        at += 2 + max(2, int.from_bytes(codestream[at + 2 : at + 4], "big"))
    return len(steps) == 1 and codestream[at + 8 : at + 9] == b"\0"


_START = b"\xff\x4f\xff\x51"
"""Start of a codestream, and of the marker with its size. The number of components is 40 bytes from there, with 3 bytes for each."""
_CODING = b"\xff\x52"
"""Marker of the coding style. The transform of components is 8 bytes from there."""
