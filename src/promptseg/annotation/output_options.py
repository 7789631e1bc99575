"""Options of the outputs of earlier runs: what an output held before it was corrected by hand depends on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..datasets.writing import check_format
from ..errors import ConfigError, InputError
from ..runtime.files import output_errors, write_atomically
from ..runtime.structured import read_json

NAME = ".format-options.json"
"""File in the output folder with the options of each format in earlier runs. It is absent when no run had any."""

_MOST = 8
"""Maximum number of different options that are kept for a format."""


def remember_options(out: Path, options: Mapping[str, Mapping[str, Any]]) -> None:
    """Note the options with which the outputs are about to be written.

    Args:
        out: The output folder of the run.
        options: The options by format.

    Raises:
        OutputError: When the file cannot be written.
    """
    known = _read(out)
    new = {name: dict(own) for name, own in options.items() if own and dict(own) not in known.get(name, [])}
    if not new:
        return
    content = {**known, **{name: [*known.get(name, []), own][-_MOST:] for name, own in new.items()}}
    with output_errors(out / NAME), write_atomically(out / NAME, text=True) as file:
        json.dump(content, file, indent=1, sort_keys=True, default=str)
        file.write("\n")


def options_of(out: Path, name: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the options with which an output may have been written: the given ones, those of earlier runs, the latest first, and none.

    Args:
        out: The output folder of the run.
        name: The format.
        given: The options of this run.
    """
    found = [dict(given)]
    for options in [*reversed(_read(out).get(name, [])), {}]:
        if options not in found and _is_valid(name, options):
            found.append(options)
    return found


def _read(out: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the options by format. Of a file that is absent or damaged, what cannot be read is left out."""
    try:
        content = read_json(out / NAME)
    except InputError:
        return {}
    listed: dict[str, Any] = content if isinstance(content, dict) else {}
    return {name: [each for each in own if isinstance(each, dict)][-_MOST:] for name, own in listed.items() if isinstance(own, list)}


def _is_valid(name: str, options: Mapping[str, Any]) -> bool:
    try:
        check_format(name, options)
    except ConfigError:
        return False
    return True
