"""Prompts for the objects of an image, made from the values of a file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...errors import PromptError
from ...prompts import Prompt, SpatialPrompt
from ...vocabulary import parse_phrase
from .core import AskedObject


@dataclass
class ObjectValues:
    """Values of a file about one object.

    Attributes:
        place: Where they are in the file, such as ``"row 3"``.
        box: ``x0, y0, x1, y1`` in pixels, or None.
        points: Points ``(x, y, foreground)`` in pixels.
        text: Phrases, or None.
        label: Label of the object, or None.
        id: Number of the object in the file, or None.
        problem: Why the values cannot be used, or None.
    """

    place: str
    box: Sequence[float] | None = None
    points: Sequence[tuple[float, float, bool]] = ()
    text: Sequence[str] | None = None
    label: str | None = None
    id: int | None = None
    problem: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no prompt among the values, valid or not."""
        return self.box is None and not self.points and self.text is None and self.problem is None


def asked_objects(objects: Iterable[ObjectValues]) -> tuple[tuple[AskedObject, ...], tuple[str, ...]]:
    """Return the prompts for the objects of an image, and why those that cannot be used are dropped.

    An object with values of which one is invalid is dropped as a whole. The others stay.
    """
    asked: list[AskedObject] = []
    dropped: list[str] = []
    for values in objects:
        try:
            asked += _asked(values)
        except PromptError as error:
            dropped.append(f"{values.place}: {error}")
    return tuple(asked), tuple(dropped)


def _asked(values: ObjectValues) -> list[AskedObject]:
    if values.problem is not None:
        raise PromptError(values.problem)
    prompt = SpatialPrompt()
    if values.box is not None:
        prompt += Prompt.box(*values.box)
    for x, y, on in values.points:
        prompt += Prompt.point(x, y, on)
    asked = [AskedObject(prompt, values.label, values.id, values.place)] if prompt.kinds else []
    if values.text is not None:
        text = Prompt.text(*values.text)
        for phrase in text.phrases:
            parse_phrase(phrase)
        asked.append(AskedObject(text, place=values.place))
    return asked


def finite(value: object) -> float:
    """Return a number of a file.

    Raises:
        ValueError: When it is none, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _MOST or not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {str(value)[:40]!r}")
    return float(value)


_MOST = 1e9
"""Largest coordinate, in pixels: far more than any image has."""
