"""``promptseg mcp``: tools for assistants, by the Model Context Protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .._install import install_extra
from ..assistants.allowed_folders import AllowedFolders, default_folder
from ..assistants.workbench import Workbench
from ..errors import MissingDependencyError
from . import completion
from .output import errors_as_messages, say
from .prompts import ConfigOption, DeviceOption, ModelOption, ThresholdOption, pipeline_of
from .segment import build


def mcp(
    model: ModelOption = None,
    detector: Annotated[
        str | None, typer.Option(metavar="NAME[=WEIGHTS]", autocompletion=completion.detectors, help="The detector, for text.")
    ] = None,
    threshold: ThresholdOption = None,
    concept: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[=WEIGHTS]",
            autocompletion=completion.concepts,
            help="The model that finds what is like an example and, if it reads words, what a phrase names "
            "(default: exemplar, on the segmenter).",
        ),
    ] = None,
    config: ConfigOption = None,
    device: DeviceOption = None,
    allow: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="A folder below which images may be read and masks may be written (default: the current folder). Repeatable.",
        ),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not cache image embeddings on the disk.")] = False,
) -> None:
    """Offer images and models to assistants such as Claude, by the Model Context Protocol (MCP).

    The assistant's program starts this command and talks to it over standard input and output.
    """
    pipeline = pipeline_of(config, model, None, detector, None, threshold=threshold, concept=concept)
    with errors_as_messages():
        pipeline.check()  # What is wrong is told here, and not at the first call.
        folders = AllowedFolders(allow or [default_folder()])
        try:
            from ..assistants.server import make_server
        except ImportError as error:
            raise MissingDependencyError(f"promptseg mcp needs package mcp, which cannot be imported: {install_extra('mcp')}") from error
        stages = {name: getattr(pipeline.config, name) for name in ("detect", "segment", "concept")}
        in_use = {name: stage.model for name, stage in stages.items() if stage is not None}
        server = make_server(Workbench(lambda: build(pipeline, device, no_cache), folders), in_use)
    models = ", ".join(f"{name} {model_name}" for name, model_name in in_use.items())
    say(f"promptseg: waiting for an assistant on standard input ({models}; files below {', '.join(map(str, folders.roots))})", err=True)
    server.run("stdio")
