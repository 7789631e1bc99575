"""What the commands share: errors as messages with an exit status, files written whole, JSON, progress."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from PIL import Image

from ..errors import ConfigError, OutputError, PromptSegError
from ..runtime.files import output_errors, write_atomically

if TYPE_CHECKING:
    from ..datasets.core import Finding

FAILED = 1
WRONG_USAGE = 2


@contextlib.contextmanager
def errors_as_messages() -> Iterator[None]:
    """Prints an error of promptseg as one message and exits: 2 for a configuration that cannot work, 1 for anything else."""
    try:
        yield
    except PromptSegError as error:
        typer.echo(f"promptseg: {error}", err=True)
        raise typer.Exit(WRONG_USAGE if isinstance(error, ConfigError) else FAILED) from error


def usage_error(message: str) -> typer.Exit:
    """Prints what is wrong with the command line; raise what it returns."""
    typer.echo(f"promptseg: {message}", err=True)
    return typer.Exit(WRONG_USAGE)


def tell_findings(findings: Sequence[Finding]) -> None:
    """Says on standard error what was found: what is broken one by one, of all else the first of each kind and how many there are.

    Exits with 1 where something is broken.
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


def picture_format(path: Path) -> str | None:
    """Pillow's name of the format that a path's suffix stands for, or None where it is none that Pillow writes."""
    kind = Image.registered_extensions().get(path.suffix.lower())
    return kind if kind in Image.SAVE else None


def distinct_names(images: Sequence[Path]) -> list[str]:
    """A name for the files of each photo: its own without the suffix, and a number where several share it."""
    names: dict[str, None] = {}  # As an ordered set.
    for image in images:
        numbered = (f"{image.stem}-{number}" for number in itertools.count(2))
        names[next(name for name in itertools.chain([image.stem], numbered) if name not in names)] = None
    return list(names)


def write_image(image: Image.Image, path: Path) -> None:
    """Writes a picture in the format of its name, whole or not at all."""
    kind = picture_format(path)
    if kind is None:
        raise OutputError(f"cannot write {path}: {path.suffix or 'a name without a suffix'!r} is not a picture format that Pillow writes")
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as file:
            image.save(file, kind)


def write_json(values: Any, path: Path) -> None:
    """Writes JSON, whole or not at all."""
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path, text=True) as file:
            json.dump(values, file, indent=1)
            file.write("\n")


def seconds(timings: dict[str, float]) -> str:
    """Timings for people: ``"encode 0.51 s, segment 0.03 s"``."""
    return ", ".join(f"{stage} {spent:.2f} s" for stage, spent in timings.items())
