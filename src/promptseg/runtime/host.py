"""CPU cores and memory that this process may use, and the kinds of arithmetic that its processor has."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from .._checks import whole_number


def usable_processors() -> int:
    """Return how many processors this process may use. In a container these can be fewer than the host has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count(option: object) -> int:
    """Return the number of threads for an option ``threads``: its value, or that of `usable_processors` for None.

    Raises:
        ConfigError: The option is not a whole number of at least 1.
    """
    return usable_processors() if option is None else whole_number("option threads", option, 1)


_ARITHMETIC = {
    "bfloat16": {"avx512_bf16", "amx_bf16", "bf16"},
    "float16": {"avx512_fp16", "amx_fp16", "asimdhp"},
    "int8": {"avx512_vnni", "avx_vnni", "asimddp"},
}
"""Instruction sets of products in a number type, as Linux writes them for x86 and ARM. One of them is enough."""


def has_arithmetic(dtype: str, root: Path = Path("/")) -> bool | None:
    """Return whether the processor multiplies matrices in a number type faster than in float32, or None if unknown.

    Only Linux lists the instruction sets of its processor in a file.

    Args:
        dtype: ``"bfloat16"``, ``"float16"`` or ``"int8"`` (VNNI on x86).
        root: The folder with ``proc``.
    """
    try:
        with (root / "proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            text = file.read(_CPUINFO_CHARACTERS)
    except OSError:
        return None
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):  # x86, ARM
            return not _ARITHMETIC[dtype].isdisjoint(value.split())
    return None


_CPUINFO_CHARACTERS = 1 << 16
"""Number of characters that hold at least the first processor. All processors of a host have the same instruction sets."""


def processor_name(root: Path = Path("/")) -> str:
    """Return the name of the processor, as Linux has it, or what Python knows of it.

    Args:
        root: The folder with ``proc``.
    """
    try:
        with (root / "proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_CPUINFO_CHARACTERS).splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name" and value.strip():
            return value.strip()[:200]
    return platform.processor() or platform.machine() or "unknown"


def available_memory(root: Path = Path("/")) -> int | None:
    """Return how many bytes this process can still allocate before Linux kills it, swap included, or None if unknown.

    File caches count as free. A container's memory limit counts.

    Args:
        root: The folder with ``proc`` and ``sys``.
    """
    try:
        lines = (root / "proc/meminfo").read_text("ascii").splitlines()
        kibibytes = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
        available, swap = kibibytes["MemAvailable"] << 10, kibibytes.get("SwapFree", 0) << 10
    except (OSError, ValueError, LookupError):  # Not Linux, or a kernel without these fields.
        return None
    return max(0, min([available, *_room_in_control_groups(root)])) + swap


def _room_in_control_groups(root: Path) -> Iterator[int]:
    """Yield the bytes left under the memory limit of each control group (version 2 or 1) of this process."""
    for folder, limit, usage, caches in _control_groups(root):
        try:
            most, used = int((folder / limit).read_text("ascii")), int((folder / usage).read_text("ascii"))
            statistics = dict(line.split() for line in (folder / "memory.stat").read_text("ascii").splitlines())
            yield most - used + sum(int(statistics.get(name, 0)) for name in caches)
        except (OSError, ValueError):  # A container may not see the group, and "max" means no limit.
            continue


def _control_groups(root: Path) -> Iterator[tuple[Path, str, str, tuple[str, ...]]]:
    """Yield the folder of each control group, and the names of its limit, its usage and its file caches."""
    try:
        lines = (root / "proc/self/cgroup").read_text("utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        relative = PurePosixPath(path.lstrip("/"))
        for part in (relative, *relative.parents):
            if not controllers:
                folder = root / "sys/fs/cgroup" / part
                yield folder, "memory.max", "memory.current", ("active_file", "inactive_file")
            elif "memory" in controllers.split(","):
                folder = root / "sys/fs/cgroup/memory" / part
                yield folder, "memory.limit_in_bytes", "memory.usage_in_bytes", ("total_active_file", "total_inactive_file")
