"""The thread in which the functions of a project are called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

_Parameters = ParamSpec("_Parameters")
_Value = TypeVar("_Value")


def project_thread() -> ThreadPoolExecutor:
    """Return a thread for a project. Its changes wait for the disk one after another in any case, and never for an image."""
    return ThreadPoolExecutor(1, "promptseg-project")


class WithProjectThread:
    """What has a project with a thread of its own.

    Attributes:
        threads: The thread.
    """

    threads: ThreadPoolExecutor

    async def do(self, function: Callable[_Parameters, _Value], *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Value:
        """Return what a function of the project returns, called beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, lambda: function(*args, **kwargs))
