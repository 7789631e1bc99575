"""Lines of a journal: JSON values whose last member is a checksum of the bytes before it."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

MAX_LINE = 1 << 28
"""Maximum length of a line in bytes. A longer one is not read into memory."""


def digest(content: Any) -> str:
    """Return a digest of JSON values, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()[:16]


def encode_line(content: Mapping[str, Any]) -> bytes:
    """Return a line of a journal: JSON in ASCII, whose last member is the checksum of the bytes before it."""
    body = json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")[:-1]
    return body + b',"crc":"%08x"}\n' % zlib.crc32(body)


def parse_line(line: bytes) -> dict[str, Any] | None:
    """Return the content of a line without its checksum, or None for a line that was damaged."""
    body, tail = line[:-_CHECKSUM_LENGTH], line[-_CHECKSUM_LENGTH:]
    checksum = _CHECKSUM.fullmatch(tail)
    if checksum is None or zlib.crc32(body) != int(checksum[1], 16):
        return None
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    content.pop("crc", None)
    return content


_CHECKSUM = re.compile(rb',"crc":"([0-9a-f]{8})"\}\n')
_CHECKSUM_LENGTH = 19
