"""Prompts and pipelines from command-line options, and the options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import PromptError
from ..pipeline import Pipeline
from ..pipeline.checks import concept_kinds
from ..pipeline.config import DetectStage
from ..prompts import Prompt, SpatialPrompt
from ..registry import DEFAULT_MODEL
from . import completion
from .output import errors_as_messages, usage_error
from .places import box_of, point_of

NO_SEGMENTER = "none"
"""Word for the masks of the detector alone, in place of the name of a segmenter."""

DEFAULT_THRESHOLD = DetectStage.model_fields["threshold"].default

TextOption = Annotated[
    str | None,
    typer.Option(
        metavar="PHRASES",
        help='Phrases to look for, such as "a dog, red car" or "a dog . red car ."; needs --detector, or a --concept that reads words.',
    ),
]
PointsPerSideOption = Annotated[int | None, typer.Option(metavar="N", help="Points per side of the grid for --everything (default: 32).")]
ModelOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[=WEIGHTS]",
        autocompletion=completion.segmenters,
        help=f"The segmenter (default: {DEFAULT_MODEL}); none for the masks of a detector that makes its own.",
    ),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine", metavar="NAME", autocompletion=completion.engines_of("model"), help="Engine that runs the segmenter, if it has several."
    ),
]
QuantizeOption = Annotated[
    str | None,
    typer.Option(
        "--quantize",
        metavar="NAME",
        autocompletion=completion.one_of(("int8",)),
        help="int8: run the segmenter's image encoder in int8 on a CPU, where it is in ONNX. Faster, slightly different masks.",
    ),
]
DetectorEngineOption = Annotated[
    str | None,
    typer.Option(
        "--detector-engine",
        metavar="NAME",
        autocompletion=completion.engines_of("detector"),
        help="Engine that runs the detector, if it has several.",
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(metavar="SCORE", help=f"Minimum score of a detection, from 0 to 1 (default: {DEFAULT_THRESHOLD}, or that of --config)."),
]
SegmenterOption = Annotated[str, typer.Option(metavar="NAME[=WEIGHTS]", autocompletion=completion.segmenters, help="The segmenter.")]
"""As `ModelOption`, for commands without --config, which have a default instead."""
DetectionThresholdOption = Annotated[
    float | None,
    typer.Option(metavar="SCORE", help=f"Minimum score of a detection, from 0 to 1 (default: {DEFAULT_THRESHOLD})."),
]
"""As `ThresholdOption`, for commands without --config."""
FallbackOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[=WEIGHTS]",
        autocompletion=completion.segmenters,
        help="A segmenter to use if the one before does not fit into memory. Repeatable.",
    ),
]
ConfigOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A pipeline file (YAML, TOML or JSON) instead of --model and --detector.")
]
_DEVICE = typer.Option(metavar="NAME", autocompletion=completion.devices, help="auto, cpu, cuda, cuda:N or mps.")
DeviceOption = Annotated[str | None, _DEVICE]
AutoDeviceOption = Annotated[str, _DEVICE]
"""As `DeviceOption`, for commands without --config."""


def parse_prompts(
    points: Sequence[str], boxes: Sequence[str], text: str | None, everything: bool, points_per_side: int | None
) -> list[Prompt]:
    """Return the prompts of the options.

    All points, and the box if there is one, form one prompt for one object. Without points, each box is a prompt for its own object.

    Raises:
        PromptError: When a value cannot be parsed, there are points and several boxes, or `points_per_side` is given without `everything`.
    """
    prompts: list[Prompt] = []
    box_prompts = [box_of("--box", box) for box in boxes]
    clicks = [point_of("--point", point) for point in points]
    if clicks:
        if len(box_prompts) > 1:
            raise PromptError(
                "points can be combined with one box at most: with several boxes, it is not clear to which object they belong. "
                "Give a command for each object, or boxes alone"
            )
        prompts.append(sum(clicks[1:], clicks[0]) + (box_prompts[0] if box_prompts else SpatialPrompt()))
    else:
        prompts += box_prompts
    if text is not None:
        prompts.append(Prompt.text(text))
    if everything:
        prompts.append(Prompt.everything() if points_per_side is None else Prompt.everything(points_per_side))
    elif points_per_side is not None:
        raise PromptError("--points-per-side needs --everything")
    return prompts


def prompts_of(
    points: Sequence[str] | None, boxes: Sequence[str] | None, text: str | None, everything: bool, points_per_side: int | None
) -> list[Prompt]:
    """Return the prompts of the options, or exit with status 2 when a value cannot be parsed."""
    try:
        return parse_prompts(points or [], boxes or [], text, everything, points_per_side)
    except PromptError as error:
        raise usage_error(str(error)) from error


def pipeline_of(
    config: Path | None,
    model: str | None,
    fallback: Sequence[str] | None,
    detector: str | None,
    text: str | None,
    *,
    engine: str | None = None,
    quantize: str | None = None,
    detector_engine: str | None = None,
    threshold: float | None = None,
    concept: str | None = None,
) -> Pipeline:
    """Return the pipeline of a file or of the named models, or exit with status 2 when the options do not fit together.

    Engines, quantization and the threshold replace those of the file.
    """
    if config is not None and (model or fallback or detector or concept):
        raise usage_error("--config names the models: leave out --model, --fallback, --detector and --concept")
    with errors_as_messages():
        if config is not None:
            pipeline = Pipeline.from_config(config)
        else:
            alone = model == NO_SEGMENTER
            if alone and (fallback or not (detector or concept)):
                what = "without a --fallback" if fallback else "and needs a --detector, or a --concept"
                raise usage_error(f"--model {model} takes the masks that another model makes itself, {what}")
            pipeline = Pipeline() if alone else Pipeline().segment(model or DEFAULT_MODEL, fallback=fallback or ())
            pipeline = pipeline.detect(detector) if detector else pipeline
            pipeline = pipeline.concept(concept) if concept else pipeline
        reads_words = pipeline.config.detect is not None or "text" in concept_kinds(pipeline.config)
    if text is not None and not reads_words:
        raise usage_error(
            f"--text {text!r} needs a detector for phrases: give --detector, such as --detector grounding-dino-swin-t, "
            "a --concept that reads words, or --config with one of them. What --like finds is named by --label"
        )
    check_threshold(threshold)
    for option, value in (("--threshold", threshold), ("--detector-engine", detector_engine)):
        if value is not None and pipeline.config.detect is None:
            raise usage_error(f"{option} {value} is for a detector, and there is none: give --detector, or --config with one")
    for option, value in (("--engine", engine), ("--quantize", quantize)):
        if value is not None and pipeline.config.segment is None:
            where = f"--model {model} names none" if config is None else f"{config} has no stage segment"
            raise usage_error(f"{option} {value} is for a segmenter, and {where}")
    return _changed(pipeline, engine, quantize, detector_engine, threshold)


def segmenter_options(quantize: str | None) -> dict[str, Any]:
    """Return the options of a segmenter that ``--quantize`` sets."""
    return {} if quantize is None else {"quantize": quantize}


def check_threshold(threshold: float | None) -> None:
    """Exit with status 2 when a minimum score of detections is not from 0 to 1."""
    if threshold is not None and not 0 <= threshold <= 1:
        raise usage_error(f"--threshold is the minimum score of a detection, from 0 to 1, got {threshold:g}")


def _changed(
    pipeline: Pipeline, engine: str | None, quantize: str | None, detector_engine: str | None, threshold: float | None
) -> Pipeline:
    """Return a pipeline with other engines, a quantized segmenter and another threshold, which is then that of every phrase."""
    values = pipeline.to_config()
    if engine is not None:
        values["segment"]["engine"] = engine
    if quantize is not None:
        values["segment"]["options"] = {**values["segment"].get("options", {}), **segmenter_options(quantize)}
    if detector_engine is not None:
        values["detect"]["engine"] = detector_engine
    if threshold is not None:
        values["detect"]["threshold"] = threshold
        values["detect"].pop("thresholds", None)
    with errors_as_messages():
        return Pipeline.from_config(values)
