"""Images of Label Studio's tasks: fetched from it with its access token, and only from where the server may fetch."""

from __future__ import annotations

import json
import re
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

import requests

from ...errors import InputError
from ...weights.http import AnsweredError
from ..errors import ForbiddenError, NotFoundError
from ..fetching import check_address, fetched
from ..images import StoredImage
from ..service import Service
from ..settings import ServerSettings


@dataclass(frozen=True)
class Source:
    """A Label Studio from which images are fetched.

    Attributes:
        url: Its address without a slash at the end, or ``""``.
        key: Access token for it, or ``""``.
        allowed: Hosts from which may be fetched.
    """

    url: str = ""
    key: str = field(default="", repr=False)
    allowed: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: ServerSettings, hostname: str, token: str) -> Source:
        """Return the Label Studio of the settings, or the one that has connected.

        The address of the one that has connected counts only where the settings allow to fetch from it. The key of the settings is sent
        to the address of the settings alone.

        Args:
            settings: The settings.
            hostname: The address that Label Studio states when it connects.
            token: The access token that it sends.
        """
        if settings.label_studio_url is None:
            return cls(hostname.rstrip("/"), token, settings.addresses)
        url = settings.label_studio_url.rstrip("/")
        parts = urlsplit(url)
        own = f"{parts.hostname}:{parts.port}" if parts.port else f"{parts.hostname}:{_PORTS.get(parts.scheme)}"
        return cls(url, settings.label_studio_key or token, (*settings.addresses, own))


