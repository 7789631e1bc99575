"""``promptseg models``: list the models and their requirements."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from ..registry.catalog import backends, find_model, list_models
from ..registry.families import Family, in_families
from ..registry.readiness import readiness
from ..registry.spec import Engine, ModelSpec
from ..speed.figures import SpeedFigure, figures_here
from . import completion
from .output import errors_as_messages, say


def models(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", autocompletion=completion.models, help="Models or families; default: all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the models in families: license, size, memory, speed here, and whether each is ready to run.

    Speed is that of `promptseg bench`: seconds for an image with one prompt.
    """
    with errors_as_messages():
        speeds = figures_here()
        groups = [
            (family, [_row(model, engine, speeds) for model in members for engine in model.engines])
            for family, members in _asked(names or ())
        ]
    if as_json:
        say(json.dumps({"models": [{**row, "family": family.name} for family, rows in groups for row in rows]}, indent=1))
        return
    for line in _tables(groups, shutil.get_terminal_size((100, 24)).columns, summaries=bool(names)):
        say(line)


def _asked(names: Sequence[str]) -> list[tuple[Family, list[ModelSpec]]]:
    """Return the models that names of models or families ask for, by family.

    Raises:
        UnknownModelError: There is neither such a model nor such a family.
    """
    groups = in_families(list_models().values())
    if not names:
        return groups
    known = {family.name.casefold(): members for family, members in groups}
    asked: dict[str, ModelSpec] = {}
    for name in names:
        asked.update((model.name, model) for model in known.get(name.casefold()) or [find_model(name)])
    return in_families(asked.values())


_COLUMNS = ("model", "engine", "license", "size", "memory", "here")
_HEADS = {"size": "weights", "here": "image"}


def _tables(groups: Sequence[tuple[Family, Sequence[Mapping[str, Any]]]], columns: int, *, summaries: bool) -> Iterator[str]:
    """Yield the lines of all families: their names, then one line for each engine of a model. Long ones are wrapped.

    Args:
        groups: Rows of each family.
        columns: Width of the terminal.
        summaries: Whether the summary of a model follows its engines.
    """
    rows = [{**row, **_cells(row)} for _, members in groups for row in members]
    width = {name: max(len(_HEADS.get(name, name)), *(len(row[name]) for row in rows)) for name in _COLUMNS}

    def line(values: Mapping[str, str]) -> str:
        cells = (f"{values[name]:{'>' if name in ('size', 'memory', 'here') else ''}{width[name]}}" for name in _COLUMNS)
        return "  " + "  ".join(cells)

    yield line({name: _HEADS.get(name, name) for name in _COLUMNS}) + "  state"
    for family, members in groups:
        takes = sorted({kind for row in members for kind in row["prompts"]})
        devices = [device for device in ("cpu", "cuda", "mps") if any(device in row["devices"] for row in members)]
        yield ""
        taken = f"Takes {', '.join(takes)}. " if takes else ""
        runs = f"Runs on {', '.join(devices)}." if devices else ""
        facts = f"{family.name}: {family.summary}. {taken}{runs}".rstrip()
        yield from _wrapped(facts, columns, "")
        for row, following in zip(members, [*members[1:], None], strict=True):
            text = line({**row, **_cells(row)}) + "  "
            if len(text) + len(row["status"]) <= columns:
                yield text + row["status"]
            else:
                yield text.rstrip()
                yield from _wrapped(row["status"], columns, " " * (width["model"] + 4))
            if summaries and (following is None or following["model"] != row["model"]):
                yield from _wrapped(row["summary"], columns, " " * (width["model"] + 4))
    if any(row["license"].startswith("AGPL") for row in rows):
        yield ""
        yield from _wrapped(_AGPL, columns, "")


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the numbers of a row as text: sizes in MB, memory in MiB, and seconds."""
    return {
        "size": "" if row["bytes"] is None else f"{row['bytes'] / 1e6:,.0f} MB",
        "memory": "" if row["memory_mib"] is None else f"{row['memory_mib']:,} MiB",
        "here": "" if row["seconds"] is None else f"{row['seconds']:.2f} s",
    }


def _wrapped(text: str, columns: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text, max(columns, 60), initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _row(model: ModelSpec, engine: Engine, speeds: Mapping[tuple[str, str], SpeedFigure]) -> dict[str, Any]:
    backend, speed = backends().get(engine.backend), speeds.get((model.name, engine.name))
    return {
        "model": model.name,
        "summary": model.summary,
        "license": model.license,
        "engine": engine.name,
        "backend": engine.backend,
        "prompts": sorted(backend.accepts) if backend else [],
        "devices": list(backend.devices) if backend else [],
        "bytes": sum(file.size for file in engine.files if file.size) or None,
        "memory_mib": engine.memory,
        "seconds": None if speed is None else speed.image_seconds,
        "status": readiness(model, engine),
    }


_AGPL = "AGPL-3.0 requires that a program that uses such a model, even only over a network, is published under that license."
