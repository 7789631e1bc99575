"""Numbering of classes in written files."""

from __future__ import annotations

from collections.abc import Sequence

from .core import Category
from .safe_names import text_label

NO_CLASS = "object"
"""Class of masks without a label, in formats that require one."""


class Classes:
    """Numbering of classes: the given ones first, then others in the order of their first appearance.

    Args:
        given: Names or categories, in the order of their numbers. Categories whose numbers are 0, 1, 2, … are put in that order.
    """

    def __init__(self, given: Sequence[str | Category] = ()) -> None:
        categories = [each if isinstance(each, Category) else Category(each) for each in given]
        if sorted(numbers := [-1 if each.number is None else each.number for each in categories]) == list(range(len(numbers))):
            categories.sort(key=lambda each: each.number or 0)
        self._numbers: dict[str, int] = {}
        self._ids: dict[str, int] = {}
        self._used: set[int] = set()
        self._highest = 0
        for each in categories:
            name = text_label(each.name)
            if name not in self._numbers and each.number is not None and each.number >= 0 and each.number not in self._used:
                self._own(name, each.number)
            self.number(name)
        for name in self._numbers:
            self.id(name)

    def number(self, label: str | None) -> int:
        """Return the number of a class, from 0 and without gaps, adding the class when it is new."""
        return self._numbers.setdefault(label or NO_CLASS, len(self._numbers))

    def id(self, label: str | None) -> int:
        """Return the id of a class, adding the class when it is new: its owner's number, or the next after the highest, from 1."""
        name = label or NO_CLASS
        self.number(name)
        if name not in self._ids:
            self._own(name, self._highest + 1)
        return self._ids[name]

    def _own(self, name: str, number: int) -> None:
        self._ids[name] = number
        self._used.add(number)
        self._highest = max(self._highest, number)

    @property
    def names(self) -> list[str]:
        """Class names in the order of their numbers."""
        return list(self._numbers)
