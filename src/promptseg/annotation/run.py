"""Annotation of images as a dataset, in a run that can be stopped and resumed.

Each image is read, segmented and recorded in the journal of the output folder. When all images are done, the datasets are written from the
journal. The same call resumes a run that was stopped for any reason.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from .._checks import flag, positive, whole_number
from ..datasets.class_list import classes_of
from ..datasets.core import AnnotatedImage, Category
from ..datasets.writing import WriteReport, check_format, write
from ..errors import ConfigError, IncompatibleStagesError, shown
from ..pipeline import BuiltPipeline, Pipeline
from ..pipeline.checks import check_prompts, concept_kinds
from ..prompts import Prompt, concepts_of
from ..runtime.files import remove_leftovers
from ..runtime.progress import ProgressOption, reports_progress, track
from ..tiling.grid import TileGrid
from ..tiling.placing import with_coarser
from . import gallery as gallery_files
from . import overlays as overlay_files
from .annotator import Annotator, ImageResult
from .asked import plain_prompt
from .changes import find_changes
from .corrected_output import CorrectedOutput, TakenIn
from .corrections import take_in
from .drawings import class_order
from .folder_lock import locked
from .journal import Journal
from .output_checks import check_outputs
from .output_options import options_of, remember_options
from .overlays import Overlays
from .overview import write_overview
from .record_checks import check_record
from .records import JournalImages, record_of
from .run_progress import RunProgress, SavedImage, thumbnail_for
from .scene_objects import scene_objects, undone_windows
from .scene_outputs import SceneOutputs, check_formats, check_whole
from .sources import Source, SourceItem, open_source
from .sources.scene import SceneOptions, SceneTiles, open_scene, scene_options
from .summary import Annotation, of_scene, summarize
from .taken_in_files import forget_lost, mark_taken_in
from .tiles import OpenRasters, TilePixels

JOURNAL = "journal.jsonl"

ExecutorName = Literal["local", "ray"]


@reports_progress
def annotate(
    source: str | os.PathLike[str] | Iterable[SourceItem],
    *prompts: Prompt,
    pipeline: Pipeline | BuiltPipeline,
    out: str | os.PathLike[str],
    formats: Sequence[str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    images: str | os.PathLike[str] | None = None,
    classes: str | os.PathLike[str] | Sequence[str | Category] | None = None,
    corrections: str | None = None,
    boxes: bool = False,
    every: int | None = None,
    tile: int | None = None,
    overlap: int | None = None,
    scale: float | Sequence[float] | None = None,
    bands: Sequence[int] | None = None,
    stretch: Sequence[float] | None = None,
    prompts_from: str | os.PathLike[str] | None = None,
    whole: bool = False,
    gallery: int = gallery_files.MAX_THUMBNAILS,
    overlays: bool = False,
    retry_failed: bool = False,
    limit: int | None = None,
    batch_size: int | None = None,
    executor: ExecutorName = "local",
    workers: int | None = None,
    cpus: float = 0.5,
    gpus: float = 0.0,
    progress: ProgressOption = None,  # noqa: ARG001 - The decorator takes it.
) -> Annotation:
    """Annotate images, or the tiles of a raster of any size, and write them as a dataset.

    Finished images are in the journal of the folder `out` at any moment. The same call resumes a run that was stopped, and its outputs are
    the same, byte for byte. An image that cannot be read, or on which a model fails, is recorded with the reason. The run continues.

    Args:
        source: The images: a folder, a pattern, a list, a table, a COCO file with boxes, a video, or paths and pairs ``(path, prompts)``;
            see `promptseg.annotation.sources.open_source`.
            With `tile` it is a raster of any size: whatever `promptseg.open_raster` takes.
        *prompts: Prompts for images that have no prompts of their own. For a raster, points, boxes and masks are in pixels of the raster.
            Each goes to a tile that holds it, and to others where the border of the tile cuts its object. An example without an image is in
            a tile of the raster.
        pipeline: The models. For Ray the pipeline must not be built yet, because each worker loads its own models.
        out: Folder for the journal, the outputs and the gallery. Only one run at a time may use it.
        formats: Names of the formats to write, from `promptseg.datasets.catalog.WRITABLE`; by default COCO. For a raster also those of
            `promptseg.annotation.scene_formats.SCENE_FORMATS`, which hold its objects as a whole; by default GeoJSON.
        options: Options of `promptseg.datasets.writing.write` by format, such as ``{"yolo-seg": {"images": "copy"}}``.
        images: Folder to which paths in a list, table or COCO file are relative; by default the folder of that file.
        classes: Classes of the outputs in their order: names, or a file or names separated by commas as one text, see
            `promptseg.datasets.class_list.classes_of`. By default those of a COCO file as the source, then the phrases of the text prompts.
        corrections: Output that was corrected by hand, such as ``"labelme"``, or ``"cvat=export.xml"`` for another file of that format.
            Images whose objects differ from those in the journal count as decided, and all formats are written from the corrections.
            An image with an object that cannot be used is not taken in.
        boxes: Read objects of corrections that have only a box as the filled box.
        every: Take every n-th frame of a video. The frames are written as images to the folder ``frames`` in `out`.
        tile: Width and height in pixels of the tiles that a raster is cut into. The model sees one at a time. Objects that a tile's border
            cuts are joined with what the next tile shows of them.
        overlap: Minimum overlap of neighboring tiles in pixels; by default an eighth of `tile`.
        scale: Pixels of a tile for each pixel of the raster, such as 0.25 for objects that are larger than a tile; or several scales, whose
            objects are joined. By default 1.
        bands: Bands of the raster to read as red, green and blue, or one band, counted from 1.
        stretch: Percentiles of the values of a band that become black and white where they are not 8 bits; by default 2 and 98. They are
            found once in a run, and stay.
        prompts_from: File of points, boxes or polygons in the coordinates of the raster, as prompts for its objects: GeoJSON, GeoPackage or
            GeoParquet. ``FILE.gpkg:LAYER`` is one layer of a GeoPackage with several. A polygon is a mask and the box around it,
            or the box alone for a model that takes no masks.
        whole: Write the raster as one image of a dataset instead of its tiles, if it has at most `promptseg.images.MAX_PIXELS`.
        gallery: Maximum number of images with a thumbnail in the gallery; 0 for no gallery.
        overlays: Also write the images with the masks drawn on them, at full size, to the folder ``overlays`` in `out`. The gallery shows
            them in place of enlarged thumbnails.
        retry_failed: Process images again that failed before.
        limit: Number of images to take from the start of the source; None for all.
        batch_size: Number of images that are encoded together. None means 8 on an accelerator and 1 on the CPU. On Ray it is also the
            number of images in a block of work, 8 by default.
        executor: ``"local"``, or ``"ray"`` for the hosts of a Ray cluster. Without a cluster, Ray starts processes on this host.
        workers: Number of Ray workers; None for 1.
        cpus: Number of CPUs that Ray reserves for a worker.
        gpus: Number of GPUs that Ray reserves for a worker; may be a fraction.
        progress: True for progress bars, or a function that is called with each `promptseg.runtime.progress.Progress`.

    Returns:
        The summary of the run.

    Raises:
        ConfigError: When a setting is invalid, or the folder has a run with other settings. The message lists the differences.
        IncompatibleStagesError: When a prompt needs a stage that the pipeline does not have.
        InputError: When the source, the classes or the corrections cannot be read, or the source has no image.
        OutputError: When another run uses the folder, or a file cannot be written, for example to a full disk. The same call resumes the
            run later.
        MissingDependencyError: When a required package is not installed.
    """
    folder = Path(out)
    in_tiles = scene_options(
        tile,
        {
            "overlap": overlap,
            "scale": scale,
            "bands": bands,
            "stretch": stretch,
            "prompts_from": prompts_from,
            "whole": whole or None,
        },
        {"corrections": corrections, "overlays": overlays or None, "every": every, "images": images},
    )
    formats = (("coco",) if in_tiles is None else ("geojson",)) if formats is None else formats
    _check(formats, options or {}, executor, workers, is_scene=in_tiles is not None)
    limit, every, batch_size, workers = (
        None if value is None else whole_number(name, value, 1)
        for name, value in {"limit": limit, "every": every, "batch_size": batch_size, "workers": workers}.items()
    )
    gallery = whole_number("gallery", gallery, 0)
    boxes, retry_failed = flag("boxes", boxes), flag("retry_failed", retry_failed)
    cpus, gpus = positive("cpus", cpus), 0.0 if gpus == 0 else positive("gpus", gpus)
    if boxes and corrections is None:
        raise ConfigError("boxes (--boxes) is about corrections: give corrections (--corrections)")
    correction = None if corrections is None else CorrectedOutput.parse(corrections, boxes)
    with contextlib.ExitStack() as stack:
        scene, opened = _opened(source, in_tiles, prompts, images, folder, every, stack)
        rasters = stack.enter_context(OpenRasters(*([] if scene is None else [scene.raster])))
        of_images, grids = (prompts, ()) if scene is None else (scene.prompts, scene.grids)
        categories = _classes(classes, opened, prompts)
        names = tuple(each.name if isinstance(each, Category) else each for each in categories)
        if scene is not None:
            names = names or scene.labels  # They decide colors, which by a known order are the clearest ones.
        prompted = _check_prompts(pipeline, () if scene is not None and scene.has_prompts else of_images, opened)
        stack.enter_context(locked(folder))
        remove_leftovers(folder)
        remove_leftovers(folder / gallery_files.FOLDER)
        if correction is not None:
            correction.check(folder)
        journal = stack.enter_context(contextlib.closing(Journal(folder / JOURNAL, _header(pipeline, prompts, opened), check_record)))
        place = folder / gallery_files.FOLDER
        outputs = None if scene is None else SceneOutputs(scene, folder, formats, options or {})
        if outputs is not None:
            outputs.check(place if gallery else None)
            outputs.source.remember(folder)
        else:
            check_outputs(
                folder,
                formats,
                options or {},
                islice(iter(opened), limit),
                gallery=place if gallery else None,
                overlays=folder / overlay_files.FOLDER if overlays else None,
            )
        lost = forget_lost(folder, journal, (image.name for image in opened))
        taken_in = None if correction is None else _take_in(correction, journal, folder, opened, options or {})
        run = RunProgress(journal, folder, opened, limit, retry_failed, gallery, rasters)
        if executor == "ray":
            from .ray_executor import annotate_on_ray

            saved = annotate_on_ray(run, pipeline, of_images, batch_size or 8, workers or 1, cpus, gpus, names, grids)
        else:
            saved = _annotate_locally(run, pipeline, of_images, batch_size, names, rasters, grids)
        processed, seconds, worked = run.consume(saved)
        remember_options(folder, options or {})
        found = None if scene is None else scene_objects(journal, scene)
        if scene is None or outputs is None or found is None:
            reports = _write_outputs(journal, folder, formats, options or {}, categories, taken_in)
        else:
            reports = outputs.write(found.masks, categories, undone_windows(journal, scene))
        order = class_order(names, journal.models())
        drawn = Overlays(journal, folder, order)
        overlay_report = drawn.write() if overlays else None
        annotation = summarize(
            journal,
            opened.dropped,
            run.changes,
            _labels(prompts),
            out=folder,
            processed=processed,
            seconds=seconds,
            model_seconds=worked,
            reports=reports,
            lost=_still_lost(lost, taken_in, reports),
            prompted=prompted,
            taken_in=taken_in,
            unused=opened.unused,
            overlays=overlay_report,
        )
        if scene is not None and found is not None:
            annotation = of_scene(annotation, found, with_coarser(scene.grids))
        if gallery:
            overview = None if scene is None or found is None else write_overview(scene.raster, found.masks, place, order)
            pixels = None if scene is None else TilePixels(scene, rasters)
            gallery_files.redraw_thumbnails(journal, place, order, run.share, pixels)
            gallery_files.write_gallery(journal, annotation, place, gallery, classes=order, overlays=drawn.current(), overview=overview)
        return annotation


def _opened(
    source: str | os.PathLike[str] | Iterable[SourceItem],
    options: SceneOptions | None,
    prompts: Sequence[Prompt],
    images: str | os.PathLike[str] | None,
    folder: Path,
    every: int | None,
    stack: contextlib.ExitStack,
) -> tuple[SceneTiles | None, Source]:
    """Return the tiles of a raster, or None, and the source."""
    if options is None:
        return None, open_source(source, images, folder, every)
    if not isinstance(source, (str, os.PathLike)):
        raise ConfigError(f"with tile (--tile) the source is the path of one raster, got {shown(source)}")
    scene = open_scene(source, options, prompts, folder)
    stack.callback(scene.raster.close)
    check_whole(scene)
    return scene, scene


def _take_in(
    correction: CorrectedOutput, journal: Journal, folder: Path, source: Source, options: Mapping[str, Mapping[str, Any]]
) -> TakenIn:
    """Take corrections in, after the source was compared with the journal."""
    journal.leave_out(frozenset(find_changes(journal, source, OpenRasters()).gone))
    return take_in(correction, journal, folder, source, options_of(folder, correction.name, options.get(correction.name, {})))


def _write_outputs(
    journal: Journal,
    folder: Path,
    formats: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    classes: Sequence[str | Category],
    taken_in: TakenIn | None,
) -> dict[str, WriteReport]:
    """Write the datasets. Files that were changed by hand stay, and a single file whose changes were taken in is replaced."""
    complete = taken_in.name if taken_in is not None and taken_in.complete else None
    reports = {
        name: write(
            name, _counted(JournalImages(journal), name), folder, classes=classes, taken_in=name == complete, **options.get(name, {})
        )
        for name in dict.fromkeys(formats)
    }
    if taken_in is not None and taken_in.name in reports:
        reports[taken_in.name] = mark_taken_in(reports[taken_in.name], taken_in)
    return reports


def _counted(images: JournalImages, name: str) -> Iterable[AnnotatedImage]:
    return track(images, stage=f"write {name}", total=len(images), unit="image")


def _still_lost(
    lost: Mapping[str, tuple[str, ...]], taken_in: TakenIn | None, reports: Mapping[str, WriteReport]
) -> dict[str, tuple[str, ...]]:
    """Return the files of corrections that the journal does not have, without those that were taken in again."""
    still = dict(lost)
    if taken_in is not None and taken_in.name in lost:
        kept = reports[taken_in.name].kept if taken_in.name in reports and not taken_in.complete else ()
        still[taken_in.name] = tuple(file for file in lost[taken_in.name] if file.partition("/")[2] in kept)
    return {name: files for name, files in still.items() if files}


def _classes(
    classes: str | os.PathLike[str] | Sequence[str | Category] | None, source: Source, prompts: Sequence[Prompt]
) -> Sequence[str | Category]:
    """Return the classes in their order: the given ones, or those of the source, then the phrases of the text prompts."""
    if isinstance(classes, (str, os.PathLike)):
        return classes_of(os.fspath(classes))
    if classes is not None:
        return tuple(classes)
    return [*source.categories, *_labels(prompts)]


def _labels(prompts: Sequence[Prompt]) -> list[str]:
    """Return the labels of phrases and concepts, in their order and without duplicates."""
    return list(dict.fromkeys(concept.label for _, concept in concepts_of(prompts) if concept.label is not None))


def _annotate_locally(
    run: RunProgress,
    pipeline: Pipeline | BuiltPipeline,
    prompts: Sequence[Prompt],
    batch_size: int | None,
    classes: Sequence[str],
    rasters: OpenRasters,
    grids: Sequence[TileGrid],
) -> Iterator[SavedImage]:
    """Annotate the remaining images in this process. The models are loaded at the call, not at the first item of the iterator."""
    if not run.remaining:
        return iter(())
    built = pipeline.build() if isinstance(pipeline, Pipeline) else pipeline
    models = [model.to_dict() for model in built.models]
    run.journal.check_models(models)

    def finish(result: ImageResult) -> SavedImage:
        record, used = record_of(result)
        return run.save(record, used, thumbnail_for(result, record, used, run.share, classes))

    return Annotator(built, prompts, batch_size, rasters, grids).run(run.pending(), finish)


def _header(pipeline: Pipeline | BuiltPipeline, prompts: Sequence[Prompt], source: Source) -> dict[str, Any]:
    """Return the settings of a run, which are compared when it is resumed. The provenance of the models has the device."""
    config = pipeline.config.model_dump(mode="json", exclude_defaults=True, exclude={"device"})
    version = import_module("promptseg").__version__  # A static import would make this module depend on every public module of the package.
    return {
        "promptseg": version,
        "config": config,
        "prompts": [plain_prompt(prompt) for prompt in prompts],
        "source": {
            **source.description,
            **({"categories": [{"id": each.number, "name": each.name} for each in source.categories]} if source.categories else {}),
        },
    }


def _check(formats: Sequence[str], options: Mapping[str, Any], executor: str, workers: int | None, *, is_scene: bool) -> None:
    if isinstance(formats, str):
        raise ConfigError(f"formats must be a list of names, got the string {formats!r}: write [{formats!r}]")
    if is_scene:
        check_formats(formats, options)
    else:
        for name in formats:
            check_format(name, options.get(name, {}))
    for name in options:
        if name not in formats:
            raise ConfigError(f"options are given for the format {name!r}, which is not written: the formats are {', '.join(formats)}")
    if executor not in ("local", "ray"):
        raise ConfigError(f"executor must be 'local' or 'ray', got {executor!r}")
    if workers is not None and executor != "ray":
        raise ConfigError(f"workers={workers} needs the executor 'ray' (--executor ray), got {executor!r}")


def _check_prompts(pipeline: Pipeline | BuiltPipeline, prompts: Sequence[Prompt], source: Source) -> tuple[int, int] | None:
    """Check the prompts. Return for how many images those of the run are, and of how many; None where all or no prompts are the run's.

    Raises:
        ConfigError: When no image is left for the prompts of the run.
        IncompatibleStagesError: When a prompt needs a stage that the pipeline does not have, or there is none.
    """
    config = pipeline.config
    stages = {"detector": config.detect is not None, "segmenter": config.segment is not None}
    concepts = concept_kinds(config)
    check_prompts(prompts, **stages, concepts=concepts)
    if source.has_prompts:
        for image in source:
            check_prompts(image.prompts or (), **stages, concepts=concepts)
    if not prompts and config.detect is None and not source.has_prompts:
        raise IncompatibleStagesError(
            "nothing to segment: give prompts (--everything, --box, --point, --like), a detector (--detector), or a source with prompts "
            "(--boxes)"
        )
    if not prompts or not source.has_prompts:
        return None
    without = [image.asked is None for image in source]
    if not any(without):
        kinds = ", ".join(sorted({type(prompt).__name__ for prompt in prompts}))
        first = next((image.name for image in source), "")
        raise ConfigError(
            f"each image of the source has prompts of its own (such as {first}), so the prompts of the run ({kinds}) are for none: "
            "leave them out (--point, --box, --text, --like, --everything)"
        )
    return sum(without), len(without)
