"""Checks of records that are read from a journal, before any of their values is used.

A line of a journal may be damaged so that it is still JSON. pycocotools would read beyond a mask whose run lengths do not add up, or never
return. All checks are therefore made in Python, and cost less than reading the masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._rle import run_ends
from ..image_formats import MAX_PIXELS
from ..runtime.structured import is_counts, is_finite, is_integer, is_text


def check_record(record: Mapping[str, Any], most: int = MAX_PIXELS) -> None:
    """Check the members of a record that has a name and a status.

    Args:
        record: The record.
        most: Maximum number of pixels of an image.

    Raises:
        ValueError: When a member is missing, is of another type, or has a value that a run never writes.
    """
    name = record["name"]
    _require(is_text(name, 1) and not name.startswith("/") and ".." not in name.split("/"), "name")
    _require(is_text(record.get("path"), 1), "path")
    for member in ("bytes", "mtime_ns"):
        _require(record.get(member) is None or is_integer(record[member]), member)
    for member in ("sha256", "group", "corrected"):
        _require(record.get(member) is None or is_text(record[member], 1), member)
    _require(record.get("id") is None or is_integer(record["id"], None), "id")
    _require(record.get("no_data", True) is True, "no_data")
    asked = record.get("asked")
    _require(asked is None or (isinstance(asked, list) and all(isinstance(each, dict) for each in asked)), "asked")
    _require(is_counts(record.get("dropped", {}), is_integer), "dropped")
    _require(is_counts(record.get("timings"), is_finite), "timings")
    problems = record.get("problems", [])
    _require(isinstance(problems, list) and all(isinstance(each, str) for each in problems), "problems")
    if record["status"] == "failed":
        _require(is_text(record.get("error"), 1) and isinstance(record.get("reason"), str), "reason")
        return
    size: Any = record.get("size")
    _require(isinstance(size, list) and len(size) == 2 and all(is_integer(side, 1) for side in size), "size")
    pixels = size[0] * size[1]
    _require(pixels <= most, "size")
    masks: Any = record.get("masks")
    detections = record.get("detections")
    _require(isinstance(masks, list) and all(isinstance(mask, dict) for mask in masks), "masks")
    moved = _checked_moved(record.get("moved", []), most)
    for mask in masks:
        _check_mask(mask, pixels)
        _check_answer(mask, moved)
    _require(detections is None or (isinstance(detections, list) and all(map(_is_detection, detections))), "detections")


def check_counts(counts: str, pixels: int) -> None:
    """Check compressed run lengths without a loop over them.

    Args:
        counts: The run lengths.
        pixels: Number of pixels that they must add up to.

    Raises:
        ValueError: When the run lengths are not well-formed, a run but the first is empty or negative, or they do not add up.
    """
    encoded = counts.encode("ascii", "replace")
    codes = np.frombuffer(encoded, np.uint8).astype(np.int16) - 48
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 0x20:
        raise ValueError("the run lengths are not well-formed")
    if np.diff(np.flatnonzero(codes & 0x20 == 0), prepend=-1).max() > _CODES:
        raise ValueError("a run length has too many digits")
    lengths = np.diff(run_ends(encoded), prepend=0)  # Fewer than 2**28 numbers below 2**35: no sum overflows.
    if lengths[0] < 0 or (lengths[1:] < 1).any() or lengths.sum() != pixels:
        raise ValueError(f"the run lengths do not add up to {pixels} pixels")


def _check_mask(mask: Mapping[str, Any], pixels: int) -> None:
    counts, score, label = mask.get("counts"), mask.get("score"), mask.get("label")
    _require(isinstance(counts, str), "counts")
    _require("score" in mask and "label" in mask, "masks")
    check_counts(str(counts), pixels)
    _require(score is None or is_finite(score), "score")
    _require(label is None or is_text(label), "label")
    for member in ("prompt", "detection"):
        _require(mask.get(member) is None or is_integer(mask[member]), member)
    _require(mask.get("id") is None or is_integer(mask["id"], None), "id")
    _require(mask.get("from_box", False) in (True, False), "from_box")
    _require(mask.get("predicted_iou") is None or is_finite(mask["predicted_iou"]), "predicted_iou")


def _checked_moved(moved: Any, most: int) -> list[int]:
    """Check the tiles that were asked after an image, and return the number of pixels of each."""
    _require(isinstance(moved, list) and all(isinstance(each, dict) for each in moved), "moved")
    for each in moved:
        window, size, scale = each.get("window"), each.get("size"), each.get("scale")
        _require(isinstance(window, list) and len(window) == 4 and all(is_integer(at) for at in window), "moved")
        _require(window[0] < window[2] and window[1] < window[3], "moved")
        _require(isinstance(size, list) and len(size) == 2 and all(is_integer(side, 1) for side in size), "moved")
        _require(size[0] * size[1] <= most and (window[2] - window[0]) * (window[3] - window[1]) <= most, "moved")
        _require(is_finite(scale) and 0 < scale <= 1, "moved")
    return [each["size"][0] * each["size"][1] for each in moved]


def _check_answer(mask: Mapping[str, Any], moved: Sequence[int]) -> None:
    """Check what a mask has that is the answer to a prompt for a place in a raster."""
    kinds, other = mask.get("kinds", []), mask.get("moved")
    _require(isinstance(kinds, list) and all(kind in ("box", "mask", "point") for kind in kinds), "kinds")
    if other is not None:
        _require(isinstance(other, dict) and is_integer(other.get("tile")) and isinstance(other.get("counts"), str), "moved")
        _require(other["tile"] < len(moved), "moved")
        check_counts(other["counts"], moved[other["tile"]])


def _is_detection(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    box, label = value.get("box"), value.get("label")
    return (
        isinstance(box, list)
        and len(box) == 4
        and all(map(is_finite, box))
        and (value.get("score") is None or is_finite(value["score"]))
        and (label is None or is_text(label))
    )


def _require(valid: bool, member: str) -> None:
    if not valid:
        raise ValueError(f"{member} is not one of a record")


_CODES = 7
"""Maximum number of codes of one run length: 35 bits are more than an image can need."""
