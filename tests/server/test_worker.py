"""The thread of a device: order, joining, a bounded queue, jobs in steps between requests, and what fails."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from promptseg.errors import BackendError, PromptError
from promptseg.runtime import progress
from promptseg.server.errors import BusyError, StoppingError
from promptseg.server.worker import DeviceWorker, Done, Job, _Cancelled


class Device:
    """Answers with what was asked, when it is let; its jobs count to their operation."""

    def __init__(self):
        self.free, self.batches, self.began = threading.Event(), [], threading.Event()
        self.free.set()

    def answer(self, operations, upcoming):
        self.began.set()
        assert self.free.wait(60)
        self.batches.append(list(operations))
        return [PromptError("no") if operation == "bad" else operation for operation in operations]

    def work(self, operation):
        if operation == "broken":
            raise ZeroDivisionError
        yield from range(operation)


@pytest.fixture
def device():
    return Device()


@pytest.fixture
def worker(device):
    worker = DeviceWorker(device.answer, device.work, max_waiting=4)
    yield worker
    device.free.set()
    worker.stop()


def hold(device, worker):
    """Make the worker wait within an answer."""
    device.free.clear()
    device.began.clear()
    held = worker.submit("held")
    assert device.began.wait(60)
    return held


def test_requests_are_answered_in_their_order(device, worker):
    held = hold(device, worker)
    asked = [worker.submit(name) for name in "abc"]
    device.free.set()
    assert [held.result(60), *(each.result(60) for each in asked)] == ["held", "a", "b", "c"]
    assert device.batches == [["held"], ["a"], ["b"], ["c"]]


def test_requests_of_a_group_are_answered_together_and_each_gets_its_own_answer(device, worker):
    hold(device, worker)
    asked = [worker.submit(name, group) for name, group in (("a", 1), ("x", 2), ("bad", 1), ("b", 1))]
    device.free.set()
    assert [asked[0].result(60), asked[1].result(60), asked[3].result(60)] == ["a", "x", "b"]
    with pytest.raises(PromptError, match="no"):
        asked[2].result(60)
    assert device.batches == [["held"], ["a", "bad", "b"], ["x"]]
    assert worker.joined == 2


def test_what_frees_the_device_of_something_is_taken_by_a_full_queue(device, worker):
    hold(device, worker)
    for _ in range(4):
        worker.submit("waits")
    closing = worker.submit("close", bounded=False)
    device.free.set()
    assert closing.result(60) == "close"


def test_a_full_queue_refuses_and_says_when_to_try_again(device, worker):
    hold(device, worker)
    for _ in range(4):
        worker.submit("waits")
    with pytest.raises(BusyError, match="4 requests wait") as caught:
        worker.submit("one too many")
    assert int(caught.value.headers["Retry-After"]) >= 1


def test_who_gives_up_is_skipped_and_makes_room(device, worker):
    hold(device, worker)
    asked = [worker.submit(number) for number in range(4)]
    assert asked[1].cancel()
    last = worker.submit("last")
    device.free.set()
    assert last.result(60) == "last"
    assert device.batches == [["held"], [0], [2], [3], ["last"]]
    with pytest.raises(CancelledError):
        asked[1].result(0)


def test_what_a_model_raises_is_told_and_the_thread_lives_on(worker, device, monkeypatch):
    monkeypatch.setattr(device, "batches", None)  # Appending fails with an AttributeError.
    with pytest.raises(BackendError, match="AttributeError"):
        worker.submit("a").result(60)
    monkeypatch.setattr(device, "batches", [])
    assert worker.submit("b").result(60) == "b"


def run(worker, operation, on_event=lambda event: None):
    events, ended = [], threading.Event()

    def emit(event):
        events.append(event)
        on_event(event)
        if isinstance(event, Done):
            ended.set()

    job = Job(operation, emit)
    worker.start(job)
    return job, events, ended


def test_jobs_take_turns(worker):
    order = []
    ended = [run(worker, 3, lambda event, name=name: order.append((name, event)))[2] for name in "ab"]
    assert all(each.wait(60) for each in ended)
    steps = [(name, event) for name, event in order if not isinstance(event, Done)]
    assert steps in (
        [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)],
        [("a", 0), ("a", 1), ("b", 0), ("a", 2), ("b", 1), ("b", 2)],
    )


def test_a_request_goes_before_the_next_step_of_a_job(worker, device):
    asked = []

    def ask(event):
        if event == 0:
            asked.append(worker.submit("click"))
        elif event == 1:
            assert asked[0].done()

    _, events, ended = run(worker, 2, ask)
    assert ended.wait(60)
    assert events[:2] == [0, 1]
    assert events[2].error is None


def test_a_request_is_answered_within_a_step_that_reports_its_progress(worker, device, monkeypatch):
    asked = []

    def work(_):
        for number in progress.track(range(3), stage="work", total=3, unit="part"):
            if number == 1:
                asked.append(worker.submit("click"))
            if number == 2:
                assert asked[0].result(0) == "click"
        yield "made"

    monkeypatch.setattr(worker, "_work", work)
    _, events, ended = run(worker, None)
    assert ended.wait(60)
    assert [event.done for event in events if isinstance(event, progress.Progress)] == [0, 1, 2, 3]
    assert "made" in events
    assert events[-1].error is None


def test_a_cancelled_job_stops_at_its_next_step(worker):
    job, events, ended = run(worker, 1000, lambda event: event == 1 and job.cancelled.set())
    assert ended.wait(60)
    assert events[:2] == [0, 1]
    assert isinstance(events[-1].error, _Cancelled)


def test_a_job_that_fails_says_why(worker):
    _, events, ended = run(worker, "broken")
    assert ended.wait(60)
    assert isinstance(events[-1].error, BackendError)
    assert worker.submit("a").result(60) == "a"


def test_stopping_answers_what_waits_and_takes_nothing_more(device, worker):
    hold(device, worker)
    asked = worker.submit("accepted")
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    while not worker._stopping:
        pass
    with pytest.raises(StoppingError):
        worker.submit("late")
    device.free.set()
    stopping.join(60)
    assert asked.result(0) == "accepted"
