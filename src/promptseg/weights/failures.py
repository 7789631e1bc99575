"""Plain words for what goes wrong on a network, in place of those of the libraries."""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
import urllib3

NAME, REFUSED, TIMED_OUT, BROKEN, NO_WAY = (
    "name not found",
    "connection refused",
    "timed out",
    "broken off",
    "the network is unreachable",
)
UNTRUSTED = "its certificate is not trusted"
INSECURE = "it does not speak TLS (https)"

_PROXY_ANSWER = re.compile(r"Tunnel connection failed: (\d{3}[\w ]{0,60})")
_MOST = 50
"""Maximum number of linked errors to look at."""


def plain_failure(error: BaseException, url: str, proxy: str | None = None) -> str:
    """Return a sentence about a request that failed, without the words of requests and urllib3.

    Args:
        error: What was raised.
        url: URL of the request, without credentials.
        proxy: URL of the proxy that the request went through, or None.
    """
    host = urlsplit(url).netloc
    linked = list(_linked(error))
    way = f" through the proxy {urlsplit(proxy).netloc.rpartition('@')[2] or proxy}" if proxy else ""
    for found in linked:
        if answer := _PROXY_ANSWER.search(str(found)):
            return f"cannot reach {host}{way}: the proxy answered {answer[1].strip()}"
    # From the innermost: urllib3's class for a refused connection is one of its classes for timeouts.
    words = next((words for found in reversed(linked) if (words := _words(found)) is not None), None)
    if words is None:
        return f"the request to {host}{way} failed ({type(error).__name__})"
    return f"the connection to {host}{way} broke off" if words == BROKEN else f"cannot reach {host}{way}: {words}"


def _words(error: BaseException) -> str | None:
    """Return what an error of the system means, or None for one that only wraps others or is about something else."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{UNTRUSTED} ({error.verify_message}): set REQUESTS_CA_BUNDLE to the file of your organization's certificates"
    if isinstance(error, ssl.SSLError):
        return INSECURE
    if isinstance(error, socket.gaierror):
        return NAME
    if isinstance(error, ConnectionRefusedError):
        return REFUSED
    if isinstance(error, (TimeoutError, urllib3.exceptions.TimeoutError, requests.Timeout)):
        return TIMED_OUT
    if isinstance(error, (ConnectionError, http.client.RemoteDisconnected, http.client.IncompleteRead, urllib3.exceptions.IncompleteRead)):
        return BROKEN
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN):
        return NO_WAY
    return None


def _linked(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors that an error was made of, innermost last: those in its arguments, its reason, its cause and its context."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _MOST:
        found = waiting.pop(0)
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        links = [*found.args, *(getattr(found, name, None) for name in ("reason", "original_error", "__cause__", "__context__"))]
        waiting += [link for link in links if isinstance(link, BaseException)]
