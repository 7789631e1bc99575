"""Runner of fuzz targets: inputs run in worker processes with limits on time and memory. Every fault is recorded with its number."""

from __future__ import annotations

import faulthandler
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from ...errors import PromptSegError
from .mutators import ESCAPE

Outcome = Literal["read", "refused"]
FaultKind = Literal["exception", "crash", "hang", "memory", "escape"]

HANG_SECONDS = 20.0
"""Seconds of processor time after which an input counts as a hang. On a busy machine they are many more seconds of the clock."""

WAIT_SECONDS = 300.0
"""Seconds of the clock after which an input counts as a hang, because it waits for something."""

MEMORY = 1 << 30
"""Bytes by which an input may raise the peak memory of its process."""


@dataclass(frozen=True)
class Target:
    """A reader and the inputs to try it with.

    Attributes:
        name: Name of the target.
        make: Function that returns the files of one input, by their relative paths, from a generator.
        read: Function that reads the input from its folder. It may raise exceptions of promptseg alone.
        prepare: Function that writes files to the folder that are the same for all inputs, such as images.
        share: Share of the inputs of a run, relative to other targets. Slow targets have less than 1.
    """

    name: str
    make: Callable[[random.Random], Mapping[str, bytes]]
    read: Callable[[Path], object]
    prepare: Callable[[Path], None] | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Fault:
    """An input that was neither read nor refused.

    Attributes:
        target: Name of the target.
        index: Number of the input.
        kind: ``"exception"`` (one that is not of promptseg), ``"crash"``, ``"hang"``, ``"memory"`` or ``"escape"`` (a file was written
            outside of the input's folder).
        message: What happened.
    """

    target: str
    index: int
    kind: FaultKind
    message: str


