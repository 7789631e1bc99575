"""Download of one file over HTTP: resumed, bounded in size, and without its credentials in any message."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import requests
from requests.auth import HTTPBasicAuth
from tqdm import tqdm

from ..errors import WeightsError, WeightsNotFoundError
from .credentials import shown_source, without_credentials
from .failures import plain_failure
from .waiting import in_time, told

CHUNK = 1 << 18
TIMEOUT = (5, 60)
"""Seconds to wait for a connection to each address of a host, and for the next bytes."""
PATIENCE = 60
"""Seconds to wait for an answer, with the lookup of the name and all addresses of the host."""
LARGEST = 1 << 36
"""Maximum number of bytes of a file whose size is not published: 64 GiB."""
MAX_REDIRECTS = 10

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_DIGITS = re.compile(r"\d{1,18}")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Request:
    """A URL and what is sent to its host alone.

    Attributes:
        url: URL with ``http`` or ``https``, without user name and password.
        headers: Credentials for the host as headers. They are not sent to another host.
        login: User name and password for the host, or None.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    login: HTTPBasicAuth | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, headers: Mapping[str, str]) -> Request:
        """Return a request for a URL, which may have a user name and a password.

        Raises:
            WeightsError: It is not a valid URL with ``http`` or ``https``.
        """
        try:
            parts = urlsplit(url)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            valid = False
        if not valid:
            raise WeightsError(f"{shown_source(url)} is not a URL with http or https")
        _, at, host = parts.netloc.rpartition("@")
        login = HTTPBasicAuth(*(unquote(part or "").encode("utf-8") for part in (parts.username, parts.password))) if at else None
        return cls(urlunsplit(parts._replace(netloc=host, fragment="")), headers, login)

    def redirected(self, location: str) -> Request:
        """Return the request for the address that a server redirects to. Credentials go along on the same scheme, host and port only.

        Raises:
            WeightsError: The address is not a valid URL with ``http`` or ``https``.
        """
        with contextlib.suppress(UnicodeError):
            location = location.encode("latin-1").decode("utf-8")  # Headers are read as Latin-1. Servers send UTF-8.
        try:
            url = urljoin(self.url, location)
        except ValueError:
            url = "://"
        try:
            target = Request.of(url, {})
        except WeightsError as error:
            raise WeightsError(f"the server redirects to an address that cannot be used: {error}") from error
        if _origin(target.url) == _origin(self.url):
            return Request(target.url, self.headers, target.login or self.login)
        return target


