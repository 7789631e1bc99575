"""Shared parts of the benchmarks: arguments, upstream's model, alternating timing, and ratios."""

from __future__ import annotations

import argparse
import os
import re
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
UPSTREAM_AND_OURS = ("upstream", "promptseg")


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark."""
    arguments = argparse.ArgumentParser(description=description)
    default = Path(__file__).resolve().parents[2] / "shared"
    arguments.add_argument("--shared", type=Path, default=default, help="folder with data/ and weights/")
    return arguments


def image_argument(arguments: argparse.ArgumentParser) -> None:
    """Add ``--image``."""
    arguments.add_argument("--image", type=Path, help="image to use (default: data/sam_images/truck.jpg of the shared folder, 1800 x 1200)")


def chosen_image(options: argparse.Namespace) -> np.ndarray:
    """Return the chosen image, (H, W, 3) uint8 RGB."""
    from promptseg import load_image

    return load_image(options.image or options.shared / "data" / "sam_images" / "truck.jpg")


def upstream_model(options: argparse.Namespace) -> Any:
    """Return vit_t of package mobile_sam with the weights of mini-sam, on all processors of this process."""
    import torch

    torch.set_num_threads(THREADS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mobile_sam import sam_model_registry

        model = sam_model_registry["vit_t"](str(options.shared / "weights" / "minisam" / "mobile_sam.pt"))
    return model.eval()  # Once more: it caches attention biases when it is called, and the registry calls it before loading.


def upstream_predictor(options: argparse.Namespace) -> Any:
    """Return mobile_sam's ``SamPredictor`` of that model."""
    from mobile_sam import SamPredictor

    return SamPredictor(upstream_model(options))


def peak_mib() -> float:
    """Return the peak memory of this process in MiB. On Linux, `getrusage` of a child process would tell that of its parent."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text("ascii"))[1]) / 1024  # type: ignore[index]  # Each process has it.
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def seconds(call: Callable[[], Any]) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def compare(
    name: str, first: Callable[[], Any], second: Callable[[], Any], rounds: int, sides: tuple[str, str] = UPSTREAM_AND_OURS
) -> float:
    """Runs two calls in turn, after one warm-up each, and prints the medians by the clock and of processor time.

    Returns:
        The median of the first call by the clock, in seconds.
    """
    first(), second()
    clocks = {"by the clock": time.perf_counter, "processor time": time.process_time}
    measured: dict[str, list[tuple[float, float]]] = {clock: [] for clock in clocks}
    for _ in range(rounds):
        started = [clock() for clock in clocks.values()]
        first()
        between = [clock() for clock in clocks.values()]
        second()
        ended = [clock() for clock in clocks.values()]
        for clock, a, b, c in zip(clocks, started, between, ended, strict=True):
            measured[clock].append((b - a, c - b))
    for clock, pairs in measured.items():
        one, other = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        report(f"{name}, {clock}", one, other, statistics.median(a / b for a, b in pairs), sides=sides)
    return statistics.median(one for one, _ in measured["by the clock"])


def report(name: str, first: float, second: float, ratio: float, unit: str = "s", sides: tuple[str, str] = UPSTREAM_AND_OURS) -> None:
    """Print one line with both figures and their ratio."""
    print(f"{name}: {sides[0]} {first:.3g} {unit}, {sides[1]} {second:.3g} {unit}, ratio {ratio:.2f}", flush=True)
