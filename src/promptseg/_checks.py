"""Checks of values from outside: whole numbers, numbers within a range, flags, arrays of numbers, paths.

NumPy's integers, floats and booleans count as those of Python, and become those of Python. `bool` is never a number, although Python calls
it an `int`; nor are NaN, where a range is given, text of digits, and NumPy's durations, which are integers to NumPy.
"""

from __future__ import annotations

import difflib
import itertools
import math
import os
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from .errors import ConfigError, PromptSegError, shown


def absent_hint(path: str | os.PathLike[str]) -> str:
    """Return what to do about a path where nothing is, for the end of a message: the name beside it that is almost the same, if any."""
    asked = Path(path)
    try:
        if asked.is_symlink():
            return f": it is a link to {asked.readlink()}, and nothing is there"
        with os.scandir(asked.parent) as found:
            beside = {entry.name.casefold(): entry.name for entry in itertools.islice(found, _LISTED)}
    except (OSError, ValueError):
        return f": there is no folder {asked.parent}, check the path"
    near = difflib.get_close_matches(asked.name.casefold()[:_COMPARED], beside, n=1, cutoff=0.75)
    return f". Did you mean {str(asked.with_name(beside[near[0]]))!r}?" if near else ": check the path"


_LISTED = 2000
"""Maximum number of names in a folder that are compared with an absent one."""

_COMPARED = 100
"""Maximum number of characters of an absent name that are compared."""


def is_whole_number(value: object, least: int | None = None) -> TypeGuard[int]:
    """Return whether a value is a Python or NumPy integer of at least `least`."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64)) and (least is None or int(value) >= least)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a Python or NumPy real number. NaN and infinities count."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, (bool, np.timedelta64))


def is_flag(value: object) -> TypeGuard[bool]:
    """Return whether a value is true or false, of Python or NumPy. Numbers are not."""
    return isinstance(value, (bool, np.bool_))


def whole_number(
    name: str, value: object, least: int, error: type[PromptSegError] = ConfigError, *, most: int | None = None, unit: str = ""
) -> int:
    """Return a value as an `int`, or raise an error.

    Args:
        name: Name of the value. The message begins with it.
        value: The value.
        least: Smallest value allowed.
        error: Type of the error to raise.
        most: Largest value allowed; None for no limit.
        unit: What is counted, such as ``"frames"``, for the message.

    Raises:
        PromptSegError: The value is not a whole number, is below `least` or above `most`. The type is `error`.
    """
    if not is_whole_number(value, least) or (most is not None and int(value) > most):
        span = f"at least {least}" if most is None else f"from {least} to {most}"
        raise error(f"{name} is a whole number {f'of {unit} ' if unit else ''}{'of ' if most is None else ''}{span}, got {shown(value)}")
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
    number = plain(value)  # A float16 cannot be compared with numbers above 65,504.
    if not is_number(number) or not (least <= number < most if below else least <= number <= most):
        raise error(f"{name} is a number from {least:g} to {'below ' if below else ''}{most:g}, got {shown(value)}")
    return float(number)


def positive(name: str, value: object, error: type[PromptSegError] = ConfigError) -> float:
    """Return a finite value above 0 as a `float`, or raise an error.

    Args:
        name: Name of the value. The message begins with it.
        value: The value.
        error: Type of the error to raise.

    Raises:
        PromptSegError: The value is not a number, is NaN or infinite, or is not above 0. The type is `error`.
    """
    number = plain(value)
    if not is_number(number) or not 0 < number < math.inf:
        raise error(f"{name} is a finite number above 0, got {shown(value)}")
    return float(number)


def flag(name: str, value: object, error: type[PromptSegError] = ConfigError) -> bool:
    """Return a value as a `bool`, or raise an error.

    Args:
        name: Name of the value. The message begins with it.
        value: The value.
        error: Type of the error to raise.

    Raises:
        PromptSegError: The value is neither true nor false. The type is `error`.
    """
    if not is_flag(value):
        raise error(f"{name} is True or False, got {shown(value)}")
    return bool(value)


def plain(value: Any) -> Any:
    """Return a setting with Python's values in place of NumPy's: numbers, flags and text, also within lists, tuples and mappings.

    Arrays become lists. Any other value is returned as it is. The value must not contain itself.
    """
    if isinstance(value, (np.generic, np.ndarray)):
        return value if value.dtype.kind in "mM" else value.tolist()  # Of a duration, NumPy may make a number.
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain(each) for each in value)
    return value


def number_array(values: object, what: str, error: type[PromptSegError]) -> NDArray[Any]:
    """Return real numbers as an array of any shape, of integers or floats.

    Args:
        values: A number, a sequence of numbers (nested to any depth) or an array.
        what: Name of the values. The message begins with it.
        error: Type of the error to raise.

    Raises:
        PromptSegError: A value is not a number, such as a `bool`, text, None or a complex number; is an integer beyond 64 bits; or the
            sequences are of unequal length. The type is `error`.
    """
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError) as cause:  # RuntimeError: torch, and recursion.
        raise error(f"{what} must be numbers, got {shown(values)}") from cause
    # NumPy makes 1 of a True that stands beside numbers.
    hidden = not isinstance(values, np.ndarray) and array.size <= _FEW and any(is_flag(each) for each in _flat(values))
    if (array.dtype.kind not in "iuf" and array.size) or hidden:
        raise error(f"{what} must be numbers, got {shown(values)}")
    return array


_FEW = 64
"""Number of values up to which each is looked at for a `bool`."""


def _flat(values: object) -> list[Any]:
    flat: list[Any] = np.asarray(values, dtype=object).ravel().tolist()
    return flat
