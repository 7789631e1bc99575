"""Waiting: told on standard error, limited in time, and open to an interruption."""

import io
import re
import signal
import sys
import threading

import pytest

from promptseg.weights import waiting
from promptseg.weights.waiting import in_time, told


class Heard(io.StringIO):
    """A text that tells when two lines were written to it."""

    def __init__(self):
        super().__init__()
        self.two = threading.Event()

    def write(self, text):
        written = super().write(text)
        if self.getvalue().count("\n") >= 2:
            self.two.set()
        return written


def test_notes_come_again_and_again_and_end_with_the_block(monkeypatch):
    heard = Heard()
    monkeypatch.setattr(sys, "stderr", heard)
    monkeypatch.setattr(waiting, "EVERY", 0.01)
    names = iter(["one", "two", *["more"] * 1000])
    with told(lambda: next(names)):
        assert heard.two.wait(60)
    lines = heard.getvalue().splitlines()
    for line, name in zip(lines, ("one", "two"), strict=False):
        assert re.fullmatch(rf"  still waiting for {name} \(\d+ s\)…", line)
    assert not [thread for thread in threading.enumerate() if thread.name == "promptseg-waiting"]


def test_what_is_quick_is_not_told(capfd):
    with told(lambda: "it"):
        pass
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def interruptible():
    """Python's own handler of Ctrl-C: a shell starts processes in the background with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class TestInTime:
    def test_the_result_or_the_error_of_the_call_comes_back(self):
        assert in_time(lambda: 5, 30) == 5
        with pytest.raises(ZeroDivisionError):
            in_time(lambda: 1 / 0, 30)

    def test_a_call_that_takes_longer_is_given_up(self):
        leave = threading.Event()
        with pytest.raises(TimeoutError):
            in_time(lambda: leave.wait(60), 0.01)
        leave.set()

    def test_an_interruption_ends_the_wait_though_the_call_goes_on(self, interruptible):
        leave = threading.Event()

        def call():
            signal.raise_signal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else interrupt()
            leave.wait(60)

        def interrupt():
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            else:
                signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            in_time(call, 60)
        leave.set()
