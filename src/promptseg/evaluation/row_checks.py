"""Checks of a saved evaluation: its rows have values that an evaluation can have, so that every aggregate of them can be computed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import InputError, shown
from ..image_formats import MAX_PIXELS
from .rows import ImageRow, ObjectRow

MAX_CLICKS = 10_000
"""Maximum number of clicks of a protocol that is read."""

_TO_1 = ("iou", "dice", "precision", "recall", "boundary_iou", "boundary_f", "best_iou")
_ABOVE_1 = 1 + 1e-6
"""Maximum of a share. Rounding may make it more than 1."""


def check_rows(prompt: str, rows: Sequence[ObjectRow], images: Sequence[ImageRow]) -> None:
    """Check the rows of a saved evaluation.

    Args:
        prompt: Name of the prompt protocol.
        rows: Rows of the objects.
        images: Rows of the images.

    Raises:
        InputError: When there is no row, a name occurs twice, an object is of no image, or a value is out of its range.
    """
    if not rows or not images:
        raise InputError(f"not a saved evaluation: it has {len(rows)} objects in {len(images)} images, expected one or more of both")
    names = {image.name for image in images}
    for what, count, different in (("an image", len(images), len(names)), ("an object", len(rows), len({row.name for row in rows}))):
        if count != different:
            raise InputError(f"not a saved evaluation: the name of {what} occurs twice")
    most_clicks = _most_clicks(prompt)
    for row in rows:
        _require(row.image in names, row.name, "image", row.image, "an image of the evaluation")
        _check_row(row, most_clicks)
    for image in images:
        _require(math.isfinite(image.seconds) and image.seconds >= 0, image.name, "seconds", image.seconds, "a number of 0 or more")
        for field in ("objects", "ignored", "unmatched"):
            value = getattr(image, field)
            _require(value is None or 0 <= value <= MAX_PIXELS, image.name, field, value, "a count")


def _check_row(row: ObjectRow, most_clicks: int | None) -> None:
    _require(min(row.height, row.width) >= 1 and row.height * row.width <= MAX_PIXELS, row.name, "height", row.height, "a size of an image")
    _require(0 <= row.area <= row.height * row.width, row.name, "area", row.area, "a number of pixels of the image")
    for name in _TO_1:
        value = getattr(row, name)
        _require(value is None or _is_share(value), row.name, name, value, "a number from 0 to 1")
    _require(all(map(_is_share, row.baselines.values())), row.name, "baselines", row.baselines, "numbers from 0 to 1")
    _require(row.score is None or abs(row.score) <= _LARGEST, row.name, "score", row.score, "a finite number")
    box = row.box or ()
    _require(row.box is None or (len(box) == 4 and all(map(math.isfinite, box))), row.name, "box", row.box, "four finite numbers")
    finite = all(math.isfinite(x) and math.isfinite(y) and label in (0, 1) for x, y, label in row.points)
    _require(finite, row.name, "points", row.points, "finite numbers with a label of 0 or 1")
    clicks = row.click_ious
    right = len(clicks) <= MAX_CLICKS if most_clicks is None else 1 <= len(clicks) <= most_clicks
    _require(right and all(map(_is_share, clicks)), row.name, "click_ious", clicks, "an IoU from 0 to 1 after each click")


def _most_clicks(prompt: str) -> int | None:
    """Return the maximum number of clicks of a protocol, or None for a protocol without clicks."""
    kind, _, number = prompt.partition(":")
    if kind != "clicks":
        return None
    most = int(number) if number.isascii() and number.isdigit() and len(number) <= len(str(MAX_CLICKS)) else 0
    if not 1 <= most <= MAX_CLICKS:
        raise InputError(f"not a saved evaluation: expected clicks:1 to clicks:{MAX_CLICKS}, got {shown(prompt)}")
    return most


def _is_share(value: float) -> bool:
    return 0 <= value <= _ABOVE_1


def _require(valid: bool, name: str, field: str, value: object, expected: str) -> None:
    if not valid:
        raise InputError(f"not a saved evaluation: {field} of {shown(name)} should be {expected}, got {shown(value)}")


_LARGEST = 1e6
"""Largest magnitude of a score. Models give scores from 0 to 1, or little more."""
