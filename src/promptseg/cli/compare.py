"""``promptseg compare``: compare saved evaluation runs object by object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from . import completion
from .output import errors_as_messages, say, usage_error


def _metrics(incomplete: str) -> completion.Completions:
    from ..evaluation.aggregates import METRICS

    return completion.one_of(METRICS)(incomplete)


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN.json", help="Runs that promptseg evaluate --out saved. The others are compared with the first."),
    ],
    metric: Annotated[
        str, typer.Option(metavar="NAME", autocompletion=_metrics, help="iou, dice, precision, recall, boundary_iou or boundary_f.")
    ] = "iou",
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
        loaded = [Evaluation.load(path) for path in runs]
        comparison = compare_runs(loaded, metric, trained_on=training_images(trained_on or []), names=_names(runs))
    say(json.dumps(comparison.to_dict(), indent=1) if as_json else str(comparison))
    if comparison.overlap:
        named = [f"{image} ({', '.join(known)})" if known else image for image, known in comparison.overlap.items()]
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        say(
            f"promptseg: warning: {len(named)} of the {comparison.images} images are training images of a model, and say nothing about how "
            f"good it is on other images: {', '.join(named[:_NAMED])}{more}",
            err=True,
        )


def _names(runs: list[Path]) -> list[str]:
    """Return the names of the files of the runs, or their whole paths where files in two folders have the same name."""
    names = [path.name for path in runs]
    return names if len(set(names)) == len(set(runs)) else [str(path) for path in runs]


_NAMED = 5
"""Maximum number of images that the warning names."""
