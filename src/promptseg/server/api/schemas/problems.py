"""Problems, as every route tells them."""

from __future__ import annotations

from pydantic import BaseModel


class ProblemOut(BaseModel):
    """A problem (RFC 9457)."""

    type: str
    status: int
    title: str
    detail: str
    request_id: str
