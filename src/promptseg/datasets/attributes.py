"""Attributes of objects as annotation files hold them, and the texts that they become."""

from __future__ import annotations

import math
from collections.abc import Mapping


def texts_of(given: object) -> tuple[dict[str, str], list[str]]:
    """Return attributes as texts by name, and the names of those whose values are not text, number, or true or false.

    A number is written as JSON writes it, and a truth value as ``"true"`` or ``"false"``. Null is not a value, and is in neither.

    Args:
        given: Values by name, as they stand in a file. Anything else that is not empty counts as one attribute without a name.
    """
    if not isinstance(given, Mapping):
        return {}, [""] if given else []
    texts = {str(name): text for name, value in given.items() if (text := _text(value)) is not None}
    return texts, [str(name) for name, value in given.items() if value is not None and str(name) not in texts]


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    return None
