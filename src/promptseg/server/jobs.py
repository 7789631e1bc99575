"""`Jobs`: long work that clients start, watch, cancel, and whose results they fetch."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import BackendError, PromptSegError
from ..runtime.progress import Progress
from .errors import BusyError, ConflictError, NotFoundError, StoppingError

_log = logging.getLogger(__name__)

State = Literal["running", "done", "failed", "cancelled"]

MAX_ENDED = 256
"""Number of ended jobs whose results are kept."""

Work = Callable[[], AsyncIterator[Any]]
"""Function that starts the work of a job. It yields each `Progress` and each result."""


@dataclass(eq=False)
class JobRecord:
    """A job as clients see it.

    Attributes:
        kind: What it does, such as ``"segment"``.
        keep_results: Number of results to keep, the latest ones.
        of: What it works on.
        id: Its id.
        state: ``"running"`` also while it waits for its turn.
        progress: Its latest report, or None.
        results: What it has yielded so far, the oldest first.
        error: What it failed with, or None.
        changed: Number of changes so far.
        created: When it was started, in seconds since the epoch.
    """

    kind: str
    keep_results: int
    of: Any = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: State = "running"
    progress: Progress | None = None
    results: list[Any] = field(default_factory=list)
    error: PromptSegError | None = None
    changed: int = 0
    created: float = field(default_factory=time.time)
    used: float = field(default_factory=time.monotonic)
    task: asyncio.Task[None] | None = None
    condition: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state != "running"

    async def change(self, **values: Any) -> None:
        """Set attributes and wake up those who wait."""
        async with self.condition:
            for name, value in values.items():
                setattr(self, name, value)
            if self.ended:
                self.used = time.monotonic()  # However long it has run, who comes back for its result has time from now on.
            self.changed += 1
            self.condition.notify_all()

    async def end(self) -> None:
        """Wait until the job has ended."""
        async with self.condition:
            await self.condition.wait_for(lambda: self.ended)

    def result(self) -> Any:
        """Return the last result.

        Raises:
            ConflictError: The job runs, was cancelled or has no result.
            PromptSegError: The job failed.
        """
        if self.error is not None:
            raise self.error
        if self.state != "done" or not self.results:
            raise ConflictError(f"the job is {self.state}, and has no result" + (" yet" if self.state == "running" else ""))
        return self.results[-1]

    async def after(self, seen: int, seconds: float | None = None) -> int:
        """Wait until more than `seen` changes have happened or the job has ended, at most for some seconds, and return their number."""
        async with self.condition:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.condition.wait_for(lambda: self.changed > seen or self.ended), seconds)
            return self.changed


class Jobs:
    """The jobs of a server.

    Args:
        max_running: Number of jobs that may run or wait.
        idle_seconds: Time after which an ended job that nobody asks for is forgotten.
    """

    def __init__(self, max_running: int, idle_seconds: float) -> None:
        self._max_running, self._idle = max_running, idle_seconds
        self._jobs: dict[str, JobRecord] = {}
        self._stopping = False

    def check_running(self) -> None:
        """Check that jobs are taken.

        Raises:
            StoppingError: The server is shutting down.
        """
        if self._stopping:
            raise StoppingError("the server is shutting down")

    @property
    def running(self) -> int:
        """Number of jobs that have not ended."""
        return sum(not job.ended for job in self._jobs.values())

    def __len__(self) -> int:
        return len(self._jobs)

    def start(self, kind: str, work: Work, *, of: Any = None, keep_results: int = 1) -> JobRecord:
        """Start a job.

        Args:
            kind: What it does.
            work: Starts its work.
            of: What it works on.
            keep_results: Number of results to keep, the latest ones.

        Raises:
            BusyError: Too many jobs run.
            StoppingError: The server is shutting down.
        """
        self.sweep()
        self.check_running()
        if self.running >= self._max_running:
            raise BusyError(f"{self.running} jobs run or wait already: try again later", 10)
        job = JobRecord(kind, keep_results, of)
        self._jobs[job.id] = job
        job.task = asyncio.create_task(_run(job, work), name=f"job {job.id}")
        return job

    def get(self, name: str) -> JobRecord:
        """Return a job.

        Raises:
            NotFoundError: There is none of this id, or no longer.
        """
        job = self._jobs.get(name)
        if job is None:
            raise NotFoundError(f"there is no job {name[:80]!r}, or no longer")
        job.used = time.monotonic()
        return job

    def all(self) -> list[JobRecord]:
        """Return the jobs, the oldest first."""
        return list(self._jobs.values())

    async def cancel(self, name: str) -> JobRecord:
        """Cancel a job that runs, or forget one that has ended.

        Raises:
            NotFoundError: There is none of this id.
        """
        job = self.get(name)
        if job.ended:
            del self._jobs[name]
        else:
            await _cancel([job])
        return job

    async def forget(self, job: JobRecord) -> None:
        """Cancel a job, if it runs, and forget it."""
        await _cancel([job])
        self._jobs.pop(job.id, None)

    async def stop(self) -> None:
        """Cancel all jobs."""
        self._stopping = True
        await _cancel(self.all())

    def sweep(self) -> None:
        """Forget ended jobs that nobody has asked for lately, and the least recently used ones beyond `MAX_ENDED`: each has its result."""
        oldest = time.monotonic() - self._idle
        ended = sorted((job for job in self._jobs.values() if job.ended), key=lambda job: job.used)
        for index, job in enumerate(ended):
            if job.used < oldest or index < len(ended) - MAX_ENDED:
                del self._jobs[job.id]


async def _cancel(jobs: list[JobRecord]) -> None:
    """Cancel those jobs that run, and wait until they have ended."""
    running = {job.task: job for job in jobs if job.task is not None and not job.ended}
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)
    for job in running.values():
        if not job.ended:  # Its task was cancelled before it had begun.
            await job.change(state="cancelled")


async def _run(job: JobRecord, work: Work) -> None:
    stream = work()
    try:
        async for event in stream:
            if isinstance(event, Progress):
                await job.change(progress=event)
            else:
                await job.change(results=[*job.results, event][-job.keep_results :])
        await job.change(state="done")
    except asyncio.CancelledError:
        await job.change(state="cancelled")
    except PromptSegError as error:
        await job.change(state="failed", error=error)
    except Exception as error:  # Whoever waits for the job would wait for ever.
        _log.exception("job %s failed", job.id)
        failed = BackendError(f"the work failed: {type(error).__name__}")
        failed.__cause__ = error
        await job.change(state="failed", error=failed)
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
