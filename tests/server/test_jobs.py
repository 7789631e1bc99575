"""Jobs: how they end, and what those who wait for one hear."""

from __future__ import annotations

import asyncio

import pytest

from promptseg.errors import BackendError
from promptseg.server import jobs
from promptseg.server.jobs import Jobs


async def broken():
    yield "half"
    raise OSError(28, "No space left on device", "/srv/secret")


async def endless():
    await asyncio.Event().wait()
    yield "never"


def test_a_job_whose_work_fails_in_any_way_ends_and_tells_no_places():
    async def run():
        job = Jobs(1, 60).start("export", broken)
        await job.end()
        return job

    job = asyncio.run(run())
    assert job.state == "failed"
    assert "secret" not in str(job.error)
    with pytest.raises(BackendError, match="the work failed: OSError"):
        job.result()


def test_a_job_that_has_run_for_long_is_kept_from_its_end_on():
    async def run():
        kept, free = Jobs(1, 60), asyncio.Event()

        async def long():
            await free.wait()
            yield "result"

        job = kept.start("annotate", long)
        job.used -= 3600
        free.set()
        await job.end()
        kept.sweep()
        return kept.get(job.id).result()

    assert asyncio.run(run()) == "result"


def test_results_of_the_jobs_that_were_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(jobs, "MAX_ENDED", 2)

    async def quick():
        yield "result"

    async def run():
        kept = Jobs(8, 60)
        ended = [kept.start("segment", quick) for _ in range(4)]
        for job in ended:
            await job.end()
        kept.get(ended[0].id).used += 1
        running = kept.start("segment", endless)
        left = [job in kept.all() for job in (*ended, running)]
        await kept.stop()
        return left

    assert asyncio.run(run()) == [True, False, False, True, True]


def test_who_waits_for_a_change_hears_after_some_time_that_there_was_none():
    async def run():
        kept = Jobs(1, 60)
        job = kept.start("segment", endless)
        try:
            return await job.after(job.changed, 0.01), job.ended
        finally:
            await kept.stop()

    assert asyncio.run(run()) == (0, False)


def test_who_watches_a_job_that_waits_for_its_turn_is_sent_heartbeats(monkeypatch):
    pytest.importorskip("fastapi")
    from promptseg.server.api import jobs as routes

    monkeypatch.setattr(routes, "HEARTBEAT", 0.01)

    async def run():
        kept = Jobs(1, 60)
        job = kept.start("segment", endless)
        events = routes._events(job)
        first = [await events.__anext__() for _ in range(3)]
        await kept.stop()
        return first, [event async for event in events]

    first, last = asyncio.run(run())
    assert first[0].startswith(b"id: 0\nevent: progress\n")
    assert first[1:] == [b": heartbeat\n\n"] * 2
    assert [event for event in last if event != b": heartbeat\n\n"][-1].startswith(b"id: 1\nevent: cancelled\n")
