"""Content of image files: read once, with a digest by which a later run notices a change."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHUNK = 1 << 20


@dataclass(frozen=True)
class FileState:
    """State of a file when it was read.

    Attributes:
        bytes: Its size.
        mtime_ns: Its time of modification, in nanoseconds.
        sha256: SHA-256 of its content.
    """

    bytes: int
    mtime_ns: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return the state as values of a record."""
        return {"bytes": self.bytes, "mtime_ns": self.mtime_ns, "sha256": self.sha256}


class NamedBytes(io.BytesIO):
    """Content of a file, with its name for messages.

    Attributes:
        name: The path of the file.
    """

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def read_content(path: Path) -> tuple[NamedBytes, FileState]:
    """Read a file once.

    Raises:
        OSError: When it cannot be read.
    """
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        content = file.read()
    return NamedBytes(content, str(path)), FileState(len(content), found.st_mtime_ns, hashlib.sha256(content).hexdigest())


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        OSError: When it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def state_of(path: Path) -> FileState:
    """Return the state of a file.

    Raises:
        OSError: When it cannot be read.
    """
    found = path.stat()
    return FileState(found.st_size, found.st_mtime_ns, sha256_of(path))


def is_changed(path: Path, record: Mapping[str, Any]) -> bool:
    """Return whether the content of a file differs from that of a record. A file of the same size and time is not read.

    Raises:
        OSError: When the file cannot be read.
    """
    found = path.stat()
    if (found.st_size, found.st_mtime_ns) == (record.get("bytes"), record.get("mtime_ns")):
        return False
    return record.get("sha256") is not None and (found.st_size != record.get("bytes") or sha256_of(path) != record["sha256"])
