"""`Bodies`: limits of what a request may send, and of the time that it may take."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import RefusedError, TooLargeError

SLOWEST = 1 << 16
"""Least number of bytes that come in the maximum time between two pieces, so that nobody sends a byte at a time."""


class SlowError(RefusedError):
    """A body that comes too slowly."""

    status, title = 408, "Too slow"


class EncodedError(RefusedError):
    """A body that is compressed."""

    status, title = 415, "Another kind of body"


class Bodies:
    """Layer that refuses bodies that are too large, come too slowly, or are compressed.

    Args:
        app: The layers inside.
        limit: Returns the maximum number of bytes for a path.
        seconds: Maximum time between two pieces of a body, and for each `SLOWEST` bytes of it.
    """

    def __init__(self, app: ASGIApp, limit: Callable[[str], int], seconds: float) -> None:
        self._app, self._limit, self._seconds = app, limit, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most, headers = self._limit(scope["path"]), Headers(scope=scope)
        coding = headers.get("content-encoding", "").strip().lower()
        if coding not in ("", "identity"):
            raise EncodedError(f"this server reads no compressed bodies (Content-Encoding: {coding[:20]}): send it as it is")
        stated = headers.get("content-length")
        if stated is not None and (not _LENGTH.fullmatch(stated) or int(stated) > most):
            raise TooLargeError(f"a request has at most {most} bytes here")
        taken, complete, started = 0, False, time.monotonic()

        async def bounded() -> Message:
            nonlocal taken, complete
            if complete:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._seconds)
            except asyncio.TimeoutError as error:
                raise SlowError(f"nothing came for {self._seconds:g} seconds") from error
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                complete = not message.get("more_body", False)
            if taken > most:
                raise TooLargeError(f"a request has at most {most} bytes here")
            if not complete and time.monotonic() - started > self._seconds * (1 + taken / SLOWEST):
                raise SlowError(f"a body comes with at least {SLOWEST // 1024} KiB in {self._seconds:g} seconds here")
            return message

        await self._app(scope, bounded, send)


_LENGTH = re.compile(r"[0-9]{1,18}")
