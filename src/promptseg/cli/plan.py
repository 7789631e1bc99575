"""``promptseg plan``: the best models for a task within a budget."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..pipeline import Pipeline
from ..pipeline.plan import TASKS
from ..runtime.files import output_errors, write_atomically
from ..runtime.output_paths import check_output_file
from . import completion
from .output import errors_as_messages, say


def plan(
    budget: Annotated[
        str,
        typer.Argument(
            metavar="BUDGET",
            help="Memory, seconds per image, licenses, such as '2 GB, 1 s, permissive'; also 'no torch' and 'installed'.",
        ),
    ] = "",
    task: Annotated[
        str, typer.Option(metavar="NAME", autocompletion=completion.one_of(tuple(TASKS)), help=f"What for: {', '.join(TASKS)}.")
    ] = "segment",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.yaml", help="Write the pipeline, for --config of segment, annotate and cutout.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Name the best models of the catalog for a task within a budget, and say why.

    Nothing is loaded or fetched. Times are those of `promptseg bench`.
    """
    with errors_as_messages():
        if out is not None:
            check_output_file(out, suffixes=(".yaml", ".yml"))
        found = Pipeline.plan(budget, task)
        config = found.pipeline().to_config()
        if out is not None:
            import yaml

            with output_errors(out), write_atomically(out, text=True) as file:
                yaml.safe_dump(config, file, sort_keys=False)
    if as_json:
        stages = [
            {
                "stage": stage.stage,
                "model": stage.model.name,
                "engine": stage.engine.name,
                "license": stage.model.license,
                "memory_mib": stage.engine.memory,
                "seconds": stage.seconds,
                "measured_here": stage.measured,
            }
            for stage in found.stages
        ]
        say(json.dumps({"task": task, "stages": stages, "passed_over": dict(found.passed_over), "config": config}, indent=1))
        return
    say(str(found))
    if out is not None:
        say(f"promptseg: wrote {out}", err=True)
