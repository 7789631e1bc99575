"""`Guard`: refuses requests for another host, from another web page, without the token, or too many of one client."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import ipaddress
import re
import socket
import time
from collections import OrderedDict
from collections.abc import Collection
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import BusyError, ForbiddenError, RefusedError, UnauthorizedError
from ..settings import ServerSettings, is_loopback


class Guard:
    """Layer that lets pass who may ask.

    Args:
        app: The layers inside.
        settings: The settings of the server.
        open_paths: Paths that need no token.
        own_tokens: Beginnings of the paths whose routes look for the token themselves, because it is in the body.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, open_paths: Collection[str], own_tokens: Collection[str] = ()) -> None:
        self._app, self._settings = app, settings
        self._open, self._own = frozenset(open_paths), tuple(own_tokens)
        self._hosts = _hosts(settings)
        self._rates = Rates(settings.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._check(scope)
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if "transfer-encoding" in headers and "content-length" in headers:
            raise RefusedError("a request says how long it is once: by Content-Length or by Transfer-Encoding")
        given = headers.getlist("host")
        if len(given) != 1 or not self._is_ours(given[0]):
            raise ForbiddenError("this server does not answer to the name in the header Host: add it with --allow-name")
        origin = headers.get("origin")
        if origin is not None and origin not in self._settings.origins and not _is_same_host(origin, given[0]):
            raise ForbiddenError("this server takes no requests from other web pages: add the page's origin with --origin")
        client = scope.get("client")
        self._rates.check(client[0] if client else "")
        path = scope["path"]
        if path not in self._open and not path.startswith(self._own or "\0"):
            cookie = None if self._settings.cookie is None else cookie_parser(headers.get("cookie", "")).get(self._settings.cookie)
            check_token(self._settings.token, headers, scope.get("query_string", b""), cookie)

    def _is_ours(self, host: str) -> bool:
        name = host_name(host)
        if name in self._hosts:
            return True
        if is_loopback(self._settings.host):
            return is_loopback(name)
        return _is_address(name)  # A page that rebinds a name cannot use an address.


class Rates:
    """Number of requests by client, in a bucket that refills over a minute.

    Args:
        per_minute: Number of requests in a minute; 0 for any.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, client: str) -> None:
        """Count a request.

        Raises:
            BusyError: The client has made too many.
        """
        if not self._per_minute:
            return
        now = time.monotonic()
        left, then = self._left.pop(client, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + (now - then) * self._per_minute / 60)
        self._left[client] = (left - 1 if left >= 1 else left), now
        while len(self._left) > MAX_CLIENTS:
            self._left.popitem(last=False)
        if left < 1:
            raise BusyError(f"more than {self._per_minute} requests in a minute", (1 - left) * 60 / self._per_minute)


def check_token(token: str | None, headers: Headers, query: bytes = b"", given: str | None = None) -> None:
    """Check the token of a request.

    It may be in ``Authorization`` (``Bearer``, ``Token``, or the password of ``Basic``), in ``X-API-Key`` or ``Token``, in the query as
    ``api_key`` or ``token``, or be given.

    Raises:
        UnauthorizedError: It is missing or wrong.
    """
    if token is None:
        return
    candidates = [given or "", headers.get("x-api-key", ""), headers.get("token", "")]
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, ValueError):
            candidates.append(base64.b64decode(value, validate=True).decode().partition(":")[2])
    else:
        candidates.append(value.strip())
    if query:
        try:
            asked = parse_qs(query.decode("latin-1"), max_num_fields=100)
        except ValueError as error:
            raise RefusedError("the query has too many fields") from error
        candidates += [*asked.get("api_key", ()), *asked.get("token", ())]
    if not any(hmac.compare_digest(candidate.encode("utf-8", "replace"), token.encode()) for candidate in candidates):
        raise UnauthorizedError("the token is missing or wrong: send the server's own as the header Authorization: Bearer TOKEN")


def host_name(host: str) -> str:
    """Return the name or address in a header ``Host``, without the port; nothing if it has other parts."""
    found = _HOST.fullmatch(host)
    return "" if found is None else (found[1] or found[2]).lower()


def _hosts(settings: ServerSettings) -> frozenset[str]:
    names = {"localhost", settings.host.strip("[]").lower(), *(host_name(host) for host in settings.hosts)}
    if not is_loopback(settings.host):
        names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    return frozenset(names)


def _is_same_host(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc == host
    except ValueError:  # Such as "http://[".
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


MAX_CLIENTS = 10_000
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+))(?::\d{0,5})?", re.ASCII)
