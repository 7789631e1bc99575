"""The thread of a widget."""

import subprocess
import sys
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
    assert done.wait(60)
    assert ran == [(0, True), (1, True), (2, True)]


def test_a_dropped_task_does_not_run(worker):
    ran, begun, go_on, done = [], threading.Event(), threading.Event(), threading.Event()

    def first():
        begun.set()
        assert go_on.wait(60)

    worker.do(first)
    assert begun.wait(60)
    worker.do(lambda: ran.append("dropped"), "a")
    worker.do(lambda: ran.append("kept"), "b")
    worker.drop("a")
    go_on.set()
    worker.do(done.set)
    assert done.wait(60)
    assert ran == ["kept"]


def test_the_thread_ends_when_nothing_is_to_be_done_and_another_begins(worker):
    for _ in range(2):
        threads = []
        worker.do(lambda threads=threads: threads.append(threading.current_thread()))
        until = threading.Event()
        worker.do(until.set)
        assert until.wait(60)
        threads[0].join(60)
        assert not threads[0].is_alive()


def test_a_closed_worker_drops_what_waits_and_runs_nothing_more(worker):
    ran, begun, go_on, threads = [], threading.Event(), threading.Event(), []

    def first():
        threads.append(threading.current_thread())
        begun.set()
        assert go_on.wait(60)

    worker.do(first)
    assert begun.wait(60)
    worker.do(lambda: ran.append("waiting"))
    worker.close()
    worker.do(lambda: ran.append("late"))
    go_on.set()
    threads[0].join(60)
    assert (ran, threads[0].is_alive()) == ([], False)


def test_a_program_that_ends_waits_for_the_task_that_runs():
    """A thread that is cut off inside of ONNX Runtime would abort the process."""
    code = (
        "import threading\n"
        "from promptseg.widgets.worker import Worker\n"
        "begun = threading.Event()\n"
        "Worker().do(lambda: (begun.set(), threading.Event().wait(0.2), print('done')))\n"
        "begun.wait(60)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "done\n"
