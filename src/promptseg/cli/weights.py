"""``promptseg weights``: fetch, verify and locate model weights."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from .. import registry
from .._counting import number_of
from ..errors import WeightsMismatchError
from ..models.sam.onnx.preparing_code import current_codes
from ..registry.folders import is_on_hub, named_model, verify_on_hub
from ..runtime.prepared import check_prepared
from ..weights import hub, store
from ..weights.leftovers import remove_cache_leftovers, remove_outdated_graphs
from . import completion
from .help_text import Command
from .output import FAILED, errors_as_messages, say

app = typer.Typer(no_args_is_help=True, help="Fetch, verify and locate model weights.", rich_markup_mode=None)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", autocompletion=completion.models, help="Name of a model, as `promptseg models` lists it, or hf:OWNER/NAME."
    ),
]
EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        autocompletion=completion.engines_of("name"),
        help="Engine whose weights are meant, for a model with several engines.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command(cls=Command)
def fetch(name: Name, engine: EngineName = None, as_json: AsJson = False) -> None:
    """Download a model's weights, verify them and prepare them for use."""
    with errors_as_messages():
        found = registry.fetch(name, engine)
    if as_json:
        say(json.dumps({"model": name, "files": {n: str(p) for n, p in found.files.items()}, "sha256": dict(found.sha256)}, indent=1))
        return
    for file, path in found.files.items():
        say(f"{file}  {path.stat().st_size / 1e6:.1f} MB  {path}")
    if not found.files:
        say(f"{name} has no weights")


@app.command(cls=Command)
def verify(name: Name, engine: EngineName = None, as_json: AsJson = False) -> None:
    """Hash a model's cached weights and the graphs prepared from them, and compare them with what they should be.

    What killed processes and other versions left in the cache is removed and counted.
    """
    report: dict[str, str] = {}
    prepared: dict[str, str] = {}
    with errors_as_messages():
        chosen = named_model(name).engine(engine)
        removed, (outdated, size) = remove_cache_leftovers(), remove_outdated_graphs(current_codes())
        if is_on_hub(chosen):
            report |= verify_on_hub(chosen)
        for file in chosen.files:
            try:
                report[file.name] = store.verify_file(name, file)
            except WeightsMismatchError as error:
                report[file.name] = f"damaged: {error}"
            prepared |= check_prepared(file.sha256)
    if as_json:
        values = {"model": name, "files": report, "prepared": prepared, "leftovers_removed": removed, "outdated_removed": outdated}
        say(json.dumps(values, indent=1))
    else:
        for file_name, status in {**report, **prepared}.items():
            say(f"{file_name}  {status}")
        if not report:
            say(f"{name} has no weights")
        if removed:
            say(f"removed {number_of(removed, 'temporary file')} that killed processes left in the cache")
        if outdated:
            say(f"removed graphs that another version prepared: {number_of(outdated, 'folder')} with {size / 1e6:.1f} MB")
    if any(status != "ok" for status in (*report.values(), *prepared.values())):
        raise typer.Exit(FAILED)


@app.command(cls=Command)
def path(name: Name, engine: EngineName = None, as_json: AsJson = False) -> None:
    """Print the folder of a model's weights, even if it does not exist yet."""
    with errors_as_messages():
        chosen = named_model(name).engine(engine)
        folder = hub.cached_folder(str(chosen.repository), chosen.revision) if is_on_hub(chosen) else store.weights_folder(name)
    say(json.dumps({"model": name, "path": str(folder)}) if as_json else str(folder))
