"""Tables of `promptseg models`: families of models as one table, and a model with all that is known of it.

A row is a dictionary with the keys of ``promptseg models --json``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..registry.families import Family

Row = Mapping[str, Any]

NARROWEST = 40
"""Least number of columns that lines are wrapped at."""

STATES = {
    "ready": "runs at once",
    "fetch": "its weights are fetched at first use",
    "gated": "its weights are fetched once you accepted their license on the Hugging Face hub",
    "own": "runs weights of your own: NAME=PATH",
    "install": "needs packages; promptseg models NAME says how to install them",
    "later": "does not run in this version",
}
"""What each state of an engine means."""

_RIGHT = ("weights", "memory", "image")
_ORDER = ("point", "box", "mask", "text", "example", "everything")
_AGPL = "AGPL-3.0 requires that a program that uses such a model, even only over a network, is published under that license."


def family_lines(groups: Sequence[tuple[Family, Sequence[Row]]], columns: int) -> Iterator[str]:
    """Yield the lines of families: what each takes, then a row for each engine of its models, and at the end what the words mean.

    The license has a column where there is room for it. Otherwise it is said once for a family. A name that is too long for its column
    has a line of its own.

    Args:
        groups: Rows of each family.
        columns: Width of the terminal.
    """
    rows = [row for _, members in groups for row in members]
    cells = {id(row): _cells(row) for row in rows}
    names = ["model", "engine", "license", "weights", "memory", "image", "state"]
    width = {name: max(len(name), *(len(each[name]) for each in cells.values())) for name in names}
    for reduced in ([], ["license"]):
        shown = [name for name in names if name not in reduced]
        left = columns - sum(width[name] + 2 for name in shown[1:]) - 2
        if left >= width["model"]:
            break
    width["model"] = max(min(width["model"], left), 16)
    yield _line({name: name for name in shown}, shown, width)
    for family, members in groups:
        yield ""
        yield from _facts(family, members, columns, with_license="license" not in shown)
        for row, before in zip(members, [None, *members[:-1]], strict=True):
            cell = cells[id(row)]
            if before is not None and before["model"] == row["model"]:
                cell = {**cell, "model": "", "license": ""}
            elif len(cell["model"]) > width["model"]:
                yield f"  {cell['model']}"
                cell = {**cell, "model": ""}
            yield _line(cell, shown, width)
    yield ""
    yield from _wrapped(
        "weights: the size of what is fetched. memory: the peak for one image, weights included. "
        "image: time of one image with one prompt here, as promptseg bench measured it.",
        columns,
    )
    found = {row["state"] for row in rows}
    for state, meaning in STATES.items():
        if state in found:
            yield from _wrapped(f"{state}: {meaning}.", columns)
    if any(row["license"].startswith("AGPL") for row in rows):
        yield from _wrapped(_AGPL, columns)


def model_lines(rows: Sequence[Row], columns: int) -> Iterator[str]:
    """Yield the lines of one model: its summary, license and prompts, then a row for each engine with where it runs and its state.

    Args:
        rows: Rows of the engines of the model.
        columns: Width of the terminal.
    """
    first = rows[0]
    yield from _wrapped(f"{first['model']}: {first['summary']}", columns)
    yield from _wrapped(f"{_takes(rows)} License: {first['license']}. Family: {first['family']}.", columns, "  ")
    yield ""
    names = ["engine", "weights", "memory", "image", "runs on"]
    cells = [_cells(row) for row in rows]
    width = {name: max(len(name), *(len(each[name]) for each in cells)) for name in names}
    at = sum(width[name] + 2 for name in names) + 2
    fits = all(at + len(row["status"]) <= columns for row in rows)
    head = _line({name: name for name in names}, names, width, padded=True)
    yield f"{head}  state" if fits else head.rstrip()
    for row, cell in zip(rows, cells, strict=True):
        if fits:
            yield f"{_line(cell, names, width, padded=True)}  {row['status']}"
        else:
            yield _line(cell, names, width)
            yield from _wrapped(row["status"], columns, " " * 6)
    if first["license"].startswith("AGPL"):
        yield ""
        yield from _wrapped(_AGPL, columns)


def folder_lines(rows: Sequence[Row], columns: int) -> Iterator[str]:
    """Yield the lines of the kinds of folders that backends recognize: a line for each backend and its files.

    Args:
        rows: The name of a backend, the types of model in a ``config.json``, and the files beside it, of each kind of folder.
        columns: Width of the terminal.
    """
    types: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        types.setdefault((row["backend"], " and ".join(row["files"])), {}).update(dict.fromkeys(row["types"]))
    width = max(len("backend"), *(len(backend) for backend, _ in types))
    yield f"{'backend':{width}}  model_type in config.json, and files"
    for (backend, files), names in types.items():
        first, *others = _wrapped(f"{', '.join(names) or 'any type'}; {files}", columns - width - 2)
        yield f"{backend:{width}}  {first}"
        yield from (f"{'':{width}}  {line}" for line in others)


def _line(cells: Mapping[str, str], names: Iterable[str], width: Mapping[str, int], *, padded: bool = False) -> str:
    line = "  " + "  ".join(f"{cells[name]:{'>' if name in _RIGHT else ''}{width[name]}}" for name in names)
    return line if padded else line.rstrip()


def _facts(family: Family, members: Sequence[Row], columns: int, *, with_license: bool) -> Iterator[str]:
    """Yield the name of a family with what all of it takes and where it runs."""
    devices = [device for device in ("cpu", "cuda", "mps") if any(device in row["devices"] for row in members)]
    runs = f" Runs on {', '.join(devices)}." if devices else ""
    licenses = f" {_licenses(members)}" if with_license else ""
    yield from _wrapped(f"{family.name}: {family.summary}", columns)
    yield from _wrapped(f"{_takes(members)}{runs}{licenses}", columns, "  ")


def _takes(rows: Sequence[Row]) -> str:
    """Return a sentence with the prompts that models take."""
    kinds = {kind for row in rows for kind in row["prompts"]}
    return f"Takes {', '.join(kind for kind in _ORDER if kind in kinds)}." if kinds else "Takes no prompt."


def _licenses(rows: Sequence[Row]) -> str:
    """Return a sentence with the licenses of models: the most frequent first, the others with the names of their models."""
    models: dict[str, dict[str, None]] = {}
    for row in rows:
        models.setdefault(row["license"], {})[row["model"]] = None
    (first, _), *others = sorted(models.items(), key=lambda pair: -len(pair[1]))
    return "; ".join([f"License: {first}", *(f"of {', '.join(names)}: {spdx}" for spdx, names in others)]) + "."


def _cells(row: Row) -> dict[str, str]:
    """Return the values of a row as text."""
    return {
        "model": row["model"],
        "engine": row["engine"],
        "license": row["license"],
        "weights": "" if row["bytes"] is None else _amount(row["bytes"] / 1e6, 1000, "MB", "GB"),
        "memory": "" if row["memory_mib"] is None else _amount(row["memory_mib"], 1024, "MiB", "GiB"),
        "image": "" if row["seconds"] is None else _seconds(row["seconds"]),
        "runs on": ", ".join(row["devices"]),
        "state": row["state"],
    }


def _amount(value: float, step: int, unit: str, larger: str) -> str:
    """Return an amount with its unit; from 1000 on, in the larger unit."""
    return f"{value:,.0f} {unit}" if round(value) < 1000 else f"{value / step:,.1f} {larger}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:,.0f} s"


def _wrapped(text: str, columns: int, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, max(columns, NARROWEST), initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
