"""`Handles`: several open handles of one file, for libraries whose handles serve one thread at a time."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What can be closed."""

    def close(self) -> object:
        """Close it."""
        ...


class ClosedError(Exception):
    """Handles that were closed are borrowed. Readers make an `promptseg.errors.InputError` of it, which names the file."""


Handle = TypeVar("Handle", bound=Closable)


class Handles(Generic[Handle]):
    """Open handles of one file. A thread borrows one; a thread beyond the last waits for one.

    A forked process opens handles of its own: with inherited ones, both would move the same place in the file.

    Args:
        open_one: Function that opens a handle.
        most: Maximum number of handles.
    """

    def __init__(self, open_one: Callable[[], Handle], most: int = 8) -> None:
        self._open, self._most = open_one, most
        self._closed = False
        self._idle: list[Handle] = []
        self._begin()

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[Handle]:
        """Lend a handle for the time of a block.

        Raises:
            ClosedError: The handles are closed.
        """
        if self._process != os.getpid():
            self._begin()
        with self._room:
            handle = self._taken()
            try:
                yield handle
            finally:
                self._give_back(handle)

    def close(self) -> None:
        """Close the handles: those that are lent, when they come back."""
        if self._process != os.getpid():
            self._begin()
        with self._lock:
            self._closed = True
            idle = self._idle
            self._idle = []
        for handle in idle:
            handle.close()

    def _begin(self) -> None:
        self._process, self._lock, self._room = os.getpid(), threading.Lock(), threading.BoundedSemaphore(self._most)
        self._idle = []

    def _taken(self) -> Handle:
        with self._lock:
            if self._closed:
                raise ClosedError("the file is closed")
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _give_back(self, handle: Handle) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(handle)
                return
        handle.close()
