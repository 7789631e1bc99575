"""Hints for values that stand where a prompt belongs: what was probably meant, as code that works."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ._checks import is_number, is_whole_number
from .errors import PromptError, shown
from .image_formats import FORMATS
from .masks import Mask

_Arguments = ParamSpec("_Arguments")
_Made = TypeVar("_Made")

DETECTING = 'ps.Pipeline().detect("grounding-dino-swin-t").segment().build()'
"""A pipeline for phrases, in the words of a user. Another detector of ``promptseg models`` does as well."""

_ANY = "make it with Prompt.point, Prompt.box, Prompt.mask, Prompt.text, Prompt.example or Prompt.everything"
_SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)


def hint(value: Any) -> str:
    """Return what to write in place of a value that is not a prompt."""
    if isinstance(value, str) and not value.lower().endswith(_SUFFIXES):
        return f"a phrase is Prompt.text({shown(value)}), and needs a detector: {DETECTING}"
    if isinstance(value, (str, bytes, os.PathLike)) or _is_image(value):
        return "the image comes first, then its prompts"
    if isinstance(value, Mask) or (isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype == bool):
        return "an earlier mask is Prompt.mask(mask)"
    if (numbers := _numbers(value)) is not None and len(numbers) in (2, 4):
        return f"write Prompt.{'point' if len(numbers) == 2 else 'box'}({', '.join(numbers)})"
    if callable(value) and "Prompt." in getattr(value, "__qualname__", ""):
        return f"call it: {value.__qualname__}(…)"
    return _ANY


def not_everything(value: object) -> str:
    """Return what to do about a value that is not a prompt for everything, for the end of a message."""
    if is_whole_number(value):
        return f": write Prompt.everything(points_per_side={value})"
    return ": use segment()"


def one_by_one(form: str) -> Callable[[Callable[_Arguments, _Made]], Callable[_Arguments, _Made]]:
    """Decorate a function of single numbers: it says what to write when they come as one list, or as pairs.

    Args:
        form: The arguments, such as ``"x, y"``.
    """
    count = len(form.split(", "))

    def decorate(make: Callable[_Arguments, _Made]) -> Callable[_Arguments, _Made]:
        @functools.wraps(make)
        def checked(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Made:
            lists = [numbers for value in args if (numbers := _numbers(value)) is not None]
            numbers = [number for each in lists for number in each]
            if len(numbers) == count:
                name = f"Prompt.{make.__name__}"
                raise PromptError(f"{name} takes {form} as numbers, not in a list: write {name}({', '.join(numbers)})")
            return make(*args, **kwargs)

        return checked

    return decorate


def check_one_by_one(phrases: Sequence[object]) -> None:
    """Raise an error for a list among phrases.

    Raises:
        PromptError: The phrases of a text prompt are in a list.
    """
    for each in phrases:
        if isinstance(each, (list, tuple)):
            raise PromptError(f"Prompt.text takes phrases one by one: write Prompt.text(*{shown(each)})")


def _numbers(value: Any) -> list[str] | None:
    """Return the numbers of a short list or array as text, or None where it is none."""
    if isinstance(value, np.ndarray):
        value = value.tolist() if value.ndim == 1 and len(value) <= _FEW else None
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)) or len(value) > _FEW or not all(map(is_number, value)):
        return None
    return [f"{number:g}" for number in value]


def _is_image(value: object) -> bool:
    return (isinstance(value, np.ndarray) and value.ndim == 3) or type(value).__module__.startswith("PIL.") or hasattr(value, "read")


_FEW = 4
"""Number of numbers up to which a list may be a point or a box."""
