"""Differences of JSON values in words, one line each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

SHOWN_CHARACTERS = 160
"""Maximum length of a value in a message."""

_ABSENT: Any = object()


def differences(before: Any, now: Any, at: str = "") -> Iterator[str]:
    """Yield the differences of two JSON values, such as ``config.segment.model: was "mini-sam", is "sam-vit-b"``.

    Only the members that differ are named, at any depth. Lists of plain values, such as the corners of a box, are compared as a whole.

    Args:
        before: The earlier value.
        now: The present value.
        at: Path of the value in what it is part of.
    """
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*before, *(key for key in now if key not in before)]:
            yield from differences(before.get(key, _ABSENT), now.get(key, _ABSENT), f"{at}.{key}" if at else str(key))
    elif _nested(before) and _nested(now):
        for index in range(max(len(before), len(now))):
            old, new = (values[index] if index < len(values) else _ABSENT for values in (before, now))
            yield from differences(old, new, f"{at}[{index}]")
    elif before is _ABSENT and isinstance(now, Mapping) and now:
        yield from differences({}, now, at)
    elif now is _ABSENT and isinstance(before, Mapping) and before:
        yield from differences(before, {}, at)
    elif before is _ABSENT or now is _ABSENT or before != now:
        yield f"{at}: was {_shown(before)}, is {_shown(now)}"


def _nested(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, (list, Mapping)) for each in value)


def _shown(value: Any) -> str:
    text = "absent" if value is _ABSENT else json.dumps(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
