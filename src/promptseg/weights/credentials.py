"""Removal of credentials from URLs and from messages about them."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_URL_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]*@")
_QUERY = re.compile(r"(?<=[^\s?])\?[^\s'\"<>)]+")
"""Query of a URL, also of one without its host, as in urllib3's messages. Signed URLs hold their credentials there."""


def without_credentials(text: str) -> str:
    """Return a message without the user names and passwords of the URLs in it, and without their queries."""
    return _QUERY.sub("?…", _URL_CREDENTIALS.sub("", text))


def shown_source(source: str) -> str:
    """Return a source of weights as a message may show it. Of a URL that cannot be parsed, only the scheme is shown."""
    scheme, separator, _ = source.partition("://")
    if not separator or scheme == "file":
        return source
    try:
        return without_credentials(source) if _host(urlsplit(source)) else f"{scheme}://…"
    except ValueError:  # A password with a slash or a number sign ends the host, and the rest would be shown.
        return f"{scheme}://…"


def source_server(source: str) -> str:
    """Return who serves a source of weights, for a message: a host, ``"npm"``, or an empty text for a file of this machine."""
    scheme = source.partition(":")[0]
    if scheme in ("http", "https"):
        try:
            return urlsplit(source).netloc.rpartition("@")[2] if shown_source(source) != f"{scheme}://…" else scheme
        except ValueError:
            return scheme
    return {"file": "", "hf": "the Hugging Face hub"}.get(scheme, scheme)


def _host(parts: SplitResult) -> str | None:
    return parts.hostname if parts.port is None or parts.port >= 0 else None  # Reading a port that is not a number raises ValueError.
