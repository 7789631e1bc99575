"""COCO run-length encoding of masks: runs go down the columns and begin with the background.

All functions work on the runs or on a crop, never on the pixels of the whole image. pycocotools compresses the run lengths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco


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
    return runs_of_steps(steps, crop.shape[0], x, y, height, width)


def runs_of_steps(steps: NDArray[np.int64], rows: int, x: int, y: int, height: int, width: int) -> list[int]:
    """Return the run lengths of a mask from the places where it changes inside a crop.

    Args:
        steps: Sorted places at which a run begins, ends, begins …, counted down the columns of the crop. Each column has one more pixel,
            an empty one, below it.
        rows: Rows of the crop.
        x: Left column of the crop in the image.
        y: Top row of the crop in the image.
        height: Rows of the image.
        width: Columns of the image.
    """
    column, row = np.divmod(steps, rows + 1)
    positions = (column + x) * height + row + y
    # A run that ends at the bottom of one column and one that starts at the top of the next are one run.
    joined = np.flatnonzero(positions[1:-1:2] == positions[2::2]) * 2 + 1
    positions = np.delete(positions, np.concatenate([joined, joined + 1]))
    return runs_between(positions, height * width)


def compressed(runs: list[int], size: tuple[int, int]) -> bytes:
    """Return compressed run lengths of a mask of a size ``(height, width)``."""
    counts: bytes = coco.frPyObjects({"size": list(size), "counts": runs}, *size)["counts"]
    return counts


def decode_box(counts: bytes, height: int, box: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    """Return the pixels of a mask inside a box.

    Args:
        counts: Compressed run lengths.
        height: Rows of the image.
        box: ``(left, top, right, bottom)``, half-open, inside the image.
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
    ends = run_ends(counts)
    inside = np.empty((len(columns), len(rows)), bool)
    step = max(1, _SAMPLED // max(1, len(rows)))
    for start in range(0, len(columns), step):
        pixels = columns[start : start + step, None] * height + rows[None]
        inside[start : start + step] = np.searchsorted(ends, pixels, side="right") % 2
    sampled: NDArray[np.bool_] = inside.T
    return sampled


_SAMPLED = 1 << 20
"""Number of pixels that are looked up together."""


def run_lengths(counts: bytes) -> NDArray[np.int64]:
    """Decode COCO's compressed run lengths.

    This is ``rleFrString`` of pycocotools' maskApi.c, which its Python API does not offer, and which reads beyond the end of a damaged
    string.

    Returns:
        (N,) int64, as they are written: damaged ones may be negative.

    Raises:
        ValueError: The run lengths are not well-formed.
    """
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    if codes.size == 0:
        return codes
    foreign = (codes < 0) | (codes > 63)
    if foreign.any():
        raise ValueError(f"{bytes([counts[int(np.argmax(foreign))]])!r} has no meaning in compressed run lengths")
    if codes[-1] & 0x20:
        raise ValueError("the compressed run lengths end within a number")
    # A number has one or more codes of five bits, lowest bits first. All but the last have the bit 0x20.
    last = np.flatnonzero(codes & 0x20 == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    sizes = last - first + 1
    if sizes.max() > _MOST_CODES:
        raise ValueError(f"the compressed run lengths have a number of {sizes.max()} digits, expected at most {_MOST_CODES}")
    places = 5 * (np.arange(len(codes)) - np.repeat(first, sizes))
    lengths = np.add.reduceat((codes & 0x1F) << places, first)
    lengths -= np.where(codes[last] & 0x10, np.int64(32) << places[last], 0)
    lengths[1::2] = np.cumsum(lengths[1::2])  # From the fourth number on, each is stored as the difference to the one two places before.
    lengths[2::2] = np.cumsum(lengths[2::2])
    decoded: NDArray[np.int64] = lengths
    return decoded


_MOST_CODES = 7
"""Number of digits, of five bits each, of the longest number in compressed run lengths. Larger numbers are longer than any image."""


def run_ends(counts: bytes) -> NDArray[np.int64]:
    """Return where each run ends, counted in pixels down the columns. `counts` must be well-formed."""
    ends: NDArray[np.int64] = np.cumsum(run_lengths(counts))
    return ends


def box_of(ends: NDArray[np.int64], height: int) -> tuple[int, int, int, int]:
    """Return the box ``(x0, y0, x1, y1)``, half-open, of a mask that is not empty, in columns of a height, by where its runs end."""
    starts, stops = ends[:-1:2], ends[1::2]
    starts, stops = starts[: len(stops)], stops[: len(starts)]
    starts, stops = starts[stops > starts], stops[stops > starts]
    first, last = starts // height, (stops - 1) // height
    if (first != last).any():  # A run goes on at the top of the next column.
        return int(first.min()), 0, int(last.max()) + 1, height
    return int(first.min()), int(np.min(starts % height)), int(last.max()) + 1, int(np.max((stops - 1) % height)) + 1


def check_runs(runs: NDArray[np.int64], pixels: int) -> None:
    """Raise a `ValueError` for run lengths that are not those of a mask of so many pixels."""
    for extreme in (runs.min(initial=0), runs.max(initial=0)):
        if not 0 <= extreme <= pixels:
            raise ValueError(f"it has a run of {extreme} pixels")
    if (total := int(runs.sum())) != pixels:
        raise ValueError(f"its runs cover {total} pixels")


def changes(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions at which a mask changes, counted in pixels down the columns. Empty runs change nothing."""
    return without_pairs(np.cumsum(runs)[:-1])


def runs_between(positions: NDArray[np.int64], pixels: int) -> list[int]:
    """Return the run lengths of a mask that changes at the given positions, counted in pixels down the columns.

    Args:
        positions: Sorted and distinct.
        pixels: Number of pixels of the image.
    """
    counts = np.diff(positions, prepend=0, append=pixels)
    if positions.size and positions[-1] == pixels:
        counts = counts[:-1]
    lengths: list[int] = counts.tolist()
    return lengths


def without_pairs(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, sorted, the positions that occur an odd number of times: two changes at one place are none."""
    places, times = np.unique(positions, return_counts=True)
    odd: NDArray[np.int64] = places[times % 2 == 1]
    return odd


def covered(within: Sequence[NDArray[np.int64]], without: Sequence[NDArray[np.int64]] = ()) -> NDArray[np.int64]:
    """Return where the union of some masks, less the union of others, begins and ends.

    If there are others, only one mask may cover each pixel of the union.

    Args:
        within: For each mask the sorted positions at which a run begins, ends, begins …, counted in pixels down the columns.
        without: The same for the masks that are taken away.
    """
    if len(within) == 1 and not without:
        return within[0]
    positions = np.concatenate([*within, *without])
    steps = np.ones(positions.size, np.int64)
    steps[sum(each.size for each in within) :] = -1
    start = 0
    for each in (*within, *without):
        steps[start + 1 : start + each.size : 2] *= -1
        start += each.size
    order = np.argsort(positions, kind="stable")
    positions, depth = positions[order], np.cumsum(steps[order])
    last = np.append(np.flatnonzero(np.diff(positions)), positions.size - 1) if positions.size else np.zeros(0, np.int64)
    inside = depth[last] > 0  # After all changes at one place.
    turning: NDArray[np.int64] = positions[last][inside != np.concatenate([[False], inside])[: inside.size]]
    return turning
