"""Errors as answers: problem details in JSON (RFC 9457), without paths, tokens or traces."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import JSONResponse

from ..errors import (
    BackendError,
    ConfigError,
    InputError,
    MissingDependencyError,
    OutOfMemoryError,
    OutputError,
    PromptError,
    PromptSegError,
    UnknownModelError,
    WeightsError,
)
from .errors import RefusedError
from .messages import TELLING, message_of

_log = logging.getLogger(__name__)

_STATUSES: tuple[tuple[type[PromptSegError], int, str], ...] = (
    (UnknownModelError, 404, "Not found"),
    (PromptError, 422, "The prompt cannot be used"),
    (InputError, 422, "The input cannot be read"),
    (ConfigError, 422, "This does not fit together"),
    (OutOfMemoryError, 507, "Not enough memory"),
    (OutputError, 507, "The result cannot be kept"),
    (MissingDependencyError, 501, "Not installed here"),
    (WeightsError, 503, "The model is not available"),
    (BackendError, 502, "The model failed"),
)
"""Status and title of each kind of error."""


def status_of(error: PromptSegError) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, RefusedError):
        return error.status
    return next((status for kind, status, _ in _STATUSES if isinstance(error, kind)), 500)


def problem(error: PromptSegError, request_id: str = "") -> JSONResponse:
    """Return an error as an answer."""
    title = error.title if isinstance(error, RefusedError) else next((title for kind, _, title in _STATUSES if isinstance(error, kind)), "")
    status, detail, headers = refusal(error, request_id)
    return of_status(status, title or "The server failed", detail, request_id, headers)


def refusal(error: PromptSegError, request_id: str = "") -> tuple[int, str, dict[str, str]]:
    """Return the status, message and further headers of the answer that an error becomes. What only the log may tell is logged."""
    if isinstance(error, TELLING):
        _log.error("request %s: %s", request_id, error, exc_info=error)
    return status_of(error), message_of(error), error.headers if isinstance(error, RefusedError) else {}


def of_status(status: int, title: str, detail: str, request_id: str = "", headers: dict[str, str] | None = None) -> JSONResponse:
    """Return a problem as an answer."""
    content = {"type": "about:blank", "status": status, "title": title, "detail": detail, "request_id": request_id}
    return JSONResponse(content, status, headers, media_type="application/problem+json")


def request_id(request: Request) -> str:
    """Return the id of a request."""
    return str(request.scope.get("state", {}).get("request_id", ""))
