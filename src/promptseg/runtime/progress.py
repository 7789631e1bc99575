"""Progress of long work: `Progress` reports for a function of the caller, progress bars, or lines in a log.

Work reports to whoever listens. `reports_progress` gives a function the argument ``progress``; the command line listens with `shown`.
Without a listener, library calls are silent.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import NoReturn, ParamSpec, TypeVar, Union, cast

from tqdm import tqdm

from .._counting import number_of
from ..errors import ConfigError
from ..errors import shown as shown_value

_Item = TypeVar("_Item")
_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Progress:
    """Report of how far a piece of work is. The first report of a stage has what was done before, the last one has all.

    Attributes:
        stage: What is being done, such as ``"annotate"`` or ``"train"``. A call may have several stages, one after the other, and
            everything mode has a stage of its own within each image.
        done: Number of finished items, failed ones included.
        total: Number of items of the stage. A stage may end before.
        unit: Name of an item, such as ``"image"``.
        failed: Number of items of this call that failed.
    """

    stage: str
    done: int
    total: int
    unit: str
    failed: int = 0


Listener = Callable[[Progress], object]
"""Function that is called with each report, on the thread that does the work. An exception that it raises stops the work."""

ProgressOption = Union[bool, Listener, None]
"""Value of an argument ``progress``: True for progress bars on standard error, or a `Listener`."""

_listener: ContextVar[Listener | None] = ContextVar("promptseg_progress", default=None)


def reports_progress(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Decorate a function that has a keyword argument ``progress``, a `ProgressOption`: all work within it reports to its value."""

    @functools.wraps(function)
    def reporting(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        with report_to(cast("ProgressOption", kwargs.get("progress"))):
            return function(*args, **kwargs)

    return reporting


@contextmanager
def report_to(listener: ProgressOption) -> Iterator[None]:
    """Report the progress of all work within the block, for calls that have no argument ``progress``.

    Args:
        listener: True for progress bars on standard error, or a function that is called with each `Progress`. With None or False, a
            listener of an outer block goes on listening.

    Raises:
        ConfigError: It is neither.
    """
    if listener is None or listener is False:
        yield
    elif listener is True:
        with _bars(always=True):
            yield
    elif callable(listener):
        with _listening(listener):
            yield
    else:
        raise ConfigError(f"progress is True for progress bars, or a function that takes a Progress, got {shown_value(listener)}")


@contextmanager
def shown() -> Iterator[None]:
    """Show how far long work within the block is: by bars if standard error is a terminal, else by `Lines`."""
    if _is_terminal():
        with _bars(always=False):
            yield
    else:
        with _listening(_StageLines()):
            yield


def track(items: Iterable[_Item], *, stage: str, total: int, unit: str, done: int = 0) -> Iterable[_Item]:
    """Return the items, and report each one as finished when the next is asked for.

    Args:
        items: The items that remain.
        stage: What is being done.
        total: Number of items, with those that were done before.
        unit: Name of an item, such as ``"image"``.
        done: Number of items that were done before.
    """
    return items if _listener.get() is None else _tracked(items, stage, total, unit, done)


@contextmanager
def counter(*, stage: str, total: int, done: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Report the progress of a block. It gets a function to call for each finished item, with the number of failures so far.

    Args:
        stage: What is being done.
        total: Number of items.
        done: Number of items that were done before.
        unit: Name of an item, such as ``"image"``.
    """
    listener = _listener.get() or _ignore
    finished = done

    def count(failures: int) -> None:
        nonlocal finished
        finished += 1
        listener(Progress(stage, finished, total, unit, failures))

    try:
        listener(Progress(stage, done, total, unit))
        yield count
    finally:
        if isinstance(listener, (_Bars, _StageLines)):
            listener.close(stage)  # A stage may end before all is done.


def _tracked(items: Iterable[_Item], stage: str, total: int, unit: str, done: int) -> Iterator[_Item]:
    with counter(stage=stage, total=total, done=done, unit=unit) as count:
        for item in items:
            yield item
            count(0)


def _ignore(_: Progress) -> None:
    """Listen to nothing."""


@contextmanager
def _listening(listener: Listener) -> Iterator[None]:
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def _bars(*, always: bool) -> Iterator[None]:
    bars = _Bars(always=always)
    try:
        with _listening(bars):
            yield
    finally:
        bars.close()


LINE_EVERY = 30.0
"""Seconds between two lines of `Lines`."""


class Lines:
    """Lines on standard error now and then, where there is no terminal for a progress bar, such as in a log.

    Quick work prints none: the first line comes after `LINE_EVERY` seconds.
    """

    def __init__(self) -> None:
        self._due = float("inf") if _is_terminal() else monotonic() + LINE_EVERY

    def tell(self, line: str) -> None:
        """Print a line if it is time for one."""
        if monotonic() < self._due:
            return
        self._due = monotonic() + LINE_EVERY
        with contextlib.suppress(OSError, ValueError):  # Long work does not end because nobody reads its log any more.
            print(f"promptseg: {line}", file=sys.stderr, flush=True)


class _StageLines:
    """`Lines` that name all stages at work, the outer ones first."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._stages: dict[str, Progress] = {}

    def __call__(self, progress: Progress) -> None:
        self._stages[progress.stage] = progress
        self._lines.tell("; ".join(map(_described, self._stages.values())))

    def close(self, stage: str) -> None:
        """Name a stage no more."""
        self._stages.pop(stage, None)


def _described(progress: Progress) -> str:
    plural = progress.unit + ("es" if progress.unit.endswith("ch") else "s")
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"{progress.stage}: {progress.done} of {number_of(progress.total, progress.unit, plural)}{failed}"


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


class _Bars:
    """A progress bar for each stage at work, with speed and remaining time. Those of the parts of an item are below that of the items.

    Args:
        always: Show them even if standard error is not a terminal.
    """

    def __init__(self, *, always: bool) -> None:
        self._disable = False if always else None  # None: disabled if standard error is not a terminal.
        self._bars: dict[str, tqdm[NoReturn]] = {}

    def __call__(self, progress: Progress) -> None:
        bar = self._bars.get(progress.stage)
        if bar is None:
            bar = self._bars[progress.stage] = tqdm(
                desc=progress.stage,
                total=progress.total,
                initial=progress.done,
                unit=progress.unit,
                leave=False,
                disable=self._disable,
                smoothing=0.05,
            )
        if progress.failed:
            bar.set_postfix(failed=progress.failed, refresh=False)
        bar.update(progress.done - bar.n)

    def close(self, stage: str | None = None) -> None:
        """Remove the bar of a stage, or all."""
        for name in [stage] if stage is not None else list(self._bars):
            if name in self._bars:
                self._bars.pop(name).close()
