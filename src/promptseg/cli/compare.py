"""``promptseg compare``: compare saved evaluation runs object by object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .output import errors_as_messages, usage_error


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN.json...", help="Runs that promptseg evaluate --out saved. The others are compared with the first."),
    ],
    metric: Annotated[str, typer.Option(help="iou, dice, precision, recall, boundary_iou or boundary_f.")] = "iou",
    trained_on: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Images that a model was trained on, or its training record. Images of the runs among them are named. Repeatable.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare runs on the same objects: differences with paired confidence intervals, wins and losses, by size and class.

    Runs on different objects are refused, and the message names the objects.
    """
    # Imported here, because no other command needs them.
    from ..evaluation.comparison import compare as compare_runs
    from ..evaluation.results import Evaluation
    from ..evaluation.train_overlap import training_images

    if len(runs) < 2:
        raise usage_error(f"compare takes two runs or more, got {runs[0]} alone: promptseg compare first.json second.json")
    with errors_as_messages():
        comparison = compare_runs([Evaluation.load(path) for path in runs], metric, trained_on=training_images(trained_on or []))
    typer.echo(json.dumps(comparison.to_dict(), indent=1) if as_json else str(comparison))
    for image, names in comparison.overlap.items():
        typer.echo(f"promptseg: warning: {image} is not a valid test of models that were trained on it: {', '.join(names)}", err=True)
