"""Memory that a JPEG takes to be decoded: of a progressive one, all coefficients are kept until its last scan is read."""

from __future__ import annotations

from pathlib import Path

_START, _SCAN = 0xD8, 0xDA
_FRAMES = {0xC0 + kind for kind in (0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15)}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_ALONE = {0x01, *range(0xD0, 0xDA)}
"""Markers without a segment."""

_BYTES_OF_COEFFICIENT = 2


def bytes_of_coefficients(path: Path) -> int:
    """Return the bytes of the coefficients of a progressive JPEG; 0 for any other file, which is decoded row by row.

    Args:
        path: The file.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        if file.read(2) != bytes((0xFF, _START)):
            return 0
        while True:
            marker = file.read(2)
            if len(marker) < 2 or marker[0] != 0xFF or marker[1] == _SCAN:
                return 0
            if marker[1] in _ALONE:
                continue
            length = int.from_bytes(file.read(2), "big")
            if length < 2:
                return 0
            if marker[1] in _FRAMES:
                return _bytes_of(file.read(length - 2)) if marker[1] in _PROGRESSIVE else 0
            file.seek(length - 2, 1)


def _bytes_of(frame: bytes) -> int:
    """Return the bytes of the coefficients of a frame, whose header says its size and, for each component, its sampling."""
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    factors = [(each >> 4, each & 15) for each in frame[7 : 6 + 3 * frame[5] : 3]] if len(frame) > 5 else []
    most = max((across for across, _ in factors), default=1) * max((down for _, down in factors), default=1)
    return _BYTES_OF_COEFFICIENT * sum(height * width * across * down // max(1, most) for across, down in factors)
