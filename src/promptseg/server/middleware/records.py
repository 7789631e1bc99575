"""`Records`: an id for each request, a line of JSON in the log, metrics, and an answer for what nobody else caught."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...errors import PromptSegError
from ..metrics import Metrics
from ..problems import of_status, problem

_log = logging.getLogger("promptseg.server.requests")


class Records:
    """Outermost layer of the server.

    Args:
        app: The layers inside.
        metrics: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        name = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = name
        started, status = time.perf_counter(), 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = name
                headers.setdefault("Cache-Control", "no-store")
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        try:
            await self._app(scope, receive, tell)
        except PromptSegError as error:
            if not status:
                await problem(error, name)(scope, receive, tell)
        except Exception:
            _log.exception("request %s failed", name)
            if not status:
                await of_status(500, "The server failed", "the log of the server says more", name)(scope, receive, tell)
        finally:
            self._record(scope, name, status, time.perf_counter() - started)

    def _record(self, scope: Scope, name: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "")
        self._metrics.request(scope["method"], route, status, seconds)
        client: Any = scope.get("client")
        line = {
            "id": name,
            "method": scope["method"],
            "path": scope["path"][:200],
            "status": status or "gone",
            "ms": round(seconds * 1000, 1),
            "client": client[0] if client else None,
        }
        _log.info(json.dumps(line, ensure_ascii=True))


_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
