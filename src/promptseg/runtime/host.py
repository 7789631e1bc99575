"""What the machine offers to this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from .._checks import whole_number


def usable_processors() -> int:
    """How many processors this process may use, which in a container can be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count(option: object) -> int:
    """Return how many threads an option ``threads`` asks for: those of `usable_processors` for None.

    Raises:
        ConfigError: It is no whole number of at least 1.
    """
    return usable_processors() if option is None else whole_number("option threads", option, 1)


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that this process could still take before Linux would end it for them, swap included; None where the system does not say.

    Files that the system keeps in memory count as free, as they give way. A container's limit counts.

    Args:
        root: The folder that holds ``proc`` and ``sys``.
    """
    try:
        lines = (root / "proc/meminfo").read_text("ascii").splitlines()
        kibibytes = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
        available, swap = kibibytes["MemAvailable"] << 10, kibibytes.get("SwapFree", 0) << 10
    except (OSError, ValueError, LookupError):  # Not Linux, or one that tells less.
        return None
    return max(0, min([available, *_room_in_control_groups(root)])) + swap


def _room_in_control_groups(root: Path) -> Iterator[int]:
    """Bytes left under the memory limit of each control group (version 2 or 1) that this process is in."""
    for folder, limit, usage, caches in _control_groups(root):
        try:
            most, used = int((folder / limit).read_text("ascii")), int((folder / usage).read_text("ascii"))
            statistics = dict(line.split() for line in (folder / "memory.stat").read_text("ascii").splitlines())
            yield most - used + sum(int(statistics.get(name, 0)) for name in caches)
        except (OSError, ValueError):  # No such group where a container sees only a part of the tree, or "max": no limit.
            continue


def _control_groups(root: Path) -> Iterator[tuple[Path, str, str, tuple[str, ...]]]:
    """The folder of each group, with the names of its limit, of its usage, and of what in it gives way."""
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
