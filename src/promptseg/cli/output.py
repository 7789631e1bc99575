"""Output of the commands: error messages with an exit status, findings, and names of files."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import typer
from tqdm import tqdm

from .._counting import number_of
from ..errors import ConfigError, OutputError, PromptSegError
from ..runtime import progress
from ..runtime.files import remove_leftovers, short_name

if TYPE_CHECKING:
    from ..datasets.core import Finding

FAILED = 1
WRONG_USAGE = 2
_LONGEST = 200
"""Number of bytes of an image's name that the names of its output files have. File systems allow 255 with what follows it."""


def say(line: str, *, err: bool = False) -> None:
    """Print a line, above the progress bars if there are any.

    Args:
        line: The line.
        err: Whether to print it on standard error, as every message that is not a result.
    """
    with tqdm.external_write_mode(file=sys.stderr if err else sys.stdout):
        typer.echo(line, err=err)


@contextlib.contextmanager
def errors_as_messages() -> Iterator[None]:
    """Print a `PromptSegError` of the block as one message and exit, with status 2 for a `ConfigError` and 1 for any other."""
    try:
        yield
    except PromptSegError as error:
        say(f"promptseg: {error}", err=True)
        raise typer.Exit(WRONG_USAGE if isinstance(error, ConfigError) else FAILED) from error


def usage_error(message: str) -> typer.Exit:
    """Print a message about wrong usage and return the exit exception for the caller to raise."""
    say(f"promptseg: {message}", err=True)
    return typer.Exit(WRONG_USAGE)


def written(write: Callable[[], object], path: Path) -> bool:
    """Write an output, and print where it is or why it cannot be written. Return whether it was written."""
    try:
        with progress.shown():
            write()
    except OutputError as error:
        say(f"promptseg: {error}", err=True)
        return False
    say(f"promptseg: wrote {path}", err=True)
    return True


def print_findings(findings: Sequence[Finding]) -> None:
    """Print findings on standard error: every broken file, and of other findings the first of each kind with their number.

    Raises:
        typer.Exit: With status 1, when a finding is broken.
    """
    counts = Counter(finding.kind for finding in findings)
    told = set()
    for finding in findings:
        if finding.broken:
            say(f"promptseg: {finding}", err=True)
        elif finding.kind not in told:
            told.add(finding.kind)
            more = counts[finding.kind] - 1
            say(f"promptseg: {finding}" + (f" ({more} more like this)" if more else ""), err=True)
    if any(finding.broken for finding in findings):
        raise typer.Exit(FAILED)


def distinct_names(images: Iterable[PurePath]) -> list[str]:
    """Return the base name of each image's output files: the image's name without suffix, numbered when several share it.

    A name that leaves no room for what follows it is cut.
    """
    names: dict[str, None] = {}  # As an ordered set.
    numbers: dict[str, itertools.count[int]] = {}  # So that very many images of one name do not take very long.
    for image in images:
        stem = name = short_name(image.stem, _LONGEST)
        while name in names:
            name = f"{stem}-{next(numbers.setdefault(stem, itertools.count(2)))}"
        names[name] = None
    return list(names)


def model_paths(*models: str | None) -> list[Path]:
    """Return the files and folders of weights that model names contain: ``NAME=PATH``, or the path of a folder."""
    return [Path(model.partition("=")[2] or model) for model in models if model is not None]


def clean_up(folder: Path, name: str | None = None) -> None:
    """Remove what a killed run left half-written in a folder (of the file `name`, or all), and print a message with the number."""
    removed = remove_leftovers(folder, name)
    if removed:
        what = number_of(removed, "half-written file")
        say(f"promptseg: removed {what} of an interrupted run from {folder}", err=True)


def seconds(timings: dict[str, float]) -> str:
    """Format timings, such as ``"encode 0.51 s, segment 0.03 s"``."""
    return ", ".join(f"{stage} {spent:.2f} s" for stage, spent in timings.items())
