"""License of a model by its card: the ``README.md`` of its folder, as on the Hugging Face hub."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from ..errors import InputError
from ..runtime.structured import is_text, parse_yaml

CARD = "README.md"
"""File name of the card in a folder."""

UNKNOWN = "unknown"

_LONGEST = 1 << 17
"""Maximum number of characters before the text of a card. The hub's own are a few hundred."""

_FRONT_MATTER = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(\r?\n|$)", re.DOTALL)

_FILLING = re.compile(r"\b(the|licen[sc]e|version)\b", re.IGNORECASE)
"""Words that people write around an identifier, as in "Apache License, Version 2.0"."""

_SPDX = """
0BSD AFL-3.0 AGPL-3.0 Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear BSL-1.0 C-UDA-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0
CC-BY-4.0 CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0 CC-BY-NC-SA-2.0 CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0
CC-BY-ND-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0 CDLA-Sharing-1.0 ECL-2.0 EPL-1.0 EPL-2.0 EUPL-1.1
EUPL-1.2 GPL-2.0 GPL-3.0 ISC LGPL-2.1 LGPL-3.0 LPPL-1.3c MIT MPL-2.0 MS-PL NCSA OFL-1.1 OSL-3.0 PostgreSQL Unlicense WTFPL Zlib
"""
_KNOWN = {name.casefold(): name for name in _SPDX.split()} | {"odbl": "ODbL-1.0", "pddl": "PDDL-1.0"}
"""SPDX identifiers by the hub's name of a license, which is nearly always the identifier in lower case."""


def license_of(card: Path) -> str:
    """Return the SPDX identifier of the license that a card names.

    Returns:
        The identifier; ``"LicenseRef-NAME"`` for a license without one; several, joined by ``AND``, for a card that names several; or
        ``"unknown"`` for a card that names none or cannot be read.
    """
    try:
        with card.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_LONGEST)
    except (OSError, ValueError):
        return UNKNOWN
    found = _FRONT_MATTER.match(text)
    values = None
    if found is not None:
        with contextlib.suppress(InputError):
            values = parse_yaml(found[1], f"{card}")
    if not isinstance(values, dict):
        return UNKNOWN
    given = values.get("license")
    named = [_identifier(each, values.get("license_name")) for each in (given if isinstance(given, list) else [given])]
    return " AND ".join(dict.fromkeys(named)) or UNKNOWN


def _identifier(given: object, name: object) -> str:
    """Return the identifier of a license by the name that the hub has for it, or by the name that the card gives to another one."""
    if given == "other" and is_text(name, 1):
        given = name
    if not is_text(given, 1) or given.casefold() == UNKNOWN:
        return UNKNOWN
    plain = _joined(given)
    return _KNOWN.get(_joined(_FILLING.sub("", given)).casefold()) or (f"LicenseRef-{plain}" if plain else UNKNOWN)


def _joined(text: str) -> str:
    """Return the words of a text with hyphens between them."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text[:100]).strip("-")
