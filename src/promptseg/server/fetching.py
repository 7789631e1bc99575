"""`fetched`: what lies at an address that a client names, from allowed hosts only, and never from a private network by accident.

The connection goes to an address that was checked, so that a name cannot be one thing when it is checked and another when it is used. Each
redirect is checked as the first address is. No proxy is asked: it would look up the name itself.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from .. import __version__
from ..errors import InputError, PromptSegError
from ..weights.http import AnsweredError
from ..weights.store import offline
from .errors import ForbiddenError, TooLargeError

SECONDS = 10.0
"""Maximum time for a connection, and between two pieces of an answer."""

ALL_SECONDS = 30.0
"""Maximum time for everything."""

MAX_REDIRECTS = 5

CHUNK = 1 << 18


class Target(NamedTuple):
    """An address that may be asked.

    Attributes:
        parts: The address.
        host: Its host.
        port: Its port.
        addresses: Network addresses of the host.
    """

    parts: SplitResult
    host: str
    port: int
    addresses: tuple[str, ...]

    @property
    def origin(self) -> tuple[str, str, int]:
        """What must be the same for credentials to be sent."""
        return self.parts.scheme, self.host, self.port


def fetched(address: str, allowed: Iterable[str], most: int, headers: Mapping[str, str] | None = None) -> bytes:
    """Return the content at an address.

    Args:
        address: Address with ``http`` or ``https``.
        allowed: Hosts from which may be fetched, as ``host`` or ``host:port``. A private address must be allowed with its port.
        most: Maximum number of bytes.
        headers: Credentials for its host. A redirect to another host does not get them.

    Raises:
        ForbiddenError: The host, or one that it redirects to, is not allowed, or its address is private.
        InputError: It cannot be fetched. Its cause is a `promptseg.weights.http.AnsweredError` where the host has answered with an error.
        TooLargeError: It is larger than `most`.
    """
    names, until, first = tuple(allowed), time.monotonic() + ALL_SECONDS, None
    for _ in range(MAX_REDIRECTS + 1):
        target = check_address(address, names)
        if offline():
            raise InputError("the image cannot be fetched: PROMPTSEG_OFFLINE forbids the network")
        first = first or target
        sent = headers if headers and target.origin == first.origin else {}
        try:
            content, location = _asked(target, sent, most, until)
        except PromptSegError:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise InputError(f"the image cannot be fetched from {target.host}: {_told(error)}") from error
        if location is None:
            return content
        with contextlib.suppress(ValueError):
            location = urljoin(address, location)
        address = location
    raise InputError(f"the image cannot be fetched: {target.host} redirects more than {MAX_REDIRECTS} times")


def check_address(address: str, allowed: Iterable[str]) -> Target:
    """Return where an address leads, if its host is allowed and public.

    Raises:
        ForbiddenError: It is not.
        InputError: The host is not found.
    """
    try:
        parts = urlsplit(address)
        host, given = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise ForbiddenError("the address cannot be read") from error
    names = {name.lower().replace("[", "").replace("]", "") for name in allowed}
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or "@" in parts.netloc or given == 0:
        raise ForbiddenError("an address begins with http:// or https:// and has no user name")
    port = given or (443 if parts.scheme == "https" else 80)
    if not names & {host, f"{host}:{port}"}:
        raise ForbiddenError(f"this server fetches nothing from {host}: start it with --allow-host {host}")
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InputError(f"the host {host} cannot be found") from error
    found = tuple(dict.fromkeys(str(info[4][0]) for info in infos))
    if f"{host}:{port}" not in names and not all(is_public(each) for each in found):
        raise ForbiddenError(f"{host} is an address of a private network: start the server with --allow-host {host}:{port} if it is meant")
    return Target(parts, host, port, found)


def is_public(address: str) -> bool:
    """Return whether a network address is one of the open internet, also where it stands for one of IPv4."""
    found = ipaddress.ip_address(address.partition("%")[0])
    inner: list[ipaddress.IPv4Address | None] = []
    if isinstance(found, ipaddress.IPv6Address):
        inner = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
        if found in _NAT64:
            inner.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
    return all(each.is_global and not each.is_multicast for each in (found, *inner) if each is not None)


def _asked(target: Target, sent: Mapping[str, str], most: int, until: float) -> tuple[bytes, str | None]:
    """Return the content of an answer, or the address that it redirects to."""
    with contextlib.closing(_connected(target)) as connection:
        path = urlunsplit(("", "", target.parts.path or "/", target.parts.query, ""))
        headers = {"User-Agent": f"promptseg/{__version__}", "Accept-Encoding": "identity", **sent}
        connection.request("GET", _plain(path), headers=headers)
        with contextlib.closing(connection.getresponse()) as answer:
            location = answer.getheader("Location")
            if answer.status in (301, 302, 303, 307, 308) and location:
                return b"", location
            if answer.status != 200:
                told = f"{target.host} answered {answer.status}"
                raise InputError(f"the image cannot be fetched: {told}") from AnsweredError(told, answer.status)
            pieces, size = [], 0
            while piece := answer.read1(CHUNK):
                pieces.append(piece)
                size += len(piece)
                if size > most:
                    raise TooLargeError(f"the image at the address is larger than the {most} bytes that this server takes")
                if time.monotonic() > until:
                    raise InputError(f"the image cannot be fetched: {target.host} took longer than {ALL_SECONDS:g} seconds")
            return b"".join(pieces), None


def _connected(target: Target) -> http.client.HTTPConnection:
    """Return a connection to one of the checked addresses of a host, which the host does not choose again."""
    secure = target.parts.scheme == "https"
    name = f"[{target.host}]" if ":" in target.host else target.host
    connection = http.client.HTTPConnection(name, target.port, timeout=SECONDS)
    if secure:
        connection.default_port = http.client.HTTPS_PORT  # The header Host has no port then.
    failure: OSError | None = None
    for address in target.addresses:
        try:
            made = socket.create_connection((address, target.port), SECONDS)
        except OSError as error:
            failure = error
            continue
        try:
            connection.sock = _context().wrap_socket(made, server_hostname=target.host) if secure else made
        except OSError as error:
            made.close()
            failure = error
            continue
        return connection
    raise failure or OSError("no address")


def _context() -> ssl.SSLContext:
    from requests.utils import DEFAULT_CA_BUNDLE_PATH  # The certificates that other downloads trust.

    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)


def _plain(path: str) -> str:
    """Return the path of a request in ASCII without spaces and control characters."""
    return re.sub(r"[^!-~]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace")), path)


def _told(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "its certificate is not trusted, or it speaks no TLS"
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "its answer cannot be read"


_HOST = re.compile(r"[0-9a-z._:%-]{1,255}|[^\x00-\x7f].{0,254}")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
