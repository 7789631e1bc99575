"""Numbers of things in messages."""

from __future__ import annotations


def number_of(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number of things, such as ``"1 mask"`` or ``"2 masks"``.

    Args:
        count: The number.
        noun: What is counted, in the singular.
        plural: The plural, where it is not the singular with an ``s``.
    """
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
