"""The thread of a widget."""

import threading

import pytest

from promptseg.widgets.worker import Worker


@pytest.fixture
def worker():
    made = Worker()
    yield made
    made.close()


def test_tasks_run_one_after_another_in_another_thread(worker):
    ran, done = [], threading.Event()
    for number in range(3):
        worker.do(lambda number=number: ran.append((number, threading.current_thread() is not threading.main_thread())))
    worker.do(done.set)
    assert done.wait(20)
    assert ran == [(0, True), (1, True), (2, True)]


def test_a_dropped_task_does_not_run(worker):
    ran, begun, go_on, done = [], threading.Event(), threading.Event(), threading.Event()

    def first():
        begun.set()
        assert go_on.wait(20)

    worker.do(first)
    assert begun.wait(20)
    worker.do(lambda: ran.append("dropped"), "a")
    worker.do(lambda: ran.append("kept"), "b")
    worker.drop("a")
    go_on.set()
    worker.do(done.set)
    assert done.wait(20)
    assert ran == ["kept"]


def test_a_closed_worker_ends_its_thread_and_runs_nothing_more(worker):
    before = set(threading.enumerate())
    done = threading.Event()
    worker.do(done.set)
    (thread,) = set(threading.enumerate()) - before
    assert done.wait(20)
    worker.close()
    thread.join(20)
    assert not thread.is_alive()
    ran = []
    worker.do(lambda: ran.append(1))
    assert (ran, set(threading.enumerate()) - before) == ([], set())
