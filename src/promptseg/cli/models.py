"""``promptseg models``: list the models and their requirements."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from .._install import install_command
from ..errors import ConfigError
from ..registry.catalog import backend_for, backends, list_models
from ..registry.folders import is_cached, is_on_hub
from ..registry.spec import Engine, ModelSpec
from ..weights import store
from .output import errors_as_messages, say


def models(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the models, with engine, license and whether each is ready to run."""
    with errors_as_messages():
        rows = [_row(model, engine) for model in list_models().values() for engine in model.engines]
    if as_json:
        say(json.dumps({"models": rows}, indent=1))
        return
    for line in _table(rows, shutil.get_terminal_size((100, 24)).columns):
        say(line)


def _table(rows: Sequence[Mapping[str, Any]], columns: int) -> Iterator[str]:
    """Yield the lines of the table: one for each engine of a model, then the model's summary. Long ones are wrapped."""
    width = max(len(row["model"]) for row in rows)
    engine, terms = (max(len(row[column]) for row in rows) for column in ("engine", "license"))
    indent = " " * (width + 2)
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        line = f"{row['model']:{width}}  {row['engine']:{engine}}  {row['license']:{terms}}  "
        if len(line) + len(row["status"]) <= columns:
            yield line + row["status"]
        else:
            yield line.rstrip()
            yield from _wrapped(row["status"], columns, indent)
        if following is None or following["model"] != row["model"]:
            yield from _wrapped(row["summary"], columns, indent)
    if any(row["license"].startswith("AGPL") for row in rows):
        yield ""
        yield from _wrapped(_AGPL, columns, "")


def _wrapped(text: str, columns: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text, max(columns, 60), initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _row(model: ModelSpec, engine: Engine) -> dict[str, Any]:
    return {
        "model": model.name,
        "summary": model.summary,
        "license": model.license,
        "engine": engine.name,
        "backend": engine.backend,
        "prompts": _prompt_kinds(engine),
        "bytes": sum(file.size for file in engine.files if file.size) or None,
        "memory_mib": engine.memory,
        "status": _status(model, engine),
    }


def _prompt_kinds(engine: Engine) -> list[str]:
    backend = backends().get(engine.backend)
    return sorted(backend.accepts) if backend else []


def _status(model: ModelSpec, engine: Engine) -> str:
    try:
        backend = backend_for(model, engine)
    except ConfigError:
        return "does not run in this version yet"
    if backend.missing():
        return f"needs {', '.join(backend.missing())}: {install_command(backend.install)}"
    if is_on_hub(engine):
        if is_cached(engine):
            return "ready"
        gate = f" once its license is accepted at https://huggingface.co/{engine.repository}" if engine.gated else ""
        return f"weights are fetched at first use{gate}"
    own_only = not engine.files and (backend.recognizes or engine.checkpoint is not None or backend.find_weights is not None)
    if not own_only and all(store.cached_path(model.name, file) for file in engine.files):
        return "ready"
    if own_only or not all(file.sources for file in engine.files):
        return f"needs weights of your own: {model.name}=PATH"
    return "weights are fetched at first use"


_AGPL = "AGPL-3.0 requires that a program that uses such a model, even only over a network, is published under that license."
