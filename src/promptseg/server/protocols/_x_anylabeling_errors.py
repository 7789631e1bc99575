"""Errors in the form that clients of X-AnyLabeling's server know, with the status that says what is wrong.

The tool takes no notice of an error with status 200. It shows its user the status of others.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from ...errors import InputError, PromptError, PromptSegError
from ..messages import message_of
from ..problems import problem, request_id, status_of


class ToldRoute(APIRoute):
    """A route whose errors are ``{"success": false, "error": {"code", "message"}}``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except PromptSegError as error:
                answer = problem(error, request_id(request))
                waiting = {"Retry-After": answer.headers["Retry-After"]} if "Retry-After" in answer.headers else None
                code = code_of(error, "SESSION" if "/video/" in request.url.path else "MODEL")
                content = {"success": False, "error": {"code": code, "message": message_of(error)}}
                return JSONResponse(content, answer.status_code, waiting)

        return told


def code_of(error: PromptSegError, missing: str = "MODEL") -> str:
    """Return the code of an error.

    Args:
        error: The error.
        missing: What is missing if it says so.
    """
    status = status_of(error)
    if status == 404:
        return f"{missing}_NOT_FOUND"
    if status in (429, 503):
        return "QUEUE_FULL"
    if isinstance(error, InputError) and not isinstance(error, PromptError):
        return "INVALID_IMAGE"
    return "INFERENCE_ERROR" if status >= 500 else "INVALID_REQUEST"
