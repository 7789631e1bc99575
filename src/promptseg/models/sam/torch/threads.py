"""Single-threaded torch computation within Python threads.

Several Python threads with a batch each use the processors better than torch's own threads within each small operation. torch has one
thread count for the whole process. OpenMP and MKL below it have one for each thread, which is set here and restored. MKL uses the count of
OpenMP until a program calls ``torch.set_num_threads``. From then on torch sets a count for MKL in every thread.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from threadpoolctl import ThreadpoolController

from .workspace import Workspace

_Part = TypeVar("_Part")


class ForEach(Protocol):
    """Function that calls a job for each of several parts, in any order, and returns when all are done."""

    def __call__(self, job: Callable[[_Part, Workspace], None], parts: Sequence[_Part]) -> None:
        """Call the job with each part and with a workspace that no other thread uses at the same time."""
        ...


def workers() -> int:
    """Return how many threads should compute at the same time, each in `one_thread`: as many as torch uses for one operation."""
    return torch.get_num_threads() if _openmp() else 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit torch to the calling thread within the block. Other threads are not affected."""
    torch.get_num_threads()  # The first use of torch in a thread sets the thread's count. Used later, it would undo the limit.
    set_mkl = _mkl()
    with _openmp().limit(limits=1):
        before = set_mkl(1)
        try:
            yield
        finally:
            set_mkl(before)


@contextmanager
def worker_pool(device: torch.device) -> Iterator[ForEach]:
    """Yield a function that distributes parts of a computation.

    On a CPU, parts run on several threads, each limited to one processor. On other devices they run one after the other.
    """
    count = workers() if device.type == "cpu" and not torch.compiler.is_compiling() else 1
    if count == 1:
        workspace = Workspace()

        def in_turn(job: Callable[[_Part, Workspace], None], parts: Sequence[_Part]) -> None:
            for part in parts:
                job(part, workspace)

        yield in_turn
        return
    inference, own = torch.is_inference_mode_enabled(), threading.local()

    def shared_out(job: Callable[[_Part, Workspace], None], parts: Sequence[_Part]) -> None:
        def do(part: _Part) -> None:
            if not hasattr(own, "workspace"):
                own.workspace = Workspace()
            with torch.inference_mode(inference), one_thread():
                job(part, own.workspace)

        list(pool.map(do, parts))

    with ThreadPoolExecutor(count) as pool:
        yield shared_out


@lru_cache(maxsize=1)
def _openmp() -> ThreadpoolController:
    """Return the OpenMP libraries of this process; empty if torch uses another kind of threads."""
    return ThreadpoolController().select(user_api="openmp")


@lru_cache(maxsize=1)
def _mkl() -> Callable[[int], int]:
    """Return MKL's function that sets the thread count of the calling thread and returns the previous one, 0 for none.

    Without MKL, return a function that does nothing.
    """
    for name in ("libtorch_cpu.so", "torch_cpu.dll", "libtorch_cpu.dylib"):
        path = Path(torch.__file__).parent / "lib" / name
        if path.is_file():
            found: Callable[[int], int] | None = getattr(ctypes.CDLL(str(path)), "MKL_Set_Num_Threads_Local", None)
            if found is not None:
                return found
    return lambda _: 0
