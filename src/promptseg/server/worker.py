"""`DeviceWorker`: the one thread that works on a device, with a bounded queue in front of it.

Requests wait in the queue in the order in which they came. Those that can be answered together are: prompts on one image are decoded in one
batch. Long work (a *job*) runs in steps between the requests: after each report of its progress and after each frame, the requests that
wait are answered first.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ..errors import BackendError, PromptSegError
from ..runtime.progress import Progress, report_to
from .errors import BusyError, StoppingError

_log = logging.getLogger(__name__)

MAX_TOGETHER = 16
"""Maximum number of requests that are answered together."""


@dataclass(frozen=True, eq=False)
class Request:
    """A request in the queue.

    Attributes:
        group: Requests of the same group may be answered together; None for one that is alone.
        operation: What is asked.
        future: Gets the answer.
        since: When it came, by `time.monotonic`.
    """

    group: Hashable
    operation: Any
    future: Future[Any]
    since: float


Answering = Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]]
"""Function that answers operations of one group: for each the answer, or the exception that it causes.

It also gets operations that wait behind them, so that it can prepare them together where that is faster.
"""

Working = Callable[[Any], Iterator[Any]]
"""Function that does long work and yields its results."""


@dataclass(eq=False)
class Job:
    """Long work that runs in steps.

    Attributes:
        operation: What is asked.
        emit: Called on the worker's thread with each `Progress` and each result, and at the end with an exception or None.
        cancelled: Set it to stop the work at its next step.
    """

    operation: Any
    emit: Callable[[Any], None]
    cancelled: threading.Event = field(default_factory=threading.Event)
    steps: Iterator[Any] | None = None


class Done:
    """The end of a job. Its emitter gets it as the last.

    Attributes:
        error: What the job failed with, or None.
    """

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Cancelled(Exception):  # noqa: N818 - It is no error.
    """A job was cancelled."""


class DeviceWorker:
    """A thread that owns the models of a device.

    Args:
        answer: Answers requests of one group.
        work: Does long work in steps.
        max_waiting: Number of requests that may wait.
        name: Name of the thread.
    """

    def __init__(self, answer: Answering, work: Working, max_waiting: int, name: str = "promptseg-device") -> None:
        self._answer, self._work, self._max_waiting = answer, work, max_waiting
        self._waiting: deque[Request] = deque()
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._seconds = 0.1  # For one request, as of late.
        self.answered, self.joined = 0, 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Number of requests that wait."""
        return len(self._waiting)

    @property
    def working(self) -> int:
        """Number of jobs that run or wait."""
        return len(self._jobs)

    def submit(self, operation: Any, group: Hashable = None, *, bounded: bool = True) -> Future[Any]:
        """Put a request into the queue. If its future is cancelled before its turn, it is skipped.

        Args:
            operation: What is asked.
            group: Requests of the same group may be answered together; None for one that is alone.
            bounded: Whether a full queue refuses it. What frees the device of something never is.

        Raises:
            BusyError: The queue is full.
            StoppingError: The worker is stopping.
        """
        future: Future[Any] = Future()
        with self._changed:
            if self._stopping:
                raise StoppingError("the server is shutting down")
            if len(self._waiting) >= self._max_waiting:
                self._forget_cancelled()
            if bounded and len(self._waiting) >= self._max_waiting:
                raise BusyError(f"{len(self._waiting)} requests wait already: try again later", self._seconds * len(self._waiting))
            self._waiting.append(Request(group, operation, future, time.monotonic()))
            self._changed.notify()
        return future

    def start(self, job: Job) -> None:
        """Put a job behind those that run.

        Raises:
            StoppingError: The worker is stopping.
        """
        with self._changed:
            if self._stopping:
                raise StoppingError("the server is shutting down")
            self._jobs.append(job)
            self._changed.notify()

    def stop(self, seconds: float = 30.0) -> None:
        """Answer the requests that wait, cancel the jobs, and end the thread."""
        with self._changed:
            self._stopping = True
            for job in self._jobs:
                job.cancelled.set()
            self._changed.notify_all()
        self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._jobs or self._stopping):
                    self._changed.wait()
                if self._stopping and not self._waiting and not self._jobs:
                    return
            if not self._answer_next():
                self._step()

    def _answer_next(self) -> bool:
        """Answer the request that has waited longest, with others of its group. Return whether there was one."""
        requests = self._take()
        if not requests:
            return False
        started = time.monotonic()
        try:
            # In a context of its own: within a step of a job, its listener must not hear of this.
            outcomes = contextvars.Context().run(self._answer, [request.operation for request in requests], self._next_operations())
        except BaseException as error:
            outcomes = [_presentable(error)] * len(requests)
        self._seconds += 0.2 * ((time.monotonic() - started) / len(requests) - self._seconds)
        self.answered += len(requests)
        self.joined += len(requests) - 1
        for request, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                request.future.set_exception(_presentable(outcome))
            else:
                request.future.set_result(outcome)
        return True

    def _take(self) -> list[Request]:
        """Take the next request that was not cancelled, and all of its group up to `MAX_TOGETHER`."""
        with self._changed:
            while self._waiting:
                first = self._waiting.popleft()
                if first.future.set_running_or_notify_cancel():
                    break
            else:
                return []
            if first.group is None:
                return [first]
            taken, kept = [first], deque[Request]()
            for request in self._waiting:
                if request.group == first.group and len(taken) < MAX_TOGETHER:
                    if request.future.set_running_or_notify_cancel():
                        taken.append(request)
                else:
                    kept.append(request)
            self._waiting = kept
            return taken

    def _next_operations(self) -> list[Any]:
        with self._changed:
            return [request.operation for request in islice(self._waiting, MAX_TOGETHER) if not request.future.cancelled()]

    def _forget_cancelled(self) -> None:
        self._waiting = deque(request for request in self._waiting if not request.future.cancelled())

    def _step(self) -> None:
        """Do one step of the job that has waited longest."""
        with self._changed:
            if not self._jobs:
                return
            job = self._jobs[0]
        end: Done | None = None
        try:
            self._check(job)
            if job.steps is None:
                job.steps = self._work(job.operation)
            with report_to(lambda report: self._reported(job, report)):
                try:
                    job.emit(next(job.steps))
                except StopIteration:
                    end = Done()
        except _Cancelled:
            end = Done(_Cancelled())
        except BaseException as error:
            end = Done(_presentable(error))
        with self._changed:
            self._jobs.popleft()
            if end is None:
                self._jobs.append(job)  # The next job has its turn.
        if end is not None:
            close = getattr(job.steps, "close", None)
            if close is not None:
                close()
            job.steps = None
            job.emit(end)

    def _reported(self, job: Job, report: Progress) -> None:
        self._check(job)
        job.emit(report)
        while self._answer_next():
            self._check(job)

    @staticmethod
    def _check(job: Job) -> None:
        if job.cancelled.is_set():
            raise _Cancelled


def _presentable(error: BaseException) -> BaseException:
    """Return an error of promptseg: what is none becomes a `BackendError`."""
    if isinstance(error, (PromptSegError, _Cancelled)):
        return error
    _log.error("the device's work failed", exc_info=error)
    failed = BackendError(f"the model failed: {type(error).__name__}")
    failed.__cause__ = error
    return failed
