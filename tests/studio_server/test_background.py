"""Long work on a thread: what it reports, returns and raises, and how it ends."""

from __future__ import annotations

import asyncio
import threading

import pytest

from promptseg.errors import BackendError, InputError
from promptseg.runtime.progress import Progress, track
from promptseg.studio_server.background import on_thread


async def everything(function):
    return [event async for event in on_thread(function)]


def test_progress_comes_before_the_result():
    def work():
        return sum(track([1, 2, 3], stage="add", total=3, unit="number"))

    events = asyncio.run(everything(work))
    assert events[-1] == 6
    assert [event.done for event in events[:-1]] == [0, 1, 2, 3]
    assert all(isinstance(event, Progress) for event in events[:-1])


def test_an_error_of_promptseg_comes_as_it_is():
    def work():
        raise InputError("not this one")

    with pytest.raises(InputError, match="not this one"):
        asyncio.run(everything(work))


def test_any_other_error_becomes_one_of_promptseg_and_is_logged(caplog):
    def work():
        raise ZeroDivisionError

    with pytest.raises(BackendError, match="ZeroDivisionError"):
        asyncio.run(everything(work))
    assert "ZeroDivisionError" in caplog.text


def test_who_stops_listening_ends_the_work_at_its_next_report():
    going_on, ended = threading.Event(), threading.Event()
    steps = []

    def work():
        try:
            for step in track(range(1000), stage="count", total=1000, unit="step"):
                steps.append(step)
                if step == 2:
                    going_on.wait(60)
        finally:
            ended.set()

    async def cancelled():
        working = asyncio.create_task(everything(work))
        while 2 not in steps:
            await asyncio.sleep(0)
        working.cancel()
        await asyncio.sleep(0)
        going_on.set()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert ended.is_set()  # It no longer writes when the job has ended.

    asyncio.run(cancelled())
    assert steps == [0, 1, 2]
