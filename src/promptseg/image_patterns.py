"""Patterns of file names within a folder, with ``*``, ``?``, ``[…]`` and ``**``."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence


class Pattern:
    """Pattern of the names of files within a folder.

    Args:
        parts: Patterns of the parts of a name. ``**`` stands for any number of folders, and as the last part for all files in them.
    """

    def __init__(self, parts: Sequence[str]) -> None:
        if parts and parts[-1] == "**":
            parts = (*parts, "*")
        self._parts = [None if part == "**" else re.compile(fnmatch.translate(part)) for part in parts]
        self._known = {"": self._beside({0})}  # What folders have used up.

    def matches(self, name: str) -> bool:
        """Return whether a file of this name, with ``/`` as separator, matches."""
        return len(self._parts) in self._places(name)

    def may_hold(self, name: str) -> bool:
        """Return whether files in a folder of this name may match."""
        return any(place < len(self._parts) for place in self._places(name))

    def _places(self, name: str) -> set[int]:
        """Return the numbers of parts of the pattern that the whole name may have used up."""
        folder, _, last = name.rpartition("/")
        if folder not in self._known:
            self._known[folder] = self._places(folder)
        reached = set()
        for place in self._known[folder]:
            expression = self._parts[place] if place < len(self._parts) else _END
            if expression is None:
                reached.add(place)
            elif expression.match(last):
                reached.add(place + 1)
        return self._beside(reached)

    def _beside(self, places: set[int]) -> set[int]:
        """Return the places with those that follow a ``**`` that stands for no folder."""
        found = set(places)
        for place in places:
            while place < len(self._parts) and self._parts[place] is None:
                place += 1
                found.add(place)
        return found


_END = re.compile("(?!)")
"""Expression that matches no part of a name."""
