"""Whole parts of the work on threads, one each. On a CPU that is faster than several threads within each small operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Done = TypeVar("_Done")


def in_parallel(compute: Callable[[_Item], _Done], items: Sequence[_Item], workers: int) -> Iterator[_Done]:
    """Yield the results of all items in their order, computed by so many threads; by the calling thread if one is enough."""
    if min(workers, len(items)) <= 1:
        yield from map(compute, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(compute, items)
