"""`Worker`: runs what takes long in a thread of its own, one after another."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class _Task:
    run: Callable[[], None]
    key: Hashable


class Worker:
    """Runs tasks one after another in a thread.

    The thread ends when no task waits, and the next task starts another: none is left behind by a widget that nobody uses, and a program
    that ends waits for the task that runs.
    """

    def __init__(self) -> None:
        self._tasks: deque[_Task] = deque()
        self._lock = threading.Lock()
        self._running = False
        self._closed = False

    def do(self, run: Callable[[], None], key: Hashable = None) -> None:
        """Have a task run after those that wait. A closed worker does nothing.

        Args:
            run: The task. It raises nothing.
            key: A name for `drop`.
        """
        with self._lock:
            if self._closed:
                return
            self._tasks.append(_Task(run, key))
            if self._running:
                return
            self._running = True
        _thread_class()(target=self._loop, name="promptseg widget").start()

    def drop(self, key: Hashable) -> None:
        """Drop the waiting tasks of a key. One that runs already goes on."""
        with self._lock:
            self._tasks = deque(task for task in self._tasks if task.key != key)

    def close(self) -> None:
        """Drop what waits. The thread ends after the task that runs."""
        with self._lock:
            self._closed = True
            self._tasks.clear()

    def _loop(self) -> None:
        while (task := self._next()) is not None:
            task.run()

    def _next(self) -> _Task | None:
        with self._lock:
            self._running = bool(self._tasks)
            return self._tasks.popleft() if self._tasks else None


def _thread_class() -> type[threading.Thread]:
    """Return the class of threads that may send messages: in a marimo notebook, marimo's own."""
    marimo = sys.modules.get("marimo")
    found: type[threading.Thread] = marimo.Thread if marimo is not None and marimo.running_in_notebook() else threading.Thread
    return found
