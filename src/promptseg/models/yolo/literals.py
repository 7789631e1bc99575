"""Python literals in the metadata of ONNX files, read without crashing on hostile ones."""

from __future__ import annotations

import ast
import re
from typing import Any

MAX_LENGTH = 1 << 20
"""Maximum number of characters of a literal."""

_TOKEN = re.compile(
    r"""\s* (?: (?P<value> '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | -?\.?\d[\w.]*(?:(?<=[eE])[-+]\d+)? | None | True | False )
    | (?P<open> [\[{(] ) | (?P<close> [\]})] ) | (?P<next> [,:] ) )""",
    re.VERBOSE,
)


def read_literal(text: str) -> Any:
    """Return the value of a literal of strings, numbers, None, booleans and containers of them.

    `ast.literal_eval` reads it. Before that, calculations, calls and attributes are refused, because a long one overflows the stack of the
    parser of Python 3.10.

    Raises:
        ValueError: The text is something else, or too long.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"it has more than {MAX_LENGTH} characters")
    text = text.strip()
    at, after_value = 0, False
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or (after_value and token.lastgroup in ("value", "open")):
            raise ValueError(f"{text[at : at + 40]!r} is not of a literal")
        after_value = token.lastgroup in ("value", "close")
        at = token.end()
    try:
        return ast.literal_eval(text)
    except (SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(str(error)) from error
