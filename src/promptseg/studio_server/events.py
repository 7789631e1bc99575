"""`Events`: what happens in a project, told to all open pages by server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that both sides notice a lost connection."""

MAX_WAITING = 10_000
"""Number of events that may wait for a page. The connection of one that is further behind ends; it connects again and asks for all."""


class Events:
    """Events of a project. Any thread may publish them; each page listens on the event loop of the server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[_Listener] = set()
        self._closed = False

    def publish(self, event: Mapping[str, Any]) -> None:
        """Tell all pages an event: JSON values with a ``type``."""
        content = f"data: {json.dumps(event)}\n\n".encode()
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.tell(content)

    def close(self) -> None:
        """End all connections, so that the server can stop."""
        with self._lock:
            self._closed = True
            listeners = list(self._listeners)
        for listener in listeners:
            listener.tell(None)

    async def listen(self) -> AsyncIterator[bytes]:
        """Yield the events from now on, as they stand in a stream of server-sent events."""
        listener = _Listener(asyncio.get_running_loop())
        with self._lock:
            if self._closed:
                return
            self._listeners.add(listener)
        try:
            yield b": connected\n\n"
            while (content := await listener.next()) is not None:
                yield content
        finally:
            with self._lock:
                self._listeners.discard(listener)


class _Listener:
    """Events that wait for one page."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()

    def tell(self, content: bytes | None) -> None:
        with contextlib.suppress(RuntimeError):  # The loop has ended, and with it the page's connection.
            self._loop.call_soon_threadsafe(self._put, content)

    async def next(self) -> bytes | None:
        """Return the next events, a heartbeat where there are none, or None where the connection ends."""
        try:
            return await asyncio.wait_for(self._waiting.get(), HEARTBEAT)
        except asyncio.TimeoutError:
            return b": heartbeat\n\n"

    def _put(self, content: bytes | None) -> None:
        if self._waiting.qsize() >= MAX_WAITING:
            while not self._waiting.empty():
                self._waiting.get_nowait()
            content = None
        self._waiting.put_nowait(content)
