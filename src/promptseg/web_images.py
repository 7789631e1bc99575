"""Images of the web: `fetch_image` fetches one from its address.

`promptseg.load_image` reads files only, so that a service which passes on a path from outside never opens a connection.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from . import __version__
from .errors import InputError, WeightsError, shown
from .weights.credentials import shown_source
from .weights.store import offline

MAX_BYTES = 1 << 28
"""Maximum size of an image at an address: 256 MiB."""


class WebImage(io.BytesIO):
    """Content of a fetched image, as an open binary file.

    Attributes:
        name: Address without user name, password and query. Messages about the image name it.
    """

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def is_address(text: str) -> bool:
    """Return whether text is the ``http`` or ``https`` address of something."""
    return _ADDRESS.match(text) is not None


def fetch_image(address: str) -> WebImage:
    """Fetch an image from its address, for `promptseg.load_image` and everything else that takes an image.

    Args:
        address: Address with ``http`` or ``https``. A user name and a password in it are sent to its host alone.

    Returns:
        The image as an open file. Its content is not decoded yet.

    Raises:
        InputError: It is not such an address, the image cannot be fetched, is larger than 256 MiB or is a web page; or
            ``PROMPTSEG_OFFLINE`` forbids the network.
    """
    if not isinstance(address, str) or not is_address(address):
        raise InputError(f"an address of an image begins with https:// or http://, got {shown(address)}")
    return WebImage(image_content(address), shown_source(address))


def image_content(
    address: str,
    headers: Mapping[str, str] | None = None,
    *,
    check: Callable[[str], None] | None = None,
) -> bytes:
    """Return the content of the image at an address.

    Args:
        address: Address with ``http`` or ``https``.
        headers: Credentials to send to its host alone.
        check: Called with the address, and with each one that a server redirects to, before it is asked. What it raises goes to the caller.

    Raises:
        InputError: As in `fetch_image`. Its cause is a `promptseg.weights.http.AnsweredError` where the host has answered with an error.
    """
    name = shown_source(address)
    if offline():
        raise InputError(f"cannot fetch image {name}: PROMPTSEG_OFFLINE forbids the network")
    from .weights.http import download  # Imported here, because it takes long and most images are files.

    with tempfile.TemporaryDirectory(prefix="promptseg-") as folder:
        file = Path(folder) / "image"
        try:
            sent = {"User-Agent": f"promptseg/{__version__}", **(headers or {})}
            download(address, file, None, sent, limit=MAX_BYTES, quiet=True, check=check)
            content = file.read_bytes()
        except WeightsError as error:
            raise InputError(f"cannot fetch image {name}: {error}") from error
        except OSError as error:
            raise InputError(f"cannot fetch image {name} to a temporary file: {error.strerror or error}") from error
    if _PAGE.match(content):
        raise InputError(f"{name} is a web page, and an image was expected: give the address of the image itself")
    return content


def name_at(address: str) -> str:
    """Return the file name of the image at an address: its last part, or the name of its host. It has no path separator."""
    try:
        parts = urlsplit(address)
        name = unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.hostname or "image"
    except ValueError:
        name = "image"
    return _NOT_IN_NAMES.sub("_", name).strip(". ") or "image"


_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_PAGE = re.compile(rb"\s*(<!--.*?-->\s*)?<(!doctype html|html)\b", re.IGNORECASE | re.DOTALL)
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
