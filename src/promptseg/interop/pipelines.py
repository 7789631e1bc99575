"""Pipelines for tools that load promptseg into their own process, made of the few options that such a tool can pass on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from ..errors import ConfigError, PromptSegError
from ..models.sam.cache import EmbeddingCache
from ..pipeline.builder import Pipeline
from ..pipeline.runner import BuiltPipeline
from ..registry.builtin_backends import DEFAULT_MODEL


def load_pipeline(
    model: str | None = None, detector: str | None = None, pipeline: str | None = None, device: str | None = None
) -> BuiltPipeline:
    """Return a pipeline that keeps the embeddings of the latest images in 256 MiB of memory, so that a click on a known image is quick.

    Args:
        model: Name of the segmenter. Default: ``mini-sam``.
        detector: Name of a detector, for phrases.
        pipeline: Path of a file that describes the pipeline, in place of `model` and `detector`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``. Default: what the file says,
            or else ``"auto"``.

    Raises:
        ConfigError: A file is given together with a model or a detector, or what they say cannot work.
        MissingDependencyError: A package of a model is not installed.
        WeightsError: The weights of a model are not available or not as expected.
    """
    if pipeline is not None:
        if model is not None or detector is not None:
            raise ConfigError("a pipeline file names its own models: leave model and detector out, or the file")
        stages = Pipeline.from_config(pipeline)
    else:
        stages = Pipeline().segment(DEFAULT_MODEL if model is None else model)
        if detector is not None:
            stages = stages.detect(detector)
    return stages.build(device).with_cache(EmbeddingCache())


def pipeline_of_arguments(program: str, arguments: Sequence[str]) -> tuple[BuiltPipeline, list[str]]:
    """Return the pipeline of a command line, and the arguments that are left for the tool.

    Args:
        program: Name of the program in its help.
        arguments: ``--model``, ``--detector``, ``--pipeline`` and ``--device`` with their values, among the tool's own arguments.

    Raises:
        SystemExit: An option lacks its value, or help is asked for.
    """
    parser = argparse.ArgumentParser(
        program, allow_abbrev=False, description="Start the tool with promptseg in it. All other arguments are the tool's own."
    )
    parser.add_argument("--model", help=f"segmenter (default: {DEFAULT_MODEL})")
    parser.add_argument("--detector", help="detector, for phrases")
    parser.add_argument("--pipeline", help="file that describes the pipeline, in place of both")
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:N or mps")
    options, rest = parser.parse_known_args(arguments)
    return load_pipeline(**vars(options)), rest


def run(main: Callable[[], None]) -> None:
    """Run the main function of a module. An error of promptseg ends the process with its message alone.

    Args:
        main: The function.

    Raises:
        SystemExit: The function raised an error of promptseg.
    """
    try:
        main()
    except PromptSegError as error:
        sys.exit(f"error: {error}")
