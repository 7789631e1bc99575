"""Work that several threads ask for at once: done once, and nobody waits in vain."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from promptseg.runtime import single_flight
from promptseg.runtime.single_flight import SingleFlight

SOON = 30
"""Seconds after which a test that waits has failed. None takes them."""


class Maker:
    """A function for `SingleFlight.get` that counts, and waits where it is told to."""

    def __init__(self):
        self.made, self.started, self.go = [], threading.Event(), threading.Event()

    def __call__(self, keys):
        self.made += keys
        self.started.set()
        assert self.go.wait(SOON)
        return {key: f"value of {key}" for key in keys}


@pytest.fixture
def flight():
    return SingleFlight()


@pytest.fixture
def waits(monkeypatch):
    """A semaphore that is released whenever a thread begins to wait for another one."""
    begun = threading.Semaphore(0)

    class Told(threading.Event):
        def wait(self, timeout=None):
            begun.release()
            return super().wait(timeout)

    monkeypatch.setattr(single_flight, "threading", SimpleNamespace(Event=Told))
    return begun


def test_the_same_key_is_made_by_one_of_eight_threads(flight, waits):
    maker = Maker()
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(flight.get, ["a"], maker) for _ in range(8)]
        assert maker.started.wait(SOON)
        assert all(waits.acquire(timeout=SOON) for _ in range(7))
        maker.go.set()
        assert [future.result(SOON) for future in found] == [{"a": "value of a"}] * 8
    assert maker.made == ["a"]


def test_different_keys_are_made_at_the_same_time(flight):
    all_there = threading.Barrier(8)

    def make(keys):
        all_there.wait(SOON)  # Broken if one thread waits for another.
        return dict.fromkeys(keys, True)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda key: flight.get([key], make), range(8))) == [{key: True} for key in range(8)]


def test_nothing_is_kept(flight):
    made = []
    for _ in range(2):
        flight.get(["a"], lambda keys: made.extend(keys) or dict.fromkeys(keys))
    assert made == ["a", "a"]


def test_a_key_that_is_there_twice_is_made_once(flight):
    made = []
    assert flight.get(["a", "b", "a"], lambda keys: made.extend(keys) or {key: key for key in keys}) == {"a": "a", "b": "b"}
    assert made == ["a", "b"]


def test_threads_that_share_keys_in_another_order_do_not_wait_in_a_circle(flight):
    makers = Maker(), Maker()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(flight.get, ["a"], makers[0])
        assert makers[0].started.wait(SOON)
        other = pool.submit(flight.get, ["b", "a"], makers[1])
        assert makers[1].started.wait(SOON)  # It makes its own key first, though the other one is in the making.
        third = flight.get([], makers[0])
        makers[1].go.set()
        makers[0].go.set()
        assert other.result(SOON) == {"b": "value of b", "a": "value of a"}
        assert one.result(SOON) == {"a": "value of a"}
    assert third == {}
    assert makers[1].made == ["b"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit()])
def test_after_a_failure_or_an_interruption_the_next_thread_tries_itself(error, flight, waits):
    started, fail, caught = threading.Event(), threading.Event(), []

    def failing(keys):
        started.set()
        assert fail.wait(SOON)
        raise error

    def first():
        try:
            flight.get(["a"], failing)
        except BaseException as raised:
            caught.append(raised)

    thread = threading.Thread(target=first)
    thread.start()
    assert started.wait(SOON)
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(flight.get, ["a"], lambda keys: dict.fromkeys(keys, "made by the next"))
        assert waits.acquire(timeout=SOON)
        fail.set()
        assert waiter.result(SOON) == {"a": "made by the next"}
    thread.join(SOON)
    assert caught == [error]


def test_work_that_fails_for_every_thread_reaches_every_thread(flight):
    def failing(keys):
        raise ValueError("no")

    def attempt(_):
        with pytest.raises(ValueError, match="no"):
            flight.get(["a"], failing)

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(attempt, range(8)))) == 8


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_does_not_wait_for_a_thread_of_its_parent(flight):
    maker = Maker()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(flight.get, ["a"], maker)
        assert maker.started.wait(SOON)
        child = os.fork()
        if child == 0:
            os._exit(0 if flight.get(["a"], lambda keys: dict.fromkeys(keys, 5)) == {"a": 5} else 1)
        maker.go.set()
        assert os.waitpid(child, 0)[1] == 0
