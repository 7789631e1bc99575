"""``promptseg models``: list the models and their requirements."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Annotated, Any

import typer

from ..registry.catalog import backends, find_model, list_models
from ..registry.families import Family, in_families
from ..registry.readiness import readiness
from ..registry.spec import Engine, ModelSpec
from ..speed.figures import SpeedFigure, figures_here
from . import completion
from .model_tables import family_lines, folder_lines, model_lines
from .output import errors_as_messages, say, usage_error


def models(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", autocompletion=completion.models, help="Models or families; default: all.")
    ] = None,
    folders: Annotated[
        bool, typer.Option("--folders", help="List the folders that are models without a name here, by their type.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the models in families: license, size, memory, speed here, and whether each is ready to run.

    A model that is named is described with all its engines. Speed is that of `promptseg bench`: seconds for an image with one prompt.
    """
    if folders:
        if names:
            raise usage_error(f"--folders lists what every backend recognizes: leave out {' '.join(names)}")
        _list_folders(as_json=as_json)
        return
    with errors_as_messages():
        speeds = figures_here()
        whole, single = _asked(names or ())
        families, alone = (
            [(family, [_row(family, model, engine, speeds) for model in members for engine in model.engines]) for family, members in groups]
            for groups in (whole, single)
        )
    if as_json:
        say(json.dumps({"models": [row for _, rows in (*families, *alone) for row in rows]}, indent=1))
        return
    columns = shutil.get_terminal_size((100, 24)).columns
    parts = [family_lines(families, columns)] if families else []
    parts += [model_lines(list(rows), columns) for _, members in alone for _, rows in itertools.groupby(members, key=itemgetter("model"))]
    for number, lines in enumerate(parts):
        if number:
            say("")
        for line in lines:
            say(line)


def _list_folders(*, as_json: bool) -> None:
    """Print the kinds of folders that backends recognize."""
    kinds = [(backend, folder) for backend in backends().values() for folder in backend.folders]
    rows = [
        {
            "backend": backend.name,
            "types": sorted(folder.types),
            "files": [f"{stem}.onnx" for stem in folder.onnx] or ["model.safetensors"],
        }
        for backend, folder in kinds
    ]
    if as_json:
        say(json.dumps({"folders": rows}, indent=1))
        return
    for line in folder_lines(rows, shutil.get_terminal_size((100, 24)).columns):
        say(line)


_Groups = list[tuple[Family, list[ModelSpec]]]


def _asked(names: Sequence[str]) -> tuple[_Groups, _Groups]:
    """Return the families that are asked for, all without names, and the models that are asked for by their own names, by family.

    Raises:
        UnknownModelError: There is neither such a model nor such a family.
    """
    groups = in_families(list_models().values())
    if not names:
        return groups, []
    known = {family.name.casefold() for family, _ in groups}
    # Of a family and a model with one name, such as mini-sam, the model is meant.
    wanted = {name.casefold() for name in names if name.casefold() in known and name not in list_models()}
    models = {name: find_model(name) for name in names if name.casefold() not in wanted}
    return [(family, members) for family, members in groups if family.name.casefold() in wanted], in_families(models.values())


def _row(family: Family, model: ModelSpec, engine: Engine, speeds: Mapping[tuple[str, str], SpeedFigure]) -> dict[str, Any]:
    backend, speed = backends().get(engine.backend), speeds.get((model.name, engine.name))
    state, status = readiness(model, engine)
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
        "state": state,
        "status": status,
        "family": family.name,
    }
