"""``promptseg models``: list the models and their requirements."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from .._install import install_command
from ..errors import ConfigError
from ..registry.catalog import backend_for, backends, list_models
from ..registry.spec import Engine, ModelSpec
from ..weights import store
from .output import errors_as_messages


def models(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the models, with engine, license and whether each is ready to run."""
    with errors_as_messages():
        rows = [_row(model, engine) for model in list_models().values() for engine in model.engines]
    if as_json:
        typer.echo(json.dumps({"models": rows}, indent=1))
        return
    width = max(len(row["model"]) for row in rows)
    for row in rows:
        typer.echo(f"{row['model']:{width}}  {row['engine']:12}  {row['license']:12}  {row['status']}")
        typer.echo(f"{'':{width}}  {row['summary']}")
    if any(row["license"].startswith("AGPL") for row in rows):
        typer.echo("\nAGPL-3.0 requires that a program that uses such a model, even only over a network, is published under that license.")


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
    own_only = not engine.files and (backend.recognizes or engine.checkpoint is not None)
    if not own_only and all(store.cached_path(model.name, file) for file in engine.files):
        return "ready"
    if own_only or not all(file.sources for file in engine.files):
        return f"needs weights of your own: {model.name}=PATH"
    return "weights are fetched at first use"