class TaskImages:
    """Images of tasks. An address is fetched again only after a while, so that a click on a known image is quick.

    Args:
        service: The service that keeps the images.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._known: OrderedDict[tuple[Source, str], tuple[str, float]] = OrderedDict()
        self._tokens: dict[Source, tuple[str, float]] = {}

    async def image(self, address: str, source: Source) -> StoredImage:
        """Return the image at an address in a task.

        Raises:
            ForbiddenError: The server may not fetch from there.
            InputError: It cannot be fetched, or is not an image.
            TooLargeError: It has too many bytes or pixels.
        """
        if address.startswith("data:"):
            return await self._service.put_base64(address)
        key, now = (source, address), time.monotonic()
        name, since = self._known.get(key, ("", 0.0))
        if name and now - since < SECONDS:
            try:
                return self._service.images.get(name)
            except NotFoundError:
                pass  # The store has dropped it meanwhile.
        content = await self._service.fetch(self._fetch, address, source)
        image = await self._service.put_image(content)
        self._known[key] = image.id, now
        self._known.move_to_end(key)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return image

    def _fetch(self, address: str, source: Source) -> bytes:
        most = self._service.settings.max_upload_bytes
        target, own = resolved(address, source.url)
        if not own:
            return fetched(target, source.allowed, most)
        if not source.key:
            try:
                return fetched(target, source.allowed, most)
            except InputError as error:
                if not isinstance(error.__cause__, AnsweredError) or error.__cause__.status not in (401, 403):
                    raise
                raise InputError(NO_KEY) from error
        try:
            return fetched(target, source.allowed, most, {"Authorization": self._authorization(source)})
        except InputError as error:
            if not isinstance(error.__cause__, AnsweredError) or error.__cause__.status not in (401, 403):
                raise
        return fetched(target, source.allowed, most, {"Authorization": self._refreshed(source)})

    def _authorization(self, source: Source) -> str:
        """Return the header for a Label Studio: the token itself, or what it was exchanged for."""
        token, until = self._tokens.get(source, ("", 0.0))
        if time.monotonic() < until:
            return f"Bearer {token}"
        return self._refreshed(source) if source.key.count(".") == 2 else f"Token {source.key}"  # A personal token is a JWT.

    def _refreshed(self, source: Source) -> str:
        """Exchange a personal access token for one that lives some minutes, and return the header for it."""
        refused = "Label Studio refuses its access token: give a valid one to promptseg serve with --label-studio-key"
        address = f"{source.url}/api/token/refresh"
        check_address(address, source.allowed)
        try:
            with requests.Session() as session:
                session.trust_env = False  # No proxy is asked for the images either.
                with session.post(address, json={"refresh": source.key}, timeout=(5, 10), allow_redirects=False, stream=True) as response:
                    content = response.raw.read(MAX_ANSWER, decode_content=True) if response.status_code == 200 else b""
            token = json.loads(content).get("access") if content else None
        except (requests.RequestException, OSError, ValueError, AttributeError) as error:
            raise InputError(f"Label Studio's access token cannot be renewed: {type(error).__name__}") from error
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise InputError(refused)
        if len(self._tokens) >= MAX_TOKENS:
            self._tokens.clear()
        self._tokens[source] = token, time.monotonic() + TOKEN_SECONDS
        return f"Bearer {token}"


def resolved(address: str, base: str) -> tuple[str, bool]:
    """Return the full address of an image of a task, and whether it is a file of Label Studio, for which its token is sent.

    Args:
        address: The address in the task.
        base: Address of Label Studio, without a slash at the end.

    Raises:
        ForbiddenError: The address has another scheme than ``http`` or ``https``.
        InputError: It is none, or Label Studio's own address is not known.
    """
    scheme = _SCHEME.match(address)
    if scheme is not None and scheme[1].lower() not in _PORTS:
        raise ForbiddenError(
            f"this server fetches nothing from {scheme[1][:20]}://: turn on pre-signed URLs in the cloud storage of the project, "
            "so that Label Studio gives an https:// address"
        )
    if len(address) > MAX_ADDRESS or not address.isprintable() or "\\" in address:
        raise InputError("the address of an image in a task cannot be read")
    address = quote(address, safe=_SAFE)  # Names of uploaded files may have spaces.
    if scheme is None:
        if not address.startswith("/") or address.startswith("//"):
            raise InputError(f"{address[:80]!r} is not an address of an image: it begins with / or https://")
        if not base:
            raise InputError(
                "Label Studio's address is not known here: start promptseg serve with --label-studio URL, "
                "or save the model in the project's settings again"
            )
        prefix = urlsplit(base).path
        inside = address if prefix and address.startswith(f"{prefix}/") else prefix + address
        address = f"{urlsplit(base).scheme}://{urlsplit(base).netloc}{inside}"
    return address, _is_file(address, base)


def _is_file(address: str, base: str) -> bool:
    """Return whether an address is that of a file of Label Studio, and not of its API or its pages."""
    try:
        there, here = urlsplit(address), urlsplit(base)
        same = (there.scheme, there.hostname, there.port or _PORTS[there.scheme]) == (
            here.scheme,
            here.hostname,
            here.port or _PORTS[here.scheme],
        )
    except (ValueError, KeyError):
        return False
    path = unquote(there.path)
    return same and ".." not in path.split("/") and _FILES.match(path.removeprefix(here.path)) is not None


_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_FILES = re.compile(r"/data/|/storage-data/|/(tasks|projects)/\d{1,18}/(resolve|presign)/")
"""Where Label Studio serves files: uploads and local files, cloud storage by its own addresses."""
_TOKEN = re.compile(r"[\w.~+/=-]{1,8192}", re.ASCII)
_SAFE = "/:?#[]@!$&'()*+,;=%~"

NO_KEY = (
    "Label Studio gives its files to its access token alone, which this server does not keep when it ends: save the model in the project's "
    "settings again, or start promptseg serve with --label-studio and --label-studio-key"
)
SECONDS = 600.0
"""Time after which the image at an address is fetched again."""
MAX_KNOWN = 10_000
"""Number of addresses whose images are remembered."""
TOKEN_SECONDS = 240.0
"""Time for which a renewed token is used. Label Studio's live for 5 minutes."""
MAX_TOKENS = 1000
MAX_ANSWER = 1 << 16
MAX_ADDRESS = 4096
