"""Command line of promptseg, one command per module. The commands are thin wrappers of library functions.

Exit status: 0 for success, 1 when something could not be processed (the message says what), 2 for wrong usage.
"""

from __future__ import annotations

import io
import logging
import sys
import warnings
from pathlib import Path
from typing import TextIO

import typer

from . import (
    annotate,
    bench,
    calibrate,
    compare,
    config,
    convert,
    cutout,
    demo,
    evaluate,
    export,
    finetune,
    mcp,
    models,
    plan,
    segment,
    serve,
    studio,
    track,
    weights,
)
from .help_text import Command
from .output import say

app = typer.Typer(name="promptseg", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
app.add_typer(config.app, name="config")
app.command("annotate", cls=Command)(annotate.annotate)
app.command("bench", cls=Command, short_help="Time models on this machine.")(bench.bench)
app.command("calibrate", cls=Command, short_help="Fit a model's scores to the IoU to expect.")(calibrate.calibrate)
app.command("compare", cls=Command, short_help="Compare runs on the same objects, with intervals.")(compare.compare)
app.command("convert", cls=Command, short_help="Convert annotations to other formats, and check them.")(convert.convert)
app.command("cutout", cls=Command, short_help="Cut objects out of images: transparent PNGs.")(cutout.cutout)
app.command("demo", cls=Command, short_help="Segment the sample image: a first look.")(demo.demo)
app.command("evaluate", cls=Command, short_help="Evaluate a model on an annotated dataset.")(evaluate.evaluate)
app.command("export", cls=Command)(export.export)
app.command("finetune", cls=Command)(finetune.finetune)
app.command("mcp", cls=Command, short_help="Offer images and models to assistants (MCP).")(mcp.mcp)
app.command("models", cls=Command)(models.models)
app.command("plan", cls=Command, short_help="Name the best models within a budget, and why.")(plan.plan)
app.add_typer(weights.app, name="weights")
app.command("segment", cls=Command)(segment.segment)
app.command("serve", cls=Command, short_help="Serve models to other programs and labeling tools.")(serve.serve)
app.command("studio", cls=Command, short_help="Segment and correct objects in the browser.")(studio.studio)
app.command("track", cls=Command)(track.track)


@app.callback(invoke_without_command=True)
def common_options(
    show_version: bool = typer.Option(False, "--version", help="Show the version and exit.", is_eager=True),
    verbose: int = typer.Option(
        0, "--verbose", "-v", count=True, show_default=False, help="Log what is loaded, fetched and has failed; twice: also each image."
    ),
) -> None:
    """Promptable segmentation: from an image and a prompt to a mask."""
    if verbose:
        _log_to_standard_error(logging.INFO if verbose == 1 else logging.DEBUG)
    if show_version:
        from .. import __version__

        typer.echo(f"promptseg {__version__}")
        raise typer.Exit


def _log_to_standard_error(level: int) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger(__package__.partition(".")[0])
    logger.handlers[:] = [handler]
    logger.setLevel(level)


def main() -> None:
    """Run the ``promptseg`` command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # The encoding of a pipe may lack "→", and a file name may not be valid in any encoding.
    warnings.formatwarning = _format_warning
    warnings.showwarning = _show_warning
    _quiet_pillow()
    # A shell completes the command promptseg, also where the script of the completion is made by `python -m promptseg`.
    completes = any(word in ("--install-completion", "--show-completion") for word in sys.argv[1:])
    app(prog_name="promptseg" if completes else None)


def _quiet_pillow() -> None:
    """Keep what Pillow says of damaged files from the terminal: an error of promptseg tells it with what to do."""
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").addHandler(logging.NullHandler())


_plain_format = warnings.formatwarning


def _format_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None) -> str:
    """Format a warning of promptseg as a message to the user, and a warning of another library with its place in the code."""
    if Path(filename).is_relative_to(Path(__file__).parents[1]):
        return f"promptseg: {message}\n"
    return _plain_format(message, category, filename, lineno, line)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None, line: str | None = None
) -> None:
    """Print a warning above the progress bars."""
    text = warnings.formatwarning(message, category, filename, lineno, line)
    if file is None:
        say(text.rstrip("\n"), err=True)
    else:
        file.write(text)
