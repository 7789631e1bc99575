"""Progress bars for long work: shown where the command line asks for them and a person is looking, silent in a library call or a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from tqdm import tqdm

_Item = TypeVar("_Item")

_shown: ContextVar[bool] = ContextVar("promptseg_progress", default=False)


@contextmanager
def shown() -> Iterator[None]:
    """Within the block, long work shows a bar if standard error is a terminal."""
    token = _shown.set(True)
    try:
        yield
    finally:
        _shown.reset(token)


def track(items: Iterable[_Item], *, total: int, unit: str) -> Iterable[_Item]:
    """The items, counted on a bar where one is to be shown."""
    if not _shown.get():
        return items
    # disable=None: none where standard error is not a terminal.
    return tqdm(items, total=total, unit=unit, leave=False, disable=None)


@contextmanager
def counter(*, total: int, done: int, unit: str) -> Iterator[Callable[[int], None]]:
    """A bar with the pace and the time that is left, where one is to be shown; call what it gives for each item, with the failures so far.

    Args:
        total: How many items there are.
        done: How many of them were done before.
        unit: What an item is called.
    """
    hidden = None if _shown.get() else True  # None: hidden where standard error is not a terminal.
    with tqdm(total=total, initial=done, unit=unit, leave=False, disable=hidden, smoothing=0.05) as bar:

        def count(failures: int) -> None:
            if failures:
                bar.set_postfix(failed=failures, refresh=False)
            bar.update()

        yield count
