"""Routes by which a browser gets the page: addresses that work once, and the built files."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from ...server.api.routes import Serving, problems
from ...server.errors import NotFoundError, UnauthorizedError
from ...server.middleware.guard import check_token
from ...server.service import Service
from ..page import Page, message
from .schemas import AddressOut
from .with_access import WithAccess

router = APIRouter()

OPEN_PATHS = ("/", "/favicon.ico")
"""Paths that need no token. `/` looks for it itself, to say in plain words what to do without one."""

OWN_ACCESS = ("/open/",)
"""Beginnings of paths whose routes look for themselves who may ask."""

COOKIE_SECONDS = 30 * 24 * 3600
"""Time that a browser keeps the cookie, from the last opening by an address."""

NOT_OPENED = (
    "<p>This page is private. Open it by the address that <code>promptseg studio</code> printed in the terminal. It works once.</p>"
    "<p>For another address, start <code>promptseg studio</code> again on the same folder, while this one runs or after it.</p>"
)


def _page_of(request: Request) -> Page:
    page: Page = request.app.state.page
    return page


WithPage = Annotated[Page, Depends(_page_of)]


@router.post("/v1/studio/addresses", status_code=201, response_model=AddressOut, responses=problems(), tags=["studio"])
async def make_address(access: WithAccess) -> Any:
    """Return the path of an address that opens the page once, in another browser."""
    return {"address": f"/open/{access.new_code()}"}


@router.get("/open/{code}", include_in_schema=False)
async def open_page(code: str, request: Request, access: WithAccess, service: Serving) -> Response:
    """Give the cookie to a browser that has an address that was not used before, and send it to the page."""
    if not access.redeem(code[:200]):
        if _has_cookie(request, service):
            return _to_page()
        return message("promptseg studio", "<p>This address was used before, or is too old.</p>" + NOT_OPENED, 401)
    answer = _to_page()
    cookie = service.settings.cookie or ""
    answer.set_cookie(cookie, access.secret, max_age=COOKIE_SECONDS, path="/", httponly=True, samesite="strict")
    return answer


@router.get("/", include_in_schema=False)
async def show_page(request: Request, page: WithPage, service: Serving) -> Response:
    """Return the page, or what to do to get it."""
    if not _has_cookie(request, service):
        return message("promptseg studio", NOT_OPENED, 401)
    return page.index(request)


@router.get("/{name}", include_in_schema=False)
async def show_file(name: str, request: Request, page: WithPage) -> Response:
    """Return a built file of the page."""
    found = page.file(name, request)
    if found is None:
        raise NotFoundError(f"the page has no file {name[:80]!r}")
    return found


def _has_cookie(request: Request, service: Service) -> bool:
    given = request.cookies.get(service.settings.cookie or "", "")
    try:
        check_token(service.settings.token, request.headers, given=given)
    except UnauthorizedError:
        return False
    return True


def _to_page() -> RedirectResponse:
    return RedirectResponse("/", 303, {"cache-control": "no-store"})
