"""Output of the commands: error messages with an exit status, findings, and names of files."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..errors import ConfigError, PromptSegError
from ..runtime.files import remove_leftovers, short_name

if TYPE_CHECKING:
    from ..datasets.core import Finding

FAILED = 1
WRONG_USAGE = 2
_LONGEST = 200
"""Number of bytes of an image's name that the names of its output files have. File systems allow 255 with what follows it."""


@contextlib.contextmanager
def errors_as_messages() -> Iterator[None]:
    """Print a `PromptSegError` of the block as one message and exit, with status 2 for a `ConfigError` and 1 for any other."""
    try:
        yield
    except PromptSegError as error:
        typer.echo(f"promptseg: {error}", err=True)
        raise typer.Exit(WRONG_USAGE if isinstance(error, ConfigError) else FAILED) from error


def usage_error(message: str) -> typer.Exit:
    """Print a message about wrong usage and return the exit exception for the caller to raise."""
    typer.echo(f"promptseg: {message}", err=True)
    return typer.Exit(WRONG_USAGE)


def print_findings(findings: Sequence[Finding]) -> None:
    """Print findings on standard error: every broken file, and of other findings the first of each kind with their number.

    Raises:
        typer.Exit: With status 1, when a finding is broken.
    """
    counts = Counter(finding.kind for finding in findings)
    told = set()
    for finding in findings:
        if finding.broken:
            typer.echo(f"promptseg: {finding}", err=True)
        elif finding.kind not in told:
            told.add(finding.kind)
            more = counts[finding.kind] - 1
            typer.echo(f"promptseg: {finding}" + (f" ({more} more like this)" if more else ""), err=True)
    if any(finding.broken for finding in findings):
        raise typer.Exit(FAILED)


def distinct_names(images: Sequence[Path]) -> list[str]:
    """Return the base name of each image's output files: the image's name without suffix, numbered when several share it.

    A name that leaves no room for what follows it is cut.
    """
    names: dict[str, None] = {}  # As an ordered set.
    for image in images:
        stem = short_name(image.stem, _LONGEST)
        numbered = (f"{stem}-{number}" for number in itertools.count(2))
        names[next(name for name in itertools.chain([stem], numbered) if name not in names)] = None
    return list(names)


def model_paths(*models: str | None) -> list[Path]:
    """Return the files and folders of weights that model names contain: ``NAME=PATH``, or the path of a folder."""
    return [Path(model.partition("=")[2] or model) for model in models if model is not None]


def clean_up(folder: Path, name: str | None = None) -> None:
    """Remove what a killed run left half-written in a folder (of the file `name`, or all), and print a message with the number."""
    removed = remove_leftovers(folder, name)
    if removed:
        what = "a half-written file" if removed == 1 else f"{removed} half-written files"
        typer.echo(f"promptseg: removed {what} of an interrupted run from {folder}", err=True)


def seconds(timings: dict[str, float]) -> str:
    """Format timings, such as ``"encode 0.51 s, segment 0.03 s"``."""
    return ", ".join(f"{stage} {spent:.2f} s" for stage, spent in timings.items())
