"""``promptseg annotate``: annotate a folder of images as a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .._counting import number_of
from ..datasets.catalog import WRITABLE
from ..pipeline import Pipeline
from ..pipeline.checks import concept_kinds
from ..runtime import progress
from . import completion
from .concepts import ConceptOption, LabelOption, LikeOption, UnlikeOption, with_examples
from .format_options import FormatOption, format_options
from .output import FAILED, errors_as_messages, say, usage_error
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
from .scenes import (
    BandsOption,
    OverlapOption,
    PromptsOption,
    ScaleOption,
    StretchOption,
    TileOption,
    WholeOption,
    scene_arguments,
)

if TYPE_CHECKING:
    from ..annotation.corrected_output import TakenIn
    from ..annotation.summary import Annotation

INTERRUPTED = 130

SCENE_FORMATS = ("gpkg", "geoparquet", "label-tif")
"""Formats that are of rasters alone. Here they are text for the completion: their module takes long to import."""


def annotate(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A folder, a pattern in quotes, an image, a video, a file that lists images (.txt, .csv, .parquet, .json), or a raster.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the dataset, the journal and the gallery.")],
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME,NAME",
            autocompletion=completion.some_of((*WRITABLE, *SCENE_FORMATS)),
            help="Formats to write, such as coco,yolo-seg; with --tile also geojson,gpkg,geoparquet,label-tif (default: coco or geojson).",
        ),
    ] = None,
    format_option: FormatOption = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder in which the paths of a file that lists images start (default: its own folder)."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(metavar="FILE|NAME,NAME", help="The classes in their order: names, one a line; a data.yaml; a COCO file; or names."),
    ] = None,
    corrections: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT[=PATH]",
            help="Take in what was corrected by hand in an output of this run, such as labelme, or in a file, such as cvat=export.xml.",
        ),
    ] = None,
    boxes: Annotated[
        bool, typer.Option("--boxes", help="With --corrections: read objects that have only a box as the filled box.")
    ] = False,
    every: Annotated[int | None, typer.Option(metavar="N", help="Take every N-th frame of a video.")] = None,
    tile: TileOption = None,
    overlap: OverlapOption = None,
    scale: ScaleOption = None,
    bands: BandsOption = None,
    stretch: StretchOption = None,
    prompts_from: PromptsOption = None,
    whole: WholeOption = False,
    text: TextOption = None,
    like: LikeOption = None,
    unlike: UnlikeOption = None,
    label: LabelOption = None,
    everything: Annotated[bool, typer.Option("--everything", help="Segment every object of each image.")] = False,
    points_per_side: PointsPerSideOption = None,
    point: Annotated[list[str] | None, typer.Option(metavar="X,Y[,0]", help="The same click on each image. Repeatable.")] = None,
    box: Annotated[list[str] | None, typer.Option(metavar="X0,Y0,X1,Y1", help="The same box on each image. Repeatable.")] = None,
    model: ModelOption = None,
    engine: EngineOption = None,
    quantize: QuantizeOption = None,
    fallback: FallbackOption = None,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[=WEIGHTS]",
            autocompletion=completion.detectors,
            help="The detector; without --text, it finds all its classes.",
        ),
    ] = None,
    detector_engine: DetectorEngineOption = None,
    threshold: ThresholdOption = None,
    concept: ConceptOption = None,
    config: ConfigOption = None,
    device: DeviceOption = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="Images that are encoded together (default: 8 on an accelerator, else 1).")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="Annotate only the first N images, for a trial; a longer run continues from it.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try failed images again.")] = False,
    gallery: Annotated[int, typer.Option(metavar="N", help="Maximum number of images in the gallery; 0 for no gallery.")] = 10_000,
    overlays: Annotated[
        bool, typer.Option("--overlays", help="Also write each image with its masks drawn on it, at full size, to the folder overlays.")
    ] = False,
    executor: Annotated[
        str, typer.Option(metavar="NAME", autocompletion=completion.one_of(("local", "ray")), help="local, or ray for many workers.")
    ] = "local",
    workers: Annotated[int | None, typer.Option(metavar="N", help="Workers of --executor ray (default: 1).")] = None,
    worker_cpus: Annotated[float, typer.Option(metavar="X", help="CPUs that Ray reserves for a worker.")] = 0.5,
    worker_gpus: Annotated[float, typer.Option(metavar="X", help="GPUs that Ray reserves for a worker.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Annotate images and write them as a dataset for labeling tools.

    With --tile, the source is one raster of any size. Its objects are joined across the tiles, and written in its own coordinates.

    The same command continues a run that was stopped. Outputs that were corrected by hand are kept, and taken in with --corrections.
    """
    # Imported here, because no other command needs it.
    from ..annotation.run import JOURNAL
    from ..annotation.run import annotate as annotate_images

    names = _format_names(formats)
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
    if device is not None:
        with errors_as_messages():
            pipeline = Pipeline.from_config({**pipeline.to_config(), "device": device})
    try:
        with errors_as_messages(), progress.shown():
            done = annotate_images(
                source,
                *prompts,
                pipeline=pipeline,
                out=out,
                formats=names,
                options=format_options(format_option or []),
                images=images,
                classes=classes,
                corrections=corrections,
                boxes=boxes,
                every=every,
                **scene_arguments(tile, overlap, scale, bands, stretch, prompts_from, whole),
                gallery=gallery,
                overlays=overlays,
                retry_failed=retry_failed,
                limit=limit,
                batch_size=batch_size,
                executor=executor,  # type: ignore[arg-type]  # annotate() checks the name.
                workers=workers,
                cpus=worker_cpus,
                gpus=worker_gpus,
            )
    except KeyboardInterrupt:
        unit = "images" if tile is None else "tiles"
        say(f"promptseg: stopped; finished {unit} are in {out / JOURNAL}, and the same command continues from there", err=True)
        raise typer.Exit(INTERRUPTED) from None
    _tell(done, out, has_gallery=gallery > 0, as_json=as_json)


