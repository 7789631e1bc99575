"""Long work on a thread, as a job of the server: its progress and its result, and its end when the job is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import TypeVar, Union

from ..errors import BackendError, PromptSegError
from ..runtime.progress import Progress, report_to

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class _CancelledWork(Exception):  # noqa: N818 - It is no error.
    """The job of the work was cancelled."""


async def on_thread(function: Callable[[], _Result]) -> AsyncIterator[Union[Progress, _Result]]:
    """Call a function on a thread: yield each `Progress` that it reports, then its result. Who stops iterating ends it at its next report.

    Raises:
        PromptSegError: The function raises it. Another exception of it becomes a `BackendError`, and is logged.
    """
    loop = asyncio.get_running_loop()
    events: asyncio.Queue[Progress | None] = asyncio.Queue()
    cancelled = threading.Event()

    def listen(report: Progress) -> None:
        if cancelled.is_set():
            raise _CancelledWork
        loop.call_soon_threadsafe(events.put_nowait, report)

    def work() -> _Result:
        try:
            with report_to(listen):
                return function()
        finally:
            with contextlib.suppress(RuntimeError):  # The loop has ended: nobody listens.
                loop.call_soon_threadsafe(events.put_nowait, None)

    working = asyncio.create_task(asyncio.to_thread(work))
    try:
        while (event := await events.get()) is not None:
            yield event
        await asyncio.wait({working})
        yield working.result()
    except (PromptSegError, asyncio.CancelledError):
        raise
    except Exception as error:  # The job would never end.
        _log.exception("work of the studio failed")
        raise BackendError(f"the work failed: {type(error).__name__}") from error
    finally:
        cancelled.set()
        await asyncio.wait({working})  # Until then it may write.
        working.exception()  # It was told, or is of no interest any more.
