"""The built page as answers: its files from the package, with a strict content security policy, compressed and cached."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; media-src 'self' blob:; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}
"""Headers of all answers, beside those of the server."""

LEAST_COMPRESSED = 1024
"""Number of bytes from which a file is compressed."""

_KINDS = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "json": "application/json",
}
"""Kind of answer for each suffix of a built file."""


class SafeHeaders:
    """Layer that adds `HEADERS` to every answer, and says of those that say nothing of caching that no browser keeps them.

    Args:
        app: The layers inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                caching = [] if any(name.lower() == b"cache-control" for name, _ in given) else [(b"cache-control", b"no-store")]
                message = {**message, "headers": [*given, *caching, *_ENCODED]}
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


@dataclass(frozen=True)
class _File:
    """A built file, as it is and compressed."""

    kind: str
    content: bytes
    compressed: bytes | None
    digest: str


class Page:
    """The built files of the page, read once.

    Args:
        built: Contents of the files by name; None for those in the package.
    """

    def __init__(self, built: dict[str, bytes] | None = None) -> None:
        found = _read_built() if built is None else built
        digests = {name: hashlib.sha256(content).hexdigest()[:16] for name, content in found.items()}
        self._files = {}
        for name, content in found.items():
            if name == INDEX:
                content = _with_versions(content, digests)
            compressed = gzip.compress(content, mtime=0) if len(content) >= LEAST_COMPRESSED else None
            self._files[name] = _File(_KINDS[name.rpartition(".")[2]], content, compressed, hashlib.sha256(content).hexdigest()[:16])

    def index(self, request: Request) -> Response:
        """Return the page itself, which is never cached; if it is not built, a page that says how to build it."""
        if INDEX not in self._files:
            return message(
                "The page of the studio is not built", "<p>Run <code>make studio-page</code> in the checkout, then reload.</p>", 503
            )
        return _answer(self._files[INDEX], request, "no-store")

    def file(self, name: str, request: Request) -> Response | None:
        """Return a built file; None if there is none of the name. A file that is asked for by its version may be cached for ever."""
        found = self._files.get(name)
        if found is None or name == INDEX:
            return None
        tag = f'"{found.digest}"'
        caching = "private, max-age=31536000, immutable" if request.query_params.get("v") == found.digest else "private, no-cache"
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"etag": tag, "cache-control": caching})
        answer = _answer(found, request, caching)
        answer.headers["etag"] = tag
        return answer


def message(title: str, told: str, status: int) -> HTMLResponse:
    """Return a page of a few plain words, without script or style.

    Args:
        title: Its heading.
        told: What it says, as HTML.
        status: Status of the answer.
    """
    content = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>{told}</html>'
    return HTMLResponse(content, status, {"cache-control": "no-store"})


def _answer(file: _File, request: Request, caching: str) -> Response:
    headers = {"cache-control": caching, "vary": "accept-encoding"}
    if file.compressed is not None and _GZIP.search(request.headers.get("accept-encoding", "")):
        return Response(file.compressed, headers={**headers, "content-encoding": "gzip"}, media_type=file.kind)
    return Response(file.content, headers=headers, media_type=file.kind)


def _read_built() -> dict[str, bytes]:
    """Return the built files in the package, by name; none if it is not built."""
    folder = files("promptseg").joinpath("studio").joinpath("static")
    if not folder.is_dir():
        return {}
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file() and each.name.rpartition(".")[2] in _KINDS}


def _with_versions(index: bytes, digests: dict[str, str]) -> bytes:
    """Return the page with the versions of the files in the addresses by which it loads them."""

    def versioned(found: re.Match[str]) -> str:
        name = found[2].lstrip("./")
        return f"{found[1]}/{name}?v={digests[name]}{found[3]}" if name in digests else found[0]

    return _LOADED.sub(versioned, index.decode("utf-8")).encode("utf-8")


INDEX = "index.html"
_ENCODED = [(name.encode("ascii"), value.encode("ascii")) for name, value in HEADERS.items()]
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")
_LOADED = re.compile(r'((?:src|href)=")([\w./-]+)(")')