def _format_names(formats: str | None) -> list[str] | None:
    """Return the formats that an option names, or exit with status 2 if it names none; None for no option."""
    names = None if formats is None else [name.strip() for name in formats.split(",") if name.strip()]
    if names is not None and not names:
        raise usage_error(f"--format names the formats to write, such as coco,yolo-seg, got {formats!r}")
    return names


def _tell(done: Annotation, out: Path, *, has_gallery: bool, as_json: bool) -> None:
    """Print the summary of a run, and exit with status 1 if images failed or were not taken in."""
    from ..annotation.gallery import FOLDER as GALLERY
    from ..annotation.run import JOURNAL
    from ..annotation.summary import first_failures

    say(json.dumps(done.to_dict(), indent=1) if as_json else str(done))
    if has_gallery and not as_json:
        say(f"gallery: {out / GALLERY / 'index.html'}")
    if done.failures:
        for line in first_failures(done):
            say(f"promptseg: {line}", err=True)
        more = f"; all of them are in {out / JOURNAL}" if done.failures > len(list(first_failures(done))) else ""
        say(f"promptseg: {number_of(done.failures, done.unit)} failed{more}; --retry-failed tries them again", err=True)
    if done.taken_in is not None and done.taken_in.problems:
        _tell_not_taken_in(done.taken_in)
    if done.failures or (done.taken_in is not None and done.taken_in.problems):
        raise typer.Exit(FAILED)


def _tell_not_taken_in(taken_in: TakenIn) -> None:
    from ..annotation.summary import SHOWN
    from ..datasets.safe_names import text_name

    for problem in taken_in.problems[:SHOWN]:
        say(f"promptseg: {text_name(problem)}", err=True)
    count = len(set(taken_in.waiting))
    what, them = ("1 image is", "it") if count == 1 else (f"{count} images are", "them")
    say(f"promptseg: {what} not taken in from {taken_in.name}: mend {them} and repeat the command", err=True)
