"""torch on one thread: for whole batches on threads of their own, which keep processors busier than threads within each small operation.

torch has one setting for the process. The OpenMP beneath it has one for each thread, which is what is set here, and put back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
from threadpoolctl import ThreadpoolController


def workers() -> int:
    """How many threads may compute side by side, each in `one_thread`: as many as torch would use for one operation."""
    return torch.get_num_threads() if _openmp() else 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block torch computes on the calling thread alone. Other threads go on as they were."""
    torch.get_num_threads()  # A thread's count is set when torch is first used in it, and must not be afterwards.
    with _openmp().limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _openmp() -> ThreadpoolController:
    """The OpenMP libraries of this process; of length 0 where torch has threads of another kind."""
    return ThreadpoolController().select(user_api="openmp")
