"""Progress bars for long work. Only the command line shows them, and only on a terminal; library calls are silent."""

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
    """Show progress bars of long work within the block, if standard error is a terminal."""
    token = _shown.set(True)
    try:
        yield
    finally:
        _shown.reset(token)


def track(items: Iterable[_Item], *, total: int, unit: str) -> Iterable[_Item]:
    """Return the items, counted on a progress bar if bars are shown."""
    if not _shown.get():
        return items
    # disable=None: no bar if standard error is not a terminal.
    return tqdm(items, total=total, unit=unit, leave=False, disable=None)


@contextmanager
def counter(*, total: int, done: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar with speed and remaining time, if bars are shown.

    The block gets a function to call for each finished item, with the number of failures so far.

    Args:
        total: Number of items.
        done: Number of items that were done before.
        unit: Name of an item, such as ``"image"``.
    """
    hidden = None if _shown.get() else True  # None: hidden if standard error is not a terminal.
    with tqdm(total=total, initial=done, unit=unit, leave=False, disable=hidden, smoothing=0.05) as bar:

        def count(failures: int) -> None:
            if failures:
                bar.set_postfix(failed=failures, refresh=False)
            bar.update()

        yield count
