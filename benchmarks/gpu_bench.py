"""`Row` and `Bench` of `gpu.py`: rows of both sides, measured in turn until the time is spent."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

ROUNDS, ALLOWANCE = 5, 3.0
"""Most times that a call is measured, and the seconds after which it is not measured once more."""

SIDES = ("upstream", "ours")


@dataclass
class Row:
    """One line of the table: seconds and MiB of both sides, or the reason why there are none."""

    task: str
    model: str
    size: str
    dtype: str
    upstream: float | None = None
    ours: float | None = None
    upstream_mib: float | None = None
    ours_mib: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.upstream / self.ours if self.upstream and self.ours else None

    def __str__(self) -> str:
        def shown(value: float | None, form: str) -> str:
            return "–" if value is None else format(value, form)

        times = shown(self.upstream, ".4f"), shown(self.ours, ".4f"), shown(self.ratio, ".2f")
        return (
            f"{self.task:<11} {self.model:<22} {self.size:>9} {self.dtype:<8} {times[0]:>9} {times[1]:>9} {times[2]:>6} "
            f"{shown(self.upstream_mib, '.0f'):>8} {shown(self.ours_mib, '.0f'):>8}  {self.note}"
        )


HEAD = f"{'task':<11} {'model':<22} {'image':>9} {'dtype':<8} {'upstream':>9} {'ours':>9} {'ratio':>6} {'up MiB':>8} {'our MiB':>8}"


class Bench:
    """Rows measured on one device until the budget is spent.

    Attributes:
        rows: All rows, in the order of measurement.
        parity: Comparisons of results, by model and dtype.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.device = options, torch.device(options.device)
        self.rows: list[Row] = []
        self.parity: list[dict[str, Any]] = []
        self._started = time.perf_counter()
        self._took: dict[str, float] = {}

    def print(self, row: Row) -> None:
        """Add a row and print it."""
        self.rows.append(row)
        print(row, flush=True)

    def left(self) -> float:
        """Return the seconds that are left of the budget."""
        return self.options.budget - (time.perf_counter() - self._started)

    def fits(self, kind: str) -> bool:
        """Return whether there is time for something of a kind: as much as the longest of this kind took."""
        return self.left() > self._took.get(kind, 0.0)

    def spend(self, kind: str, call: Callable[[], Any]) -> str:
        """Make a call whose time is noted for its kind. Return why there is no result, or nothing."""
        if not self.fits(kind):
            return f"left out: the budget of {self.options.budget} s is spent"
        started = time.perf_counter()
        try:
            call()
        except Exception as error:  # Anything may be missing or fail on a device. The other rows go on.
            return reason(error)
        finally:
            self._took[kind] = max(self._took.get(kind, 0.0), time.perf_counter() - started)
        return ""

    def row(self, row: Row, sides: Callable[[], tuple[Callable[[], Any], Callable[[], Any]]], warm: Any = None, weights: Any = None) -> Row:
        """Measure both sides of a row in turn, and print it.

        Args:
            row: The row, without figures.
            sides: Function that prepares upstream's call and promptseg's, and returns them.
            warm: The same for the calls that warm up; None for the calls themselves.
            weights: Bytes of the parameters of both sides.
        """
        failed: dict[str, str] = {}

        def measure() -> None:
            calls = dict(zip(SIDES, sides(), strict=True))
            warming = calls if warm is None else dict(zip(SIDES, warm(), strict=True))
            spent = 0.0
            for turn in range(0 if self.options.quick else -1, ROUNDS):  # Turn -1 is for warming up.
                for side in [side for side in calls if side not in failed]:
                    try:
                        seconds, mib = self.timed(warming[side] if turn < 0 else calls[side])
                    except Exception as error:  # As above. The other side is measured.
                        failed[side] = f"{side}: {reason(error)}"
                        continue
                    if turn < 0:
                        continue
                    spent += seconds
                    best = getattr(row, side)
                    setattr(row, side, seconds if best is None else min(best, seconds))
                    if mib is not None:
                        held = 0.0 if weights is None else weights[side] / 2**20
                        setattr(row, f"{side}_mib", mib + held)
                if spent > ALLOWANCE or (self.options.quick and turn >= 0):
                    break

        why = self.spend(row.task, measure)
        row.note = "; ".join(part for part in (row.note, why, *failed.values()) if part)
        self.print(row)
        return row

    def timed(self, call: Callable[[], Any]) -> tuple[float, float | None]:
        """Return the seconds that a call takes until the device is done, and the MiB that it took beside what was held before."""
        held = 0
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            held = torch.cuda.memory_allocated()
        started = time.perf_counter()
        call()
        if self.device.type != "cuda":
            return time.perf_counter() - started, None
        torch.cuda.synchronize()
        return time.perf_counter() - started, (torch.cuda.max_memory_allocated() - held) / 2**20


def reason(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return f"cannot run: {type(error).__name__}: {first[:120]}"
