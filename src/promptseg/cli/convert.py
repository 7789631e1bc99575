"""``promptseg convert``: convert annotations to other formats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ..datasets.catalog import READABLE, WRITABLE
from ..datasets.class_list import classes_of
from ..datasets.core import AnnotatedImage, Dataset, Finding
from ..datasets.reading import open_named
from ..datasets.writing import check_output, write
from ..errors import ConfigError, InputError, nearest
from ..runtime import progress
from . import completion
from .format_options import FormatOption, format_options
from .output import FAILED, errors_as_messages, say, usage_error
from .truth import BoxesOption, CrowdsOption, FitOption, NamesOption


def convert(
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="FORMAT=PATH",
            autocompletion=completion.one_of(f"{name}=" for name in READABLE),
            help=f"The annotations, in one of: {', '.join(READABLE)}.",
        ),
    ],
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME,NAME",
            autocompletion=completion.some_of(WRITABLE),
            help=f"The formats to write, separated by commas, of: {', '.join(WRITABLE)}.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write; each format has a file or folder of its own in it.")],
    images: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The images.")] = None,
    names: NamesOption = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|NAME,NAME",
            help="Classes in the order of their numbers, separated by commas, or a file that lists them: text with one name a line, "
            "data.yaml, or COCO. By default those of the dataset.",
        ),
    ] = None,
    format_option: FormatOption = None,
    boxes: BoxesOption = False,
    crowds: CrowdsOption = False,
    fit: FitOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Convert annotations to other formats, and report how exactly the masks were stored."""
    wanted = list(dict.fromkeys(name.strip() for name in formats.split(",") if name.strip()))
    unknown = [name for name in wanted if name not in WRITABLE]
    if unknown or not wanted:
        raise usage_error(
            f"--format takes {', '.join(WRITABLE)}; got {', '.join(unknown) or 'none'}.{nearest(unknown[0], WRITABLE) if unknown else ''}"
        )
    findings: list[Finding] = []
    with errors_as_messages(), progress.shown():
        options = format_options(format_option or [])
        if idle := [name for name in options if name not in wanted]:
            raise ConfigError(f"--format-option is given for {idle[0]}, which is not written: the formats are {', '.join(wanted)}")
        place = source.partition("=")[2]
        for name in wanted:
            check_output(name, out, options.get(name), inputs=[place] if place else [], images=images)
        order = None if classes is None else classes_of(classes)
        dataset = open_named(source, images, names=names, boxes=boxes, crowds=crowds, fit=fit)
        reports = []
        for name in wanted:
            findings.clear()  # Each format reads all annotations again, with the same findings.
            own = dataset.categories if order is None else order
            reports.append(write(name, _images(dataset, findings, place, name), out, classes=own, **options.get(name, {})))
            if not as_json:
                say(str(reports[-1]))
    if as_json:
        say(json.dumps([report.to_dict() for report in reports], indent=1))
    for finding in findings:
        say(f"promptseg: {finding}", err=True)
    if any(finding.broken for finding in findings):
        raise typer.Exit(FAILED)


def _images(dataset: Dataset, findings: list[Finding], place: str, name: str) -> Iterator[AnnotatedImage]:
    """Iterate over the images of a dataset that can be used.

    The error at the end reaches the writer before its files get their names, so an earlier result is not replaced by an empty one.

    Raises:
        InputError: At the end, when no object could be read although the dataset has annotations.
    """
    any_object = False
    for image in progress.track(dataset.usable(findings), stage=f"write {name}", total=len(dataset), unit="image"):
        any_object = any_object or bool(image.objects)
        yield image
    broken = [finding for finding in findings if finding.broken]
    if broken and not any_object:
        more = f"\n  and {len(broken) - _LISTED} more" if len(broken) > _LISTED else ""
        reasons = "".join(f"\n  {finding}" for finding in broken[:_LISTED])
        raise InputError(f"no object of {place} can be read, so nothing is written, and an earlier result stays as it was:{reasons}{more}")


_LISTED = 10
"""Maximum number of findings that the message lists."""
