"""Checks of single values from outside: whole numbers and numbers within a range.

NumPy's integers and floats count as numbers; `bool` does not, although Python calls it an `int`.
"""

from __future__ import annotations

from typing import TypeGuard

import numpy as np

from .errors import ConfigError, PromptSegError


def is_whole_number(value: object, least: int | None = None) -> TypeGuard[int]:
    """Return whether a value is a Python or NumPy integer of at least `least`."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and (least is None or int(value) >= least)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a Python or NumPy real number. NaN and infinities count."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def whole_number(name: str, value: object, least: int, error: type[PromptSegError] = ConfigError, *, unit: str = "") -> int:
    """Return a value as an `int`, or raise an error.

    Args:
        name: Name of the value. The message begins with it.
        value: The value.
        least: Smallest value allowed.
        error: Type of the error to raise.
        unit: What is counted, such as ``"frames"``, for the message.

    Raises:
        PromptSegError: The value is not a whole number, or is below `least`. The type is `error`.
    """
    if not is_whole_number(value, least):
        raise error(f"{name} is a whole number of {f'{unit} of ' if unit else ''}at least {least}, got {value!r}")
    return int(value)


def between(
    name: str, value: object, least: float = 0, most: float = 1, error: type[PromptSegError] = ConfigError, *, below: bool = False
) -> float:
    """Return a value as a `float`, or raise an error.

    Args:
        name: Name of the value. The message begins with it.
        value: The value.
        least: Smallest value allowed.
        most: Largest value allowed.
        error: Type of the error to raise.
        below: Whether the value must be below `most`.

    Raises:
        PromptSegError: The value is not a number, is NaN, or is out of the range. The type is `error`.
    """
    if not is_number(value) or not (least <= value < most if below else least <= value <= most):
        raise error(f"{name} is a number from {least:g} to {'below ' if below else ''}{most:g}, got {value!r}")
    return float(value)
