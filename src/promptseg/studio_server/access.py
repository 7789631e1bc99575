"""Who may use a studio: a secret of the dataset folder, which a browser gets as a cookie from an address that works once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..runtime.files import output_errors, write_atomically
from ..runtime.structured import read_json

CODE_SECONDS = 3600.0
"""Time in which an address works, once."""

MAX_CODES = 32
"""Number of addresses that may wait to be used."""


class Access:
    """The secret of a dataset folder, and the codes of addresses that give it to a browser. Threads may share it.

    Args:
        folder: Folder for the file of the secret. Its owner alone can read the file.

    Attributes:
        secret: What a browser has as its cookie, and other programs send as their token.

    Raises:
        OutputError: The file cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self.secret = _kept_secret(folder / SESSION)
        self._lock = threading.Lock()
        self._codes: dict[str, float] = {}

    @property
    def dataset(self) -> str:
        """Name of the dataset folder that no other has, wherever it lies. It is made of the secret, and does not tell it."""
        return hashlib.sha256(f"dataset {self.secret}".encode()).hexdigest()[:32]

    def new_code(self) -> str:
        """Return a code that works once."""
        code = secrets.token_urlsafe(24)
        with self._lock:
            self._codes[code] = time.monotonic() + CODE_SECONDS
            while len(self._codes) > MAX_CODES:
                self._codes.pop(next(iter(self._codes)))
        return code

    def redeem(self, code: str) -> bool:
        """Return whether a code is right, and was not used before. It is used then."""
        with self._lock:
            return self._codes.pop(code, 0.0) > time.monotonic()


@dataclass(frozen=True)
class Running:
    """Where a studio is.

    Attributes:
        host: Address that it listens on.
        port: Port that it listens on.
    """

    host: str
    port: int

    @property
    def address(self) -> str:
        """Its address in a browser."""
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - It is compared, not listened on.
        return f"http://[{name}]:{self.port}" if ":" in name else f"http://{name}:{self.port}"

    def write(self, folder: Path) -> None:
        """Write it to the folder, for the next studio that is started there.

        Raises:
            OutputError: It cannot be written.
        """
        with output_errors(folder / RUNNING), write_atomically(folder / RUNNING, text=True) as file:
            json.dump({"host": self.host, "port": self.port}, file)

    @classmethod
    def read(cls, folder: Path) -> Running | None:
        """Return where the last studio of a folder is or was, or None."""
        try:
            values = read_json(folder / RUNNING, 1 << 16)
        except InputError:
            return None
        host, port = (values.get("host"), values.get("port")) if isinstance(values, dict) else (None, None)
        return cls(host, port) if isinstance(host, str) and isinstance(port, int) and 0 < port < 1 << 16 else None


def cookie_name(port: int) -> str:
    """Return the name of the cookie. Cookies are not told apart by port, and several studios may run."""
    return f"promptseg-studio-{port}"


def read_secret(folder: Path) -> str | None:
    """Return the secret of a dataset folder, or None."""
    try:
        found = (folder / SESSION).read_text("ascii")
    except (OSError, ValueError):
        return None
    return found if _SECRET.fullmatch(found) else None


def _kept_secret(path: Path) -> str:
    """Return the secret in a file, which is made where there is none, and made private where it is not."""
    with output_errors(path):
        known = read_secret(path.parent)
        if known is not None:
            path.chmod(0o600)
            return known
        made = secrets.token_urlsafe(32)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
        return made


SESSION = "session"
"""Name of the file of the secret."""

RUNNING = "server.json"
"""Name of the file that says where the studio is."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{40,100}")
