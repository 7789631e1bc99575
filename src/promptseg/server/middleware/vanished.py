"""`Vanished`: cancels the work for a client that has gone away."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Vanished:
    """Layer that goes on listening behind the body of a request, and cancels the answer when the client is gone.

    Args:
        app: The layers inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watching: asyncio.Task[None] | None = None
        gone = asyncio.Event()
        finished = False

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()
            if not finished:
                answering.cancel()

        async def read() -> Message:
            nonlocal watching
            if watching is not None:  # The body is complete. Whoever asks now waits for the client to leave.
                await gone.wait()
                return {"type": "http.disconnect"}
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                watching = asyncio.create_task(watch())
            return message

        async def tell(message: Message) -> None:
            nonlocal finished
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                finished = True
            await send(message)

        answering: asyncio.Future[None] = asyncio.ensure_future(self._app(scope, read, tell))
        try:
            await asyncio.wait({answering})
        finally:
            answering.cancel()
            if watching is not None:
                watching.cancel()
        with contextlib.suppress(asyncio.CancelledError, ClientDisconnect):  # The client is gone: nobody waits for an answer.
            answering.result()
