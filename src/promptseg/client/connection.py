"""`Connection`: what both clients share: address, token, and the meaning of answers."""

from __future__ import annotations

import contextlib
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from .._checks import absent_hint
from .._install import install_extra
from ..errors import ConfigError, InputError, MissingDependencyError, shown
from ..image_formats import address_hint
from ..images import ImageLike, load_image
from . import calls
from .calls import Call
from .values import ClientError, JobInfo

_Value = TypeVar("_Value")

RETRIES = 4
"""Number of times that a request is sent again when the server is busy."""


class Connection(ABC):
    """What both clients share: address, token and the meaning of answers.

    Args:
        url: Address of the server, such as ``"http://127.0.0.1:8420"``.
        token: Its token, or None.
        timeout: Seconds to wait for an answer.
        retries: Number of times that a request is sent again when the server is busy.

    Raises:
        ConfigError: The address does not begin with ``http://`` or ``https://``.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 300.0, retries: int = RETRIES) -> None:
        if not isinstance(url, str) or not url.lower().startswith(("http://", "https://")):
            raise ConfigError(f"the address of a server begins with http:// or https://, such as 'http://127.0.0.1:8420', got {shown(url)}")
        self.url, self._retries = url.rstrip("/"), retries
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._settings: dict[str, Any] = {"base_url": self.url, "headers": headers, "timeout": timeout}
        self._http = self._open(_httpx())

    @abstractmethod
    def _open(self, httpx: Any) -> Any:
        """Return the HTTP client of the package."""

    def _arguments(self, call: Call[Any]) -> dict[str, Any]:
        body = {"content": call.body} if isinstance(call.body, bytes) else {} if call.body is None else {"json": call.body}
        return {"method": call.method, "url": call.path, "headers": call.headers, **body}

    def _delay(self, answer: Any, tried: int) -> float | None:
        """Return the seconds after which to send a request again, or None if it is not to be."""
        if answer.status_code != 429 or tried >= self._retries:
            return None
        after = answer.headers.get("retry-after", "")
        return min(float(after) if after.isdecimal() else 1.0, MAX_DELAY)

    def _read(self, call: Call[_Value], answer: Any) -> _Value:
        if not answer.is_success:
            raise calls.failure(answer.status_code, answer.content, answer.headers)
        try:
            return call.read(answer.content)
        except (KeyError, TypeError) as error:
            raise ClientError(f"the server answered with something unexpected: {error!r}") from error


def content_of(source: ImageLike, what: str = "an image") -> bytes:
    """Return the content of a file as it is, and anything else that is an image as a PNG.

    Args:
        source: The file, its content, or an image in another form.
        what: What it is, in messages: ``"an image"`` or ``"a video"``.

    Raises:
        InputError: It cannot be read.
    """
    if isinstance(source, bytes):
        return source
    if isinstance(source, (str, os.PathLike)):
        return _content_of_file(source, what)
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.asarray(load_image(source))).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _content_of_file(path: str | os.PathLike[str], what: str) -> bytes:
    name = os.fspath(path)
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise InputError(address_hint(path, what) or f"cannot read {name}: {error.strerror}{absent_hint(path)}") from error
    except IsADirectoryError as error:
        raise InputError(f"cannot read {name}: it is a folder, and {what} is sent as one file: give the file") from error
    except OSError as error:
        raise InputError(address_hint(path, what) or f"cannot read {name}: {error.strerror or error}") from error
    except ValueError as error:  # The path has a null byte.
        raise InputError(f"cannot read {name!r}: {error}") from error


def id_of(job: JobInfo | str) -> str:
    """Return the id of a job."""
    return job if isinstance(job, str) else job.id


def _httpx() -> Any:
    try:
        import httpx2
    except ImportError as error:
        raise MissingDependencyError(f"the client needs httpx2, which cannot be imported: {install_extra('client')}") from error
    return httpx2


@contextlib.contextmanager
def reaching() -> Iterator[None]:
    """Turn the errors of the connection within the block into a `ClientError`."""
    try:
        yield
    except _httpx().HTTPError as error:
        raise ClientError(f"the server cannot be reached: {error or type(error).__name__}") from error


MAX_DELAY = 30.0