@dataclass
class FuzzReport:
    """Counts of a run.

    Attributes:
        seed: Seed of the run.
        read: Number of inputs that were read, by target.
        refused: Number of inputs that were refused with an exception of promptseg, by target.
        faults: The faults.
        seconds: Duration of the run.
    """

    seed: int
    read: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def inputs(self) -> int:
        """Number of inputs that were run."""
        return self.read.total() + self.refused.total() + len(self.faults)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return {
            "seed": self.seed,
            "inputs": self.inputs,
            "read": dict(self.read),
            "refused": dict(self.refused),
            "faults": [asdict(fault) for fault in self.faults],
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        """Return the report as a table with the faults below."""
        names = sorted({*self.read, *self.refused, *(fault.target for fault in self.faults)})
        failed = Counter(fault.target for fault in self.faults)
        lines = [f"{'target':24} {'inputs':>9} {'read':>9} {'refused':>9} {'faults':>7}"]
        for name in names:
            total = self.read[name] + self.refused[name] + failed[name]
            lines.append(f"{name:24} {total:9} {self.read[name]:9} {self.refused[name]:9} {failed[name]:7}")
        read, refused = self.read.total(), self.refused.total()
        lines.append(f"{'all':24} {self.inputs:9} {read:9} {refused:9} {len(self.faults):7}")
        seen: Counter[tuple[str, str]] = Counter()
        for fault in self.faults:
            seen[fault.target, fault.message] += 1
            if seen[fault.target, fault.message] == 1:
                lines.append(f"{fault.target} {fault.index}: {fault.kind}: {fault.message}")
        return "\n".join(lines)


def generator(seed: int, target: str, index: int) -> random.Random:
    """Return the generator of one input. It depends on nothing else, so that an input can be made again alone."""
    return random.Random(f"{seed} {target} {index}")  # noqa: S311 - Inputs must be repeatable, not secret.


def run_one(target: Target, seed: int, index: int, folder: Path) -> Outcome:
    """Make one input in a folder and read it there, in this process.

    Args:
        target: The target.
        seed: Seed of the run.
        index: Number of the input.
        folder: The folder, which `Target.prepare` has prepared.

    Returns:
        ``"read"`` or ``"refused"``.

    Raises:
        Exception: The exception of the reader, when it is none of promptseg.
    """
    files = target.make(generator(seed, target.name, index))
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.read(folder)
    except PromptSegError:
        return "refused"
    return "read"


def fuzz(
    targets: Sequence[Target],
    count: int,
    *,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> FuzzReport:
    """Run inputs of each target in worker processes.

    A worker that crashes or hangs is replaced, and the run goes on with the next input. POSIX only.

    Args:
        targets: The targets.
        count: Number of inputs of each target with a share of 1.
        seed: Seed of the inputs.
        workers: Number of processes.
        progress: Function that is told the number of finished inputs from time to time.
    """
    report, started = FuzzReport(seed), time.monotonic()
    counts = [max(1, round(count * target.share)) for target in targets]
    blocks = [(number, first, min(first + _BLOCK, own)) for number, own in enumerate(counts) for first in range(0, own, _BLOCK)]
    # All targets are tried early.
    waiting = sorted(blocks, key=lambda block: (block[1], block[0]), reverse=True)
    running: list[_Worker] = []
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(_Worker(targets, seed, waiting.pop()))
            for worker in list(running):
                rest = worker.poll(report)
                if rest is not None:
                    running.remove(worker)
                    worker.close()
                    if rest:
                        waiting.append((worker.block[0], *rest))
            if progress is not None:
                progress(report.inputs)
    finally:
        for worker in running:
            worker.close()
    report.faults.sort(key=lambda fault: (fault.target, fault.index))
    report.seconds = time.monotonic() - started
    return report


_BLOCK = 500
"""Number of inputs that a worker runs before its results are collected and its folder is made anew."""


class _Worker:
    """A process that runs one block of inputs. It tells each number before it begins, so that a crash has a name."""

    def __init__(self, targets: Sequence[Target], seed: int, block: tuple[int, int, int]) -> None:
        self.block, self.target = block, targets[block[0]]
        # A fork is cheap, and has the targets with their functions.
        context = multiprocessing.get_context("fork")
        self._from, to = context.Pipe(duplex=False)
        self._process = context.Process(target=_run_block, args=(self.target, seed, block[1], block[2], to), daemon=True)
        self._process.start()
        to.close()
        self._index, self._seen = block[1], time.monotonic()

    def poll(self, report: FuzzReport) -> tuple[int, int] | tuple[()] | None:
        """Collect what the process tells. Return what is left of its block when it has ended, ``()`` for nothing, or None while it runs."""
        if self._from.poll(0.05):
            try:
                message = self._from.recv()
            except (EOFError, OSError):
                if (status := self._exit_code()) == -signal.SIGPROF:
                    return self._ended(report, "hang", f"it took more than {HANG_SECONDS:g} seconds of processor time")
                return self._ended(report, "crash", f"the process ended with status {status}")
            self._seen = time.monotonic()
            if message[0] == "done":
                report.read[self.target.name] += message[1]
                report.refused[self.target.name] += message[2]
                return ()
            if message[0] == "fault":
                report.faults.append(Fault(self.target.name, message[1], message[2], message[3]))
            elif message[0] == "counts":
                report.read[self.target.name] += message[1]
                report.refused[self.target.name] += message[2]
            self._index = message[-1]
        elif time.monotonic() - self._seen > WAIT_SECONDS:
            return self._ended(report, "hang", f"it took more than {WAIT_SECONDS:g} seconds")
        return None

    def close(self) -> None:
        """End the process."""
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._from.close()

    def _ended(self, report: FuzzReport, kind: FaultKind, message: str) -> tuple[int, int] | tuple[()]:
        report.faults.append(Fault(self.target.name, self._index, kind, message))
        return (self._index + 1, self.block[2]) if self._index + 1 < self.block[2] else ()

    def _exit_code(self) -> int | None:
        self._process.join(5)
        return self._process.exitcode


def _run_block(target: Target, seed: int, first: int, stop: int, to: Connection) -> None:
    """Run a block of inputs in this process and tell the outcomes. The number before each input is told first."""
    faulthandler.disable()  # A crash is reported by the parent.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # It ends the process when the timer below is up.
    with open(os.devnull, "w") as nothing:  # noqa: PTH123 - Libraries in C print what they find.
        os.dup2(nothing.fileno(), 2)
    counts: Counter[str] = Counter()
    with _sandbox(target) as folder:
        for index in range(first, stop):
            to.send(("counts", counts["read"], counts["refused"], index))
            counts.clear()
            signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS)
            before = _peak()
            try:
                counts[run_one(target, seed, index, folder)] += 1
            except MemoryError:
                to.send(("fault", index, "memory", "MemoryError", index))
            except Exception as error:
                to.send(("fault", index, "exception", _described(error), index))
            if (grown := _peak() - before) > MEMORY:
                to.send(("fault", index, "memory", f"{grown >> 20} MB", index))
            escaped = [path for path in (Path(ESCAPE), *folder.parent.iterdir()) if path != folder and path.exists()]
            if escaped:
                to.send(("fault", index, "escape", f"it wrote {escaped[0].name} outside of its folder", index))
                for path in escaped:
                    _remove(path)
    signal.setitimer(signal.ITIMER_PROF, 0)
    to.send(("done", counts["read"], counts["refused"], stop))


@contextmanager
def _sandbox(target: Target) -> Iterator[Path]:
    """Make the folder of a block, and enter it so that relative paths of an input stay inside."""
    memory = Path("/dev/shm")  # noqa: S108 - The folder in it is made by tempfile.
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="promptseg-fuzz-") as outer:
        folder = Path(outer) / "input"
        folder.mkdir()
        os.chdir(folder)
        if target.prepare is not None:
            target.prepare(folder)
        yield folder
        os.chdir("/")


def _remove(path: Path) -> None:
    with suppress(OSError):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _described(error: Exception) -> str:
    """Return an exception with the line of promptseg that raised or passed it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if f"{os.sep}promptseg{os.sep}" in frame.filename]
    own = [frame for frame in frames if f"{os.sep}fuzzing{os.sep}" not in frame.filename]
    place = f" at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    return f"{type(error).__name__}{place}: {str(error)[:120]!r}"


def _peak() -> int:
    """Return the peak memory of this process in bytes."""
    import resource  # POSIX only, as the runner is.

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def write_report(report: FuzzReport, path: Path) -> None:
    """Write a report as JSON."""
    path.write_text(json.dumps(report.to_dict(), indent=1) + "\n", "utf-8")
