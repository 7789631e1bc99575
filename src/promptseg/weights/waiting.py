"""Waiting for a network that may never answer: never silent, never without end, and open to Ctrl-C."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

EVERY = 5.0
"""Seconds from one note that something is waited for to the next."""

_LOOK = 0.5
"""Seconds after which an interruption is seen at the latest."""

_Result = TypeVar("_Result")


@contextlib.contextmanager
def told(what: Callable[[], str]) -> Iterator[None]:
    """Print a note to standard error every few seconds of the block.

    Args:
        what: Function that returns what is waited for now, such as ``"an answer from example.org"``.
    """
    began, ended = time.monotonic(), threading.Event()

    def tell() -> None:
        while not ended.wait(EVERY):
            print(f"  still waiting for {what()} ({time.monotonic() - began:.0f} s)…", file=sys.stderr, flush=True)

    thread = threading.Thread(target=tell, name="promptseg-waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def in_time(call: Callable[[], _Result], seconds: float) -> _Result:
    """Return the result of a call that may block, such as one that looks up a name.

    It runs on another thread. So an interruption ends the wait at once, and its time is limited. A call that takes longer is left alone.

    Raises:
        TimeoutError: It took longer.
        Exception: The call raised it.
    """
    outcome: queue.SimpleQueue[tuple[_Result | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome.put((call(), None))
        except BaseException as error:  # It is raised on the thread that waits.
            outcome.put((None, error))

    threading.Thread(target=work, name="promptseg-network", daemon=True).start()
    ends = time.monotonic() + seconds
    while True:
        try:
            result, error = outcome.get(timeout=min(_LOOK, max(0.0, ends - time.monotonic())))
        except queue.Empty:
            if time.monotonic() >= ends:
                raise TimeoutError from None
            continue
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # Without an error, it is what the call returned.
