"""What every message about a mistake must be, and the report for readers."""

from __future__ import annotations

import os
import re
from pathlib import Path

REPORT = "PROMPTSEG_MISTAKES"
"""Environment variable with the path of a text file: each mistake is appended to it with its message, for a reader to judge."""

_LINES = 3
_LONGEST = 330
_CLASS = re.compile(r"\b[A-Z]\w*(Error|Exception|Warning)\b|\bTraceback\b|<class |\bobject at 0x|pydantic|\bNone\b(?! for)")


def check_message(message: str, value: str, hint: str) -> None:
    """Check that a message is short and in the user's words, names the wrong value and says what to do."""
    lines = [line for line in message.splitlines() if line.strip()]
    assert 1 <= len(lines) <= _LINES, message
    assert all(len(line) <= _LONGEST for line in lines), message
    assert not _CLASS.search(message), message
    assert value, "a row names the value"
    assert value in message, message
    assert hint, "a row has a hint"
    assert hint in message, message


def report(what: str, code: str, message: str) -> None:
    """Append a mistake to the report, if one is wanted."""
    if path := os.environ.get(REPORT):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{what}\n  {code}\n" + "".join(f"    {line}\n" for line in message.splitlines()) + "  knew what to do: [ ]\n\n")
