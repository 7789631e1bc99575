"""``promptseg bench``: how fast models are on this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..registry import choose
from ..runtime import progress
from ..speed.figures import STEPS, SpeedFigure, figures_path
from . import completion
from .output import errors_as_messages, say, usage_error
from .prompts import AutoDeviceOption


def bench(
    models: Annotated[list[str], typer.Argument(metavar="NAME[=WEIGHTS]", autocompletion=completion.models, help="The models.")],
    image: Annotated[Path | None, typer.Option(metavar="FILE", help="The image; default: the sample image, 600 x 400.")] = None,
    engine: Annotated[
        str | None,
        typer.Option(metavar="NAME", autocompletion=completion.engines_of("models"), help="Engine that runs the model, if it has several."),
    ] = None,
    device: AutoDeviceOption = "auto",
    rounds: Annotated[int, typer.Option(metavar="N", help="Number of rounds, of which the median counts.")] = 3,
    no_everything: Annotated[bool, typer.Option("--no-everything", help="Leave out everything mode, which takes longest.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time models on this machine: load, encode, one prompt, everything.

    The figures are kept. `promptseg models` shows them, and `promptseg plan` uses them.
    """
    from ..speed import bench as measured

    if rounds < 1:
        raise usage_error(f"--rounds is at least 1, got {rounds}")
    figures: list[SpeedFigure] = []
    with errors_as_messages(), progress.shown():
        for name in models:  # All of them before the first is timed, which takes minutes.
            choose(name, engine=engine)
        for name in models:
            figures.append(measured(name, engine=engine, device=device, image=image, rounds=rounds, everything=not no_everything))
            if not as_json:
                say(_line(figures[-1]), err=True)
    if as_json:
        say(json.dumps({"figures": [asdict(figure) for figure in figures]}, indent=1))
        return
    for line in _table(figures):
        say(line)
    say(f"promptseg: kept in {figures_path()}", err=True)


def _line(figure: SpeedFigure) -> str:
    return f"promptseg: {figure.model}, engine {figure.engine}, {figure.device} ({figure.processor}, {figure.threads} processors)"


def _table(figures: Sequence[SpeedFigure]) -> list[str]:
    """Return the lines of a table of seconds: a model a line, a step a column."""
    steps = [step for step in STEPS if any(step in figure.seconds for figure in figures)]
    width = max(len("model"), *(len(figure.model) for figure in figures))
    engines = max(len("engine"), *(len(figure.engine) for figure in figures))
    lines = [f"{'model':{width}}  {'engine':{engines}}  {'device':6}" + "".join(f"{step:>12}" for step in steps)]
    for figure in figures:
        cells = (f"{figure.seconds[step]:10.3f} s" if step in figure.seconds else f"{'':12}" for step in steps)
        lines.append(f"{figure.model:{width}}  {figure.engine:{engines}}  {figure.device:6}" + "".join(cells))
    return lines
