"""The answer to a change: what came of it, or the objects as they are where others changed the same."""

from __future__ import annotations

from collections.abc import Awaitable

from fastapi import Request
from starlette.responses import JSONResponse, Response

from ...server.problems import refusal, request_id
from ...server.service import Service
from ..changes import Changed, ChangedByOthersError
from ..state import json_bytes
from .schemas import document_values


def changed_bytes(changed: Changed) -> bytes:
    """Return what a change led to as JSON."""
    return json_bytes({"version": changed.version, "document": None if changed.document is None else document_values(changed.document)})


async def changed_or_refused(change: Awaitable[bytes], service: Service, request: Request) -> Response:
    """Return the answer to a change that runs.

    Where others changed the same objects, it is a problem with status 409 and the objects as they are.
    """
    try:
        return Response(await change, media_type="application/json")
    except ChangedByOthersError as error:
        status, detail, _ = refusal(error)
        told = {"type": "about:blank", "status": status, "title": error.title, "detail": detail, "request_id": request_id(request)}
        content = {**told, "document": await service.compute(document_values, error.document)}
        return JSONResponse(content, status, media_type="application/problem+json")
