"""COCO run-length encoding of masks: runs go down the columns and begin with the background.

All functions work on the runs or on a crop, never on the pixels of the whole image. pycocotools compresses the run lengths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def encode_crop(crop: NDArray[np.bool_], x: int, y: int, height: int, width: int) -> list[int]:
    """Return the run lengths of a mask that is known inside a crop and empty outside it.

    Args:
        crop: (h, w) bool.
        x: Left column of the crop in the image.
        y: Top row of the crop in the image.
        height: Rows of the image.
        width: Columns of the image.
    """
    # A column in the crop becomes a row here, with one empty pixel below it, so that every run ends in its own column.
    columns = np.zeros((crop.shape[1], crop.shape[0] + 1), bool)
    columns[:, :-1] = crop.T
    flat = columns.reshape(-1)
    steps = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat.size and flat[0]:
        steps = np.concatenate([[0], steps])
    column, row = np.divmod(steps, crop.shape[0] + 1)
    positions = (column + x) * height + row + y
    # A run that ends at the bottom of one column and one that starts at the top of the next are one run.
    joined = np.flatnonzero(positions[1:-1:2] == positions[2::2]) * 2 + 1
    positions = np.delete(positions, np.concatenate([joined, joined + 1]))
    counts = np.diff(positions, prepend=0, append=height * width)
    if positions.size and positions[-1] == height * width:
        counts = counts[:-1]
    lengths: list[int] = counts.tolist()
    return lengths


def decode_box(counts: bytes, height: int, box: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    """Return the pixels of a mask inside a box that contains the whole mask.

    Args:
        counts: Compressed run lengths.
        height: Rows of the image.
        box: ``(left, top, right, bottom)``, half-open.
    """
    left, top, right, bottom = box
    ends = np.clip(run_ends(counts) - left * height, 0, (right - left) * height)
    columns = np.zeros((right - left, height), bool)
    inside = np.repeat(np.arange(len(ends)) % 2 == 1, np.diff(ends, prepend=0))
    columns.reshape(-1)[: len(inside)] = inside
    return np.ascontiguousarray(columns[:, top:bottom].T)


def sample(counts: bytes, height: int, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the pixels of a mask where the given rows and columns cross, (rows, columns) bool.

    Args:
        counts: Compressed run lengths.
        height: Rows of the image.
        rows: Indices of the rows.
        columns: Indices of the columns.
    """
    pixels = columns[:, None] * height + rows[None]
    inside: NDArray[np.bool_] = (np.searchsorted(run_ends(counts), pixels.ravel(), side="right") % 2 == 1).reshape(pixels.shape).T
    return inside


def run_lengths(counts: bytes) -> list[int]:
    """Decode COCO's compressed run lengths.

    This is ``rleFrString`` of pycocotools' maskApi.c, which its Python API does not offer.

    Raises:
        ValueError: The run lengths are not well-formed.
    """
    lengths: list[int] = []
    value = shift = 0
    for byte in counts:
        code = byte - 48
        if not 0 <= code < 64:
            raise ValueError(f"{bytes([byte])!r} has no meaning in compressed run lengths")
        value |= (code & 0x1F) << shift
        shift += 5
        if not code & 0x20:
            if code & 0x10:
                value |= -1 << shift
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("the compressed run lengths end within a number")
    return lengths


def run_ends(counts: bytes) -> NDArray[np.int64]:
    """Return where each run ends, counted in pixels down the columns.

    These are the cumulative sums of `run_lengths`, computed without a Python loop. `counts` must be well-formed.
    """
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    last = np.flatnonzero(
        codes & 0x20 == 0
    )  # The last code of each number. A number has one or more codes of five bits, lowest bits first.
    first = np.concatenate([[0], last[:-1] + 1])
    places = 5 * (np.arange(len(codes)) - np.repeat(first, last - first + 1))
    lengths = np.add.reduceat((codes & 0x1F) << places, first)
    lengths -= np.where(codes[last] & 0x10, np.int64(32) << places[last], 0)
    lengths[1::2] = np.cumsum(lengths[1::2])  # From the fourth number on, each is stored as the difference to the one two places before.
    lengths[2::2] = np.cumsum(lengths[2::2])
    return np.cumsum(lengths)


def without_empty_runs(runs: Sequence[int]) -> list[int]:
    """Merge the neighbors of empty runs, so that equal masks have equal run lengths. The first run may be empty."""
    merged = [0]
    for index, run in enumerate(runs):
        if run and (len(merged) - 1) % 2 == index % 2:
            merged[-1] += run
        elif run:
            merged.append(run)
    return merged
