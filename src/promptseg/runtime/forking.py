"""The rule for processes that are forked: each makes its own sessions of ONNX Runtime, and torch computes in one thread there.

A fork copies memory, but only the thread that forks. The copies of ONNX Runtime's and torch's thread pools may then wait for threads that
are not there, and a lock that another thread held stays closed forever. Therefore a forked process

- makes a session of ONNX Runtime anew (`PerProcess`), which is quick;
- computes in torch with one thread (`promptseg.runtime.torch`): the others belong to the parent and cannot be made anew;
- cannot use an accelerator that its parent used, nor torch if another thread computed in it at the moment of the fork (`after_fork`);
- finds every lock open (`Lock`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, NoReturn, TypeVar
from weakref import WeakSet

from ..errors import BackendError

_Value = TypeVar("_Value")

_inherited: list[Any] = []
"""Values of the parent process. They are kept, because destroying a thread pool waits for its threads."""


def after_fork(device: str) -> BackendError:
    """Return the error about a device that was in use when this process was forked."""
    return BackendError(
        f"device {device} was in use when this process was forked, which leaves it unusable here: start processes by spawn instead, as in "
        "multiprocessing.get_context('spawn'), or load the model after the fork, in each process (gunicorn: without --preload)"
    )


class StaysInProcess:
    """Base class of what cannot be sent to another process: models in memory, and their locks and caches."""

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled.

        Raises:
            BackendError: Always.
        """
        raise BackendError(
            "a loaded model, and a pipeline, session or cache with one, cannot be pickled and sent to another process: load it in each "
            "process, as in ProcessPoolExecutor(initializer=load), and send images, prompts and masks"
        )


class Lock(StaysInProcess):
    """A lock that a forked process finds open, even if another thread of its parent held it."""

    def __init__(self) -> None:
        self._lock = self._held = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        lock = self._lock
        lock.acquire()
        self._held = lock

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._held.release()

    def renew(self) -> None:
        """Open the lock, in a process that was forked."""
        self._lock = threading.Lock()


class PerProcess(StaysInProcess, Generic[_Value]):
    """A value that every process makes for itself when it first asks for it after a fork.

    Args:
        make: Function that makes the value. It is called now, and in each forked process that asks for the value.
    """

    def __init__(self, make: Callable[[], _Value]) -> None:
        self._make = make
        self._lock = Lock()
        self._value, self._process = make(), os.getpid()
        _values.add(self)

    def get(self) -> _Value:
        """Return the value of this process."""
        if self._process != os.getpid():
            with self._lock:
                if self._process != os.getpid():
                    self._value, self._process = self._make(), os.getpid()
        return self._value

    def keep(self) -> None:
        """Keep the value of the parent process, in a process that was forked."""
        _inherited.append(self._value)


_locks: WeakSet[Lock] = WeakSet()
_values: WeakSet[PerProcess[Any]] = WeakSet()


def _after_fork_in_child() -> None:
    for lock in tuple(_locks):
        lock.renew()
    for value in tuple(_values):
        value.keep()


if hasattr(os, "register_at_fork"):  # Windows has no fork.
    os.register_at_fork(after_in_child=_after_fork_in_child)
