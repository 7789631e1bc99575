"""Work that several threads ask for at the same time, done once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from .forking import Lock

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class SingleFlight(Generic[_Key, _Value]):
    """Function calls by several threads, in which each key is made by one thread at a time. The others wait for its value.

    No value is kept: who asks after the work is done has it done again. A thread makes all of its own keys before it waits for those of
    others, so threads that share several keys never wait for one another in a circle. If the work fails or is interrupted, the error
    reaches the thread that did it, and the next thread that waits tries itself.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._flights: dict[tuple[int, _Key], _Flight[_Key, _Value]] = {}

    def get(self, keys: Iterable[_Key], make: Callable[[list[_Key]], Mapping[_Key, _Value]]) -> dict[_Key, _Value]:
        """Return a value for each key.

        Args:
            keys: Keys of the values.
            make: Function that makes the values of some of the keys. It is called for those that no other thread is making.
        """
        missing, found = list(dict.fromkeys(keys)), dict[_Key, _Value]()
        while missing:
            own = _Flight[_Key, _Value]()
            try:  # From the first claim on: whatever interrupts this thread, no other one waits for it in vain.
                others = self._claim(missing, own)
                mine = [key for key in missing if key not in others]
                if mine:
                    own.values = make(mine)
            finally:
                own.done.set()
                self._release(own)
            for flight in others.values():
                flight.done.wait()
            for key in missing:
                values = others.get(key, own).values
                if key in values:
                    found[key] = values[key]
            missing = [key for key in missing if key in others and key not in found]
        return found

    def _claim(self, keys: Iterable[_Key], own: _Flight[_Key, _Value]) -> dict[_Key, _Flight[_Key, _Value]]:
        """Claim the keys that nobody is making, and return who is making the others."""
        others = {}
        process = os.getpid()  # A forked process has a copy of the claims, but not the threads that made them.
        with self._lock:
            for key in keys:
                flight = self._flights.get((process, key))
                if flight is None or flight.done.is_set():
                    self._flights[process, key] = own
                else:
                    others[key] = flight
        return others

    def _release(self, own: _Flight[_Key, _Value]) -> None:
        with self._lock:
            for key in [key for key, flight in self._flights.items() if flight is own]:
                del self._flights[key]


class _Flight(Generic[_Key, _Value]):
    def __init__(self) -> None:
        self.done = threading.Event()
        self.values: Mapping[_Key, _Value] = {}
