"""``promptseg segment``: segment images by prompts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Annotated, Any

import typer

from ..errors import OutputError, PromptSegError
from ..models.sam.cache import embedding_cache
from ..pipeline import BuiltPipeline, Pipeline
from ..pipeline.checks import concept_kinds
from ..prompts import Prompt, SpatialPrompt
from ..results import Result
from ..runtime import progress
from ..runtime.output_files import check_image_format, image_format, write_image, write_json
from ..runtime.output_paths import check_output_file, check_output_folder
from . import completion
from .concepts import ConceptOption, LabelOption, LikeOption, UnlikeOption, with_examples
from .found import counted_masks, found_lines
from .images import GivenImage, given_images
from .matting import BandOption, MattingOption, Softening, softening
from .output import (
    FAILED,
    distinct_names,
    errors_as_messages,
    model_paths,
    say,
    seconds,
    usage_error,
)
from .parts import CropsOption, CutoutsOption, Part, chosen_parts, parts_among, write_parts
from .prompts import (
    ConfigOption,
    DetectorEngineOption,
    DeviceOption,
    EngineOption,
    FallbackOption,
    ModelOption,
    PointsPerSideOption,
    QuantizeOption,
    TextOption,
    ThresholdOption,
    pipeline_of,
    prompts_of,
)


def segment(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE",
            help="Images to segment: files, folders, patterns in quotes such as 'photos/**/*.jpg', addresses with https://, or - for "
            "standard input.",
        ),
    ],
    point: Annotated[
        list[str] | None, typer.Option(metavar="X,Y[,0]", help="A click on the object; with 0, a background click. Repeatable.")
    ] = None,
    box: Annotated[list[str] | None, typer.Option(metavar="X0,Y0,X1,Y1", help="A box around one object. Repeatable.")] = None,
    text: TextOption = None,
    like: LikeOption = None,
    unlike: UnlikeOption = None,
    label: LabelOption = None,
    everything: Annotated[bool, typer.Option("--everything", help="Segment every object of the image.")] = False,
    points_per_side: PointsPerSideOption = None,
    model: ModelOption = None,
    engine: EngineOption = None,
    quantize: QuantizeOption = None,
    fallback: FallbackOption = None,
    detector: Annotated[
        str | None, typer.Option(metavar="NAME[=WEIGHTS]", autocompletion=completion.detectors, help="The detector, for --text.")
    ] = None,
    detector_engine: DetectorEngineOption = None,
    threshold: ThresholdOption = None,
    concept: ConceptOption = None,
    config: ConfigOption = None,
    device: DeviceOption = None,
    candidates: Annotated[
        bool, typer.Option("--candidates", help="Return all candidate masks of a prompt, not only the selected one.")
    ] = False,
    out: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Folder for the overlays and masks, or the name of one overlay, such as a.png."),
    ] = None,
    masks: Annotated[bool, typer.Option("--masks", help="Also write each mask as a black and white PNG.")] = False,
    save_crops: CropsOption = False,
    save_cutouts: CutoutsOption = False,
    matting: MattingOption = None,
    band: BandOption = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not cache image embeddings on the disk.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; files are written only with --out.")] = False,
) -> None:
    """Segment images: by point, by box, by text, by example, or everything.

    Writes an overlay and a JSON file with the masks (COCO RLE) for each image.
    """
    prompts = prompts_of(point, box, text, everything, points_per_side)
    pipeline = pipeline_of(
        config,
        model,
        fallback,
        detector,
        text,
        engine=engine,
        quantize=quantize,
        detector_engine=detector_engine,
        threshold=threshold,
        concept=concept,
    )
    prompts = with_examples(prompts, like, unlike, label, joined="text" in concept_kinds(pipeline.config))
    if pipeline.config.detect is None and not prompts:
        raise usage_error("nothing to segment: give --point, --box, --text, --like or --everything")
    parts = chosen_parts(masks=masks, crops=save_crops, cutouts=save_cutouts)
    if matting is not None and not save_cutouts:
        raise usage_error(f"--matting {matting} is for cutouts, and none are written: give --save-cutouts")
    if candidates and not any(isinstance(prompt, SpatialPrompt) for prompt in prompts):
        raise usage_error("--candidates are those of --point and --box, and there is none")
    folder = Path("promptseg-out" if out is None else out) if out is not None or not as_json else None
    with errors_as_messages():
        given = given_images(images, without=folder)
        if folder is not None:
            inputs = [*given.inputs, config, *model_paths(model, detector, concept, *(fallback or ()))]
            _check_out(folder, str(out or ""), given.images, parts, inputs)
        border = softening(matting, band, device)
        built = build(pipeline, device, no_cache)
    with progress.shown():
        results, failed = _run(given.images, built, prompts, candidates, folder, parts, border, as_json)
    if as_json:
        if given.is_single and results:
            say(json.dumps(results[0], indent=1))
        else:
            say(json.dumps({"results": results, "failed": failed}, indent=1))
    if failed:
        raise typer.Exit(FAILED)


def _check_out(out: Path, given: str, images: Sequence[GivenImage], parts: Sequence[Part], inputs: Iterable[Path | None]) -> None:
    """Check the output folder or file before any model is loaded.

    Raises:
        OutputError: The outputs cannot be written there, or one would replace an input.
    """
    if _is_folder(out, given):
        stems = _stems(images)
        names = [name for stem in stems for name in (f"{stem}-overlay.png", f"{stem}-masks.json")]
        if parts and out.is_dir():  # The number of masks is not known yet, but an input that one would replace is there already.
            names += parts_among((path.name for path in out.iterdir()), set(stems), parts)
        check_output_folder(out, names=names, inputs=inputs)
        return
    if image_format(out) is None:
        json_hint = f". For the masks as JSON: --json > {out}" if out.suffix.lower() == ".json" else ""
        raise OutputError(
            f"cannot write {out}: {out.suffix!r} is not an image format that Pillow writes. Give the name of an overlay, such as "
            f"{out.stem}.png, or a folder; end the name of a new folder that has a dot with {os.sep}{json_hint}"
        )
    if parts or len(images) > 1:
        raise usage_error(f"--out {out} names one image file, but several files would be written: give a folder")
    check_image_format(out)
    check_output_file(out, inputs=inputs)


def _is_folder(out: Path, given: str) -> bool:
    """Return whether the outputs go to a folder: it is one, its name ends with a slash, or it has no suffix such as ``.png``."""
    if os.path.isdir(out) or given.endswith(("/", os.sep)):  # noqa: PTH112 - A name that is too long is no error here.
        return True
    return image_format(out) is None and _SUFFIX.fullmatch(out.suffix) is None


def _stems(images: Sequence[GivenImage]) -> list[str]:
    return distinct_names(PurePath(image.file_name) for image in images)


def build(pipeline: Pipeline, device: str | None, no_cache: bool) -> BuiltPipeline:
    """Load the models, with an embedding cache on the disk unless a pipeline file configures the cache."""
    built = pipeline.build(device)
    stage = pipeline.config.segment
    if no_cache or stage is None or "cache" not in stage.options:
        return built.with_cache(None if no_cache else embedding_cache("disk"))
    return built


def _run(
    images: Sequence[GivenImage],
    pipeline: BuiltPipeline,
    prompts: Sequence[Prompt],
    candidates: bool,
    folder: Path | None,
    parts: Sequence[Part],
    border: Softening,
    quiet: bool,
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    results: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    one_by_one = images if len(images) == 1 else progress.track(images, stage="segment", total=len(images), unit="image")
    for image, name in zip(one_by_one, _stems(images), strict=True):
        try:
            result = image.named(pipeline(image.open(), *prompts, candidates=candidates))
            if quiet:
                results.append(result.to_dict())  # Also if it cannot be written.
            written = [] if folder is None else _write(result, name, folder, parts, border)
        except PromptSegError as error:
            failed.append({"source": image.source, "error": str(error)})
            say(f"promptseg: {error}", err=True)
            continue
        if not quiet:
            say(f"{image.source}: {counted_masks(result)} ({seconds(dict(result.timings))})")
            for line in found_lines(result):
                say(f"  {line}")
            for file in written:
                say(f"  {file}")
    return results, failed


def _write(result: Result, name: str, out: Path, parts: Sequence[Part], border: Softening) -> list[Path]:
    if image_format(out) and not out.is_dir():
        write_image(result.overlay(), out)
        return [out]
    written = [out / f"{name}-overlay.png", out / f"{name}-masks.json"]
    write_image(result.overlay(), written[0])
    write_json(result.to_dict(), written[1])
    return [*written, *write_parts(result, name, out, parts, border)]


_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,5}")
"""Suffix that names a format. A folder such as ``run-0.5`` has none."""
