"""Options of formats on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ..errors import ConfigError

FormatOption = Annotated[
    list[str] | None,
    typer.Option("--format-option", metavar="FORMAT.OPTION=VALUE", help="An option of a format, such as yolo-seg.images=copy. Repeatable."),
]


def format_options(words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Parse the options of formats: ``"yolo-seg.images=copy"`` becomes ``{"yolo-seg": {"images": "copy"}}``.

    Raises:
        ConfigError: When a word does not have this form.
    """
    found: dict[str, dict[str, Any]] = {}
    for word in words:
        name, _, value = word.partition("=")
        of, _, option = name.rpartition(".")
        if not (of and option and value):
            raise ConfigError(f"--format-option takes FORMAT.OPTION=VALUE, such as yolo-seg.images=copy, got {word!r}")
        found.setdefault(of, {})[option] = value
    return found
