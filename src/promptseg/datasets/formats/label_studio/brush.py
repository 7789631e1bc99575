"""Brush strokes of Label Studio: masks as bit-packed run lengths.

The packing is that of ``rle-pack``. The header has 32 bits for the number of values, 5 bits for the bits of a value minus 1, and four times
4 bits for the four possible widths of a length minus 1. Each block has 1 bit that is set when one value is repeated, 2 bits for the index
of the width, the length minus 1, and the value or values. A pixel has four values (RGBA); a mask pixel has an alpha above 0.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ....errors import InputError
from ....masks import Mask, Size

_WIDTHS = (3, 4, 8, 16)
"""Widths of run lengths in bits, the same that Label Studio writes."""


def encode_brush(mask: Mask) -> list[int]:
    """Return a mask as the bytes of a Label Studio brush stroke: one repeated value for each run of pixels in row-major order.

    Time grows with the number of runs: 10 to 50 ms for an object of a full HD image.
    """
    pixels = mask.array.ravel()
    starts = np.flatnonzero(np.diff(pixels, prepend=~pixels[:1]))
    lengths, inside = np.diff(starts, append=pixels.size) * 4, pixels[starts]
    longest = 1 << _WIDTHS[-1]
    blocks = -(-lengths // longest)  # A run that is longer than a block can say becomes several blocks, all but the last of them full.
    values = np.repeat(inside, blocks).astype(np.uint32) * 255
    pieces = np.full(len(values), longest, np.uint32)
    pieces[np.cumsum(blocks) - 1] = (lengths - 1) % longest + 1
    kinds = np.searchsorted([1 << width for width in _WIDTHS], pieces)
    widths = np.array(_WIDTHS, np.uint32)[kinds]
    codes = ((4 | kinds.astype(np.uint32)) << widths | pieces - 1) << 8 | values
    bits = f"{pixels.size * 4:032b}{7:05b}" + "".join(f"{width - 1:04b}" for width in _WIDTHS)
    head = np.frombuffer(bits.encode("ascii"), np.uint8) - ord("0")
    return list(np.packbits(np.concatenate([head, _written(codes, widths.astype(np.int64) + 11)])).tobytes())


def _written(codes: NDArray[np.integer], sizes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the lowest bits of numbers one after the other, highest first.

    Args:
        codes: The numbers.
        sizes: How many bits of each are written.
    """
    ends = np.cumsum(sizes)
    places = np.repeat(ends, sizes) - 1 - np.arange(ends[-1])
    written: NDArray[np.uint8] = (np.repeat(codes, sizes) >> places.astype(np.uint32) & 1).astype(np.uint8)
    return written


def decode_brush(data: Sequence[int], size: Size) -> Mask:
    """Return the mask of a Label Studio brush stroke: the pixels with an alpha above 0.

    The number of values in the header is compared with the size before anything of that size is made. Memory is one byte for each pixel.

    Args:
        data: The bytes.
        size: ``(height, width)`` of the image.

    Raises:
        InputError: When the bytes are not of that size, or end too early.
    """
    (height, width), packed = size, _as_bytes(data)
    head = int.from_bytes(packed[: _HEAD // 8 + 1], "big") >> (8 - _HEAD % 8)
    count, value_bits = head >> 21, ((head >> 16) & 31) + 1
    value_mask = (1 << value_bits) - 1
    widths = [((head >> shift) & 15) + 1 for shift in (12, 8, 4, 0)]
    if 8 * len(packed) < _HEAD:
        raise InputError(f"the {len(packed)} bytes are not run lengths of Label Studio: they end within the header")
    if count != height * width * 4:
        raise InputError(f"the run lengths have {count} values, an image of {height} x {width} has {height * width * 4}")
    pixels = bytearray(height * width)
    # With these bytes, a window of a whole block starts at every bit. Their number of bits is compared at the end of each block.
    padded, end, at, start = packed + bytes(_WINDOW), 8 * len(packed), _HEAD, 0
    while start < count:
        window = int.from_bytes(padded[at >> 3 : (at >> 3) + _WINDOW], "big") << (at & 7)
        bits = (window >> (_BITS - 3)) & 7
        length_bits = widths[bits & 3]
        length = ((window >> (_BITS - 3 - length_bits)) & ((1 << length_bits) - 1)) + 1
        at += 3 + length_bits
        stop = start + length
        if stop > count:
            raise InputError(f"the run lengths go on after their {count} values")
        # The values of a pixel are four in a row, its alpha is the last.
        first_pixel, last_pixel = start // 4, stop // 4
        if bits & 4:
            if (window >> (_BITS - 3 - length_bits - value_bits)) & value_mask:
                pixels[first_pixel:last_pixel] = b"\1" * (last_pixel - first_pixel)
            at += value_bits
        else:
            first, at = at, at + value_bits * length
            if at <= end:
                octets = np.frombuffer(packed, np.uint8, ((at + 7) >> 3) - (first >> 3), first >> 3)
                values = np.unpackbits(octets)[first & 7 :][: value_bits * length].reshape(length, value_bits)
                pixels[first_pixel:last_pixel] = values[3 - start % 4 :: 4].any(axis=1).tobytes()
        if at > end:
            raise InputError(f"the run lengths end after {start} of {count} values")
        start = stop
    return Mask.from_array(np.frombuffer(pixels, bool).reshape(height, width))


def _as_bytes(data: object) -> bytes:
    """Return the bytes of a stroke: a list of numbers, or the forms that other versions and tools write.

    A byte array that was turned into JSON as it is becomes an object with the keys ``"0"``, ``"1"`` and so on. Some tools write base64.
    """
    try:
        if isinstance(data, str):
            return base64.b64decode(data, validate=True)
        if isinstance(data, dict):
            return bytes(data[str(index)] for index in range(len(data)))
        if isinstance(data, (bytes, list, tuple)):
            return bytes(data)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the bytes of a brush stroke are numbers from 0 to 255, or base64: {error}") from error
    raise InputError(f"the bytes of a brush stroke are a list of numbers from 0 to 255, got {type(data).__name__}")


_HEAD = 53
"""Bits of the header."""
_WINDOW = 8
"""Bytes that hold every block up to its first value: at most 7 bits before it, 3 bits, a length of 16 and a value of 32."""
_BITS = 8 * _WINDOW
