"""What the machine offers to this process."""

from __future__ import annotations

import os


def usable_processors() -> int:
    """How many processors this process may use, which in a container can be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
