"""Brush strokes of Label Studio: masks as bit-packed run lengths.

The packing is that of ``rle-pack``. The header has 32 bits for the number of values, 5 bits for the bits of a value minus 1, and four times
4 bits for the four possible widths of a length minus 1. Each block has 1 bit that is set when one value is repeated, 2 bits for the index
of the width, the length minus 1, and the value or values. A pixel has four values (RGBA); a mask pixel has an alpha above 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..masks import Mask, Size

_WIDTHS = (3, 4, 8, 16)
"""Widths of run lengths in bits, the same that Label Studio writes."""


def encode_brush(mask: Mask) -> list[int]:
    """Return a mask as the bytes of a Label Studio brush stroke: one repeated value for each run of pixels in row-major order."""
    pixels = mask.array.ravel()
    starts = np.flatnonzero(np.diff(pixels, prepend=~pixels[:1]))
    lengths = np.diff(starts, append=pixels.size) * 4
    bits = [f"{pixels.size * 4:032b}{7:05b}", *(f"{width - 1:04b}" for width in _WIDTHS)]
    for length, inside in zip(lengths.tolist(), pixels[starts].tolist(), strict=True):
        value = "1" * 8 if inside else "0" * 8
        while length:
            piece = min(length, 1 << _WIDTHS[-1])
            kind = next(kind for kind, width in enumerate(_WIDTHS) if piece <= 1 << width)
            bits.append(f"1{kind:02b}{piece - 1:0{_WIDTHS[kind]}b}{value}")
            length -= piece
    text = "".join(bits)
    return list(np.packbits(np.frombuffer(text.encode("ascii"), np.uint8) - ord("0")).tobytes())


def decode_brush(data: Sequence[int], size: Size) -> Mask:
    """Return the mask of a Label Studio brush stroke: the pixels with an alpha above 0.

    Args:
        data: The bytes.
        size: ``(height, width)`` of the image.

    Raises:
        InputError: When the bytes are not of that size, or end too early.
    """
    try:
        bits = (np.unpackbits(np.asarray(data, np.uint8)) + ord("0")).tobytes().decode("ascii")
        values = _unpack(bits)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"the {len(data)} bytes are not run lengths of Label Studio: {error}") from error
    height, width = size
    if values.size != height * width * 4:
        raise InputError(f"the run lengths have {values.size} values, an image of {height} x {width} has {height * width * 4}")
    return Mask.from_array(values.reshape(height, width, 4)[..., 3] > 0)


def _unpack(bits: str) -> NDArray[np.uint8]:
    count, value_bits = int(bits[:32], 2), int(bits[32:37], 2) + 1
    widths = [int(bits[at : at + 4], 2) + 1 for at in range(37, 53, 4)]
    values, lengths, total, at = [], [], 0, 53
    while total < count:
        width = widths[int(bits[at + 1 : at + 3], 2)]
        length = int(bits[at + 3 : at + 3 + width], 2) + 1
        repeated = bits[at] == "1"
        at += 3 + width
        each = 1 if repeated else length
        values += [int(bits[at + value_bits * index : at + value_bits * (index + 1)], 2) for index in range(each)]
        lengths += [length] if repeated else [1] * length
        at += value_bits * each
        total += length
    return np.repeat(np.minimum(values, 255).astype(np.uint8), lengths)
