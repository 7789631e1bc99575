"""``promptseg export``: export a torch model as a pair of ONNX files that run without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..runtime import progress
from . import completion
from .output import clean_up, errors_as_messages, say


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME[=WEIGHTS]",
            autocompletion=completion.segmenters,
            help="A model that runs in torch: SAM, MobileSAM, mini-sam or SAM 2; in layout transformers-js also EdgeTAM.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder for the pair (default: NAME-onnx or NAME-transformers-js; with --int8, -int8 at its end)."
        ),
    ] = None,
    weights: Annotated[Path | None, typer.Option(metavar="PATH", help="Your own checkpoint instead of the published one.")] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="original: that of the model's published pairs; transformers-js: that of transformers.js (default: the first of the two).",
        ),
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Quantize the encoder: a smaller file, slightly different masks.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write to a folder that is not empty, and replace an export in it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the summary.")] = False,
) -> None:
    """Export a torch model as an ONNX encoder and decoder, checked against the model on the sample image."""
    from ..export.pair import export_onnx

    if out is not None:
        clean_up(out.parent, out.name)
        clean_up(out)
    with errors_as_messages(), progress.shown():
        done = export_onnx(model, out, weights=weights, layout=layout, int8=int8, overwrite=overwrite)
    if as_json:
        say(json.dumps(done.to_dict(), indent=1))
        return
    for name, size in done.files.items():
        say(f"{done.folder / name}  {size / 1e6:.1f} MB")
    say(f"Against torch: {done.agreement}")
    say(f"Use it: --model {done.model}={done.folder}")
