"""What the routes of the API share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from ..service import Service
from .schemas import ProblemOut

_PROBLEMS = {
    400: "The request cannot be read.",
    401: "The token is missing or wrong.",
    403: "The server does not allow it.",
    404: "There is no such thing, or no longer.",
    405: "The method does not exist here.",
    406: "There is no such kind of answer.",
    408: "The request came too slowly.",
    409: "It is not possible now.",
    413: "The request is too large.",
    415: "The body is of another kind.",
    422: "The request cannot be used.",
    429: "Too many requests: `Retry-After` says when to try again.",
    501: "A package is not installed on the server.",
    502: "The model failed.",
    503: "The server is not ready.",
    507: "There is no memory or space.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that may answer with these problems, besides those that every route has."""
    known = sorted({400, 401, 403, 408, 413, 415, 429, 503, *statuses})
    content = {"application/problem+json": {"schema": ProblemOut.model_json_schema()}}
    return {status: {"description": _PROBLEMS[status], "content": content} for status in known}


def service_of(request: Request) -> Service:
    """Return the service of the application."""
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(service_of)]
