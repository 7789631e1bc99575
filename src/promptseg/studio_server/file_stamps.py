"""What tells the versions of a file apart, and what is known of a file until it changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

Stamp = tuple[int, int]
"""Size of a file in bytes, and its time of modification in nanoseconds."""

MOST = 10_000
"""Number of files of which something is kept."""

_Value = TypeVar("_Value")


def stamp_of(path: Path) -> Stamp | None:
    """Return what tells the versions of a file apart; None if it is not there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns


class FileValues(Generic[_Value]):
    """A value of each file, read once for each version of it. Threads may share it.

    Args:
        read: Function that reads the value. What it raises is raised, and nothing is kept.
    """

    def __init__(self, read: Callable[[Path], _Value]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._known: OrderedDict[Path, tuple[Stamp, _Value]] = OrderedDict()

    def get(self, path: Path) -> _Value:
        """Return the value of a file as it is now."""
        stamp = stamp_of(path)
        with self._lock:
            known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        value = self._read(path)
        if stamp is not None:
            with self._lock:
                self._known[path] = stamp, value
                self._known.move_to_end(path)
                while len(self._known) > MOST:
                    self._known.popitem(last=False)
        return value


class BrokenFiles:
    """Why files cannot be read, until they change. Not for several threads at once."""

    def __init__(self) -> None:
        self._told: dict[Path, tuple[Stamp | None, str]] = {}

    def mark(self, path: Path, reason: str | None) -> None:
        """Remember why a file cannot be read; None if it can."""
        if reason is None:
            self._told.pop(path, None)
        else:
            self._told[path] = stamp_of(path), reason

    def reason(self, path: Path) -> str | None:
        """Return why a file cannot be read, or None where that is not known of the file as it is now."""
        told = self._told.get(path)
        if told is None:
            return None
        if told[0] != stamp_of(path):
            del self._told[path]
            return None
        return told[1]
