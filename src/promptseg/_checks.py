"""Checks of single values from outside: whole numbers and numbers within a range.

NumPy's integers and floats count as numbers; `bool` does not, although Python calls it an `int`.
"""

from __future__ import annotations

from typing import TypeGuard

import numpy as np

from .errors import ConfigError, PromptSegError


def is_whole_number(value: object, least: int | None = None) -> TypeGuard[int]:
    """Whether a value is an integer, of Python or NumPy, and not below `least`."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and (least is None or int(value) >= least)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a real number, of Python or NumPy; NaN and infinities are."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def whole_number(name: str, value: object, least: int, error: type[PromptSegError] = ConfigError, *, unit: str = "") -> int:
    """Return a value as an `int`, or refuse it.

    Args:
        name: What the value is, as the message begins.
        value: The value.
        least: The least that is allowed.
        error: The error to raise.
        unit: What is counted, such as ``"frames"``, for the message.

    Raises:
        PromptSegError: The value is no whole number, or below `least`; it is an `error`.
    """
    if not is_whole_number(value, least):
        raise error(f"{name} is a whole number of {f'{unit} of ' if unit else ''}at least {least}, got {value!r}")
    return int(value)


def between(
    name: str, value: object, least: float = 0, most: float = 1, error: type[PromptSegError] = ConfigError, *, below: bool = False
) -> float:
    """Return a value as a `float`, or refuse it.

    Args:
        name: What the value is, as the message begins.
        value: The value.
        least: The least that is allowed.
        most: The most that is allowed.
        error: The error to raise.
        below: Whether `most` itself is refused.

    Raises:
        PromptSegError: The value is no number, NaN, or out of the range; it is an `error`.
    """
    if not is_number(value) or not (least <= value < most if below else least <= value <= most):
        raise error(f"{name} is a number from {least:g} to {'below ' if below else ''}{most:g}, got {value!r}")
    return float(value)
