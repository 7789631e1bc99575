"""`WithAccess`: who may use the studio, as an argument of a route."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from ..access import Access


def _access_of(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


WithAccess = Annotated[Access, Depends(_access_of)]