class AnsweredError(WeightsNotFoundError):
    """A server's answer that is not a file.

    Attributes:
        status: Status code of HTTP.
        code: Name of the error in the header ``X-Error-Code``, which the Hugging Face hub sends; empty without one.
    """

    def __init__(self, message: str, status: int, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class _Session(requests.Session):
    """Session that leaves redirects to `_respond`: requests would read the whole body of a redirect, however long."""

    def get_redirect_target(self, resp: Any) -> None:  # noqa: ARG002 - The parameter of the base class.
        return None


def download(url: str, target: Path, size: int | None, headers: Mapping[str, str], *, limit: int = LARGEST, quiet: bool = False) -> None:
    """Download a file to `target`, continuing after the bytes that are there.

    Args:
        url: URL of the file, which may have a user name and a password.
        target: File to write. If the server sends more than `size` bytes, it is removed.
        size: Bytes of the file, or None if they are not known.
        headers: Credentials to send to the host of `url` only.
        limit: Maximum number of bytes of a file whose size is not known.
        quiet: Whether to show no progress bar.

    Raises:
        AnsweredError: The server answered with an error.
        WeightsError: The server did not send the file, or not correctly. The message names no credentials.
        OSError: `target` cannot be written.
    """
    have = target.stat().st_size if target.exists() else 0
    if have and have == size:
        return
    if size is not None and have > size:  # The beginning of something else.
        target.unlink()
        have = 0
    with contextlib.closing(_Session()) as session:
        response = _respond(session, Request.of(url, headers), have)
        with contextlib.closing(response):
            _save(response, target, have, size, limit, quiet=quiet)


def _respond(session: requests.Session, request: Request, have: int) -> requests.Response:
    """Return the response after all redirects."""
    sent = {"Accept-Encoding": "identity"}  # Sizes and ranges count bytes of the file, not of a compressed transfer.
    if have:
        sent["Range"] = f"bytes={have}-"
    for _ in range(MAX_REDIRECTS + 1):
        headers = {**sent, **request.headers}
        get = partial(session.get, request.url, headers=headers, auth=request.login, stream=True, timeout=TIMEOUT, allow_redirects=False)
        with told(partial("an answer from {}".format, urlsplit(request.url).netloc)):
            response = _unless_it_fails(partial(in_time, get, PATIENCE), request.url)
        location = response.headers.get("Location")
        if response.status_code not in (301, 302, 303, 307, 308) or location is None:
            return response
        response.close()
        request = request.redirected(location)
    raise WeightsError(f"the server redirects more than {MAX_REDIRECTS} times")


def _save(response: requests.Response, target: Path, have: int, size: int | None, largest: int, *, quiet: bool) -> None:
    if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
        return  # There is nothing after what we have: let the caller's hash decide.
    if response.status_code not in (200, 206):
        reason = without_credentials(repr(response.reason)[1:-1][:80])
        code = response.headers.get("X-Error-Code", "")[:80]
        raise AnsweredError(f"the server answered {response.status_code} {reason}", response.status_code, code)
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.lower() not in ("identity", ""):
        raise WeightsError(f"the server compressed the file ({encoding[:40]!r}), though it was asked for the file as it is")
    start = 0
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        start = have
        _check_range(response, target, have)
    length = _length(response)
    limit = largest if size is None else size
    expected = size if length is None else start + length
    if expected is not None and expected > limit:
        raise WeightsError(f"the server has {expected} bytes, expected {limit if size is not None else f'{limit} at most'}")
    written = start

    def so_far() -> str:
        return f"{_name(target)}, of which {written / 1e6:.1f}{f' of {expected / 1e6:.1f}' if expected else ''} MB are here"

    with (
        target.open("ab" if start else "wb") as out,
        _progress(target, start, expected, quiet=quiet) as bar,
        _told_unless_shown(bar, so_far, quiet=quiet),
    ):
        for chunk in _chunks(response):
            written += len(chunk)
            if written > limit:
                break
            out.write(chunk)
            bar.update(len(chunk))
    if written > limit:
        target.unlink()
        what = "the most that is read" if size is None else "the size of the file"
        raise WeightsError(f"the server sends more than {limit} bytes, {what}; what it sent was removed")
    if expected is not None and written < expected:
        raise WeightsError(f"the connection ended after {written} of {expected} bytes; the next try continues from there")


def _check_range(response: requests.Response, target: Path, have: int) -> None:
    """Raise an error unless a partial response continues what is there.

    Raises:
        WeightsError: It does not. What is there was removed, so that the next try starts again.
    """
    given = response.headers.get("Content-Range")
    if given is None:  # Against the rules, but the caller's hash decides.
        return
    found = _CONTENT_RANGE.fullmatch(given)
    if found is None or int(found[1]) != have:
        target.unlink(missing_ok=True)
        raise WeightsError(f"the server was asked to continue at byte {have} and sends range {given[:80]!r}; the next try starts again")


def _length(response: requests.Response) -> int | None:
    """Return the number of bytes that the server announces, or None.

    Raises:
        WeightsError: It is not a number.
    """
    given = response.headers.get("Content-Length")
    if given is None:
        return None
    if not (given.isascii() and _DIGITS.fullmatch(given.strip())):
        raise WeightsError(f"the server announces a Content-Length of {given[:40]!r}, expected a number of bytes")
    return int(given)


def _chunks(response: requests.Response) -> Iterator[bytes]:
    content = response.iter_content(CHUNK)
    while chunk := _unless_it_fails(partial(next, content, b""), response.url):
        yield chunk


def _unless_it_fails(call: Callable[[], _Result], url: str) -> _Result:
    """Return the result of a call into requests about a URL, which has no credentials.

    Raises:
        WeightsError: The call failed. The original is the cause, unless its text holds credentials.
    """
    try:
        return call()
    # A broken response raises more than RequestException: ValueError, UnicodeError and errors of urllib3 and http.client.
    except Exception as error:
        failure = error
    clean = without_credentials(str(failure)) == str(failure)
    try:
        # Raised here, outside of `except`, an original that holds credentials is not even the context of the new error.
        raise WeightsError(plain_failure(failure, without_credentials(url), _proxy(url))) from (failure if clean else None)
    finally:
        del failure  # Its traceback holds this frame: the circle would keep the connection open.


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for a URL, or None."""
    return requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _progress(target: Path, initial: int, total: int | None, *, quiet: bool) -> tqdm[NoReturn]:
    """Return a progress bar that shows only on a terminal."""
    return tqdm(desc=_name(target), initial=initial, total=total, unit="B", unit_scale=True, disable=True if quiet else None)


def _told_unless_shown(bar: tqdm[NoReturn], what: Callable[[], str], *, quiet: bool) -> contextlib.AbstractContextManager[None]:
    """Return a block with notes of what is waited for, where the bar does not show."""
    return told(what) if bar.disable and not quiet else contextlib.nullcontext()


def _name(target: Path) -> str:
    return target.name.removeprefix(".").removesuffix(".part")
