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
    """Runs tasks one after another in a thread, which starts with the first task and ends when the worker is closed."""

    def __init__(self) -> None:
        self._tasks: deque[_Task] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def do(self, run: Callable[[], None], key: Hashable = None) -> None:
        """Have a task run after those that wait. A closed worker does nothing.

        Args:
            run: The task. It raises nothing.
            key: A name for `drop`.
        """
        with self._changed:
            if self._closed:
                return
            self._tasks.append(_Task(run, key))
            if self._thread is None:
                self._thread = _thread_class()(target=self._loop, name="promptseg widget", daemon=True)
                self._thread.start()
            self._changed.notify()

    def drop(self, key: Hashable) -> None:
        """Drop the waiting tasks of a key. One that runs already goes on."""
        with self._changed:
            self._tasks = deque(task for task in self._tasks if task.key != key)

    def close(self) -> None:
        """Drop what waits, and end the thread after the task that runs."""
        with self._changed:
            self._closed = True
            self._tasks.clear()
            self._changed.notify()

    def _loop(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._tasks or self._closed)
                if not self._tasks:
                    return
                task = self._tasks.popleft()
            task.run()


def _thread_class() -> type[threading.Thread]:
    """Return the class of threads that may send messages: in a marimo notebook, marimo's own."""
    marimo = sys.modules.get("marimo")
    found: type[threading.Thread] = marimo.Thread if marimo is not None and marimo.running_in_notebook() else threading.Thread
    return found
