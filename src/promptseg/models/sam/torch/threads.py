"""torch on one thread: for whole batches on threads of their own, which keep processors busier than threads within each small operation.

torch has one setting for the process. OpenMP and MKL beneath it have one for each thread, which is what is set here, and put back. MKL goes
by that of OpenMP until a program has called ``torch.set_num_threads``; from then on torch gives every thread a number for MKL, too.
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
    """Does a job on each part, in any order, and returns when all are done."""

    def __call__(self, job: Callable[[_Part, Workspace], None], parts: Sequence[_Part]) -> None:
        """The job is called with a part and with a workspace that no other thread uses meanwhile."""
        ...


def workers() -> int:
    """How many threads may compute side by side, each in `one_thread`: as many as torch would use for one operation."""
    return torch.get_num_threads() if _openmp() else 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block torch computes on the calling thread alone. Other threads go on as they were."""
    torch.get_num_threads()  # A thread's count is set when torch is first used in it, and must not be afterwards.
    set_mkl = _mkl()
    with _openmp().limit(limits=1):
        before = set_mkl(1)
        try:
            yield
        finally:
            set_mkl(before)


@contextmanager
def worker_pool(device: torch.device) -> Iterator[ForEach]:
    """Shares out parts of a computation: on a CPU among threads of one processor each, elsewhere one part after the other."""
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
    """The OpenMP libraries of this process; of length 0 where torch has threads of another kind."""
    return ThreadpoolController().select(user_api="openmp")


@lru_cache(maxsize=1)
def _mkl() -> Callable[[int], int]:
    """MKL's function that sets the number of the calling thread and returns what it was, 0 for none. Does nothing where there is no MKL."""
    for name in ("libtorch_cpu.so", "torch_cpu.dll", "libtorch_cpu.dylib"):
        path = Path(torch.__file__).parent / "lib" / name
        if path.is_file():
            found: Callable[[int], int] | None = getattr(ctypes.CDLL(str(path)), "MKL_Set_Num_Threads_Local", None)
            if found is not None:
                return found
    return lambda _: 0
