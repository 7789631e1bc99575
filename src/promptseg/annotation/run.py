"""Annotation of images as a dataset, in a run that can be stopped and resumed.

Each image is read, segmented and recorded in the journal of the output folder. When all images are done, the datasets are written from the
journal. The same call resumes a run that was stopped for any reason.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from ..datasets.class_list import classes_of
from ..datasets.core import AnnotatedImage, Category
from ..datasets.writing import WriteReport, write
from ..errors import ConfigError, IncompatibleStagesError, shown
from ..pipeline import BuiltPipeline, Pipeline
from ..pipeline.checks import check_prompts, concept_kinds
from ..prompts import Prompt, concepts_of
from ..runtime.files import remove_leftovers
from ..runtime.progress import ProgressOption, reports_progress, track
from ..tiling.grid import TileGrid
from ..tiling.joining import Joined
from ..tiling.placing import with_coarser
from . import gallery as gallery_files
from .annotator import Annotator, ImageResult
from .asked import plain_prompt
from .changes import find_changes
from .corrected_output import TakenIn
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
from .run_settings import ExecutorName, RunSettings, Workforce, corrected
from .scene_objects import scene_objects, undone_windows
from .scene_outputs import SceneOutputs, check_whole
from .sources import Source, SourceItem, open_source
from .sources.scene import SceneTiles, open_scene, scene_options
from .summarizing import of_scene, summarize
from .summary import Annotation
from .taken_in_files import forget_lost, mark_taken_in
from .tiles import OpenRasters, TilePixels

JOURNAL = "journal.jsonl"


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
    if not isinstance(pipeline, (Pipeline, BuiltPipeline)):
        raise ConfigError(f"pipeline is a Pipeline, such as Pipeline().segment('mini-sam'), got {shown(pipeline)}")
    scene = scene_options(
        tile,
        {"overlap": overlap, "scale": scale, "bands": bands, "stretch": stretch, "prompts_from": prompts_from, "whole": whole or None},
        {"corrections": corrections, "overlays": overlays or None, "every": every, "images": images},
    )
    settings = RunSettings(
        folder=Path(out),
        formats=(("coco",) if scene is None else ("geojson",)) if formats is None else formats,
        options=options or {},
        images=images,
        classes=classes,
        correction=corrected(corrections, boxes),
        every=every,
        scene=scene,
        thumbnails=gallery,
        overlays=overlays,
        retry_failed=retry_failed,
        limit=limit,
        workforce=Workforce(executor, workers, cpus, gpus, batch_size),
    )
    return _run(source, prompts, pipeline, settings)


@dataclass(frozen=True)
class _Work:
    """What a run works on.

    Attributes:
        source: The images.
        scene: The tiles of a raster, which then are the source; None for images.
        rasters: The open rasters of images that are tiles.
        prompts: Prompts for images that have none of their own, and for every tile.
        categories: Classes of the outputs in their order.
        names: Names of the classes as far as their order is known. They decide colors.
    """

    source: Source
    scene: SceneTiles | None
    rasters: OpenRasters
    prompts: Sequence[Prompt]
    categories: Sequence[str | Category]
    names: tuple[str, ...]

    @property
    def grids(self) -> Sequence[TileGrid]:
        """The tiles of the raster, one grid for each scale."""
        return () if self.scene is None else self.scene.grids


def _run(
    source: str | os.PathLike[str] | Iterable[SourceItem], prompts: Sequence[Prompt], pipeline: Pipeline | BuiltPipeline, to: RunSettings
) -> Annotation:
    """Annotate with settings that are checked: open, annotate what is left, write."""
    with contextlib.ExitStack() as stack:
        work = _opened(source, prompts, to, stack)
        has_places = work.scene is not None and work.scene.has_prompts
        prompted = _check_prompts(pipeline, () if has_places else work.prompts, work.source)
        journal = _journal(_header(pipeline, prompts, work.source), to, stack)
        _check_outputs(work, to)
        lost = forget_lost(to.folder, journal, (image.name for image in work.source))
        taken_in = _take_in(journal, work.source, to)
        run = RunProgress(journal, to.folder, work.source, to.limit, to.retry_failed, to.thumbnails, work.rasters)
        processed, seconds, worked = run.consume(_saved(run, pipeline, work, to.workforce))
        remember_options(to.folder, to.options)
        found = None if work.scene is None else scene_objects(journal, work.scene)
        reports = _write_outputs(journal, work, to, taken_in, found)
        drawn = Overlays(journal, to.folder, class_order(work.names, journal.models()))
        annotation = summarize(
            journal,
            work.source.dropped,
            run.changes,
            _labels(prompts),
            out=to.folder,
            processed=processed,
            seconds=seconds,
            model_seconds=worked,
            reports=reports,
            lost=_still_lost(lost, taken_in, reports),
            prompted=prompted,
            taken_in=taken_in,
            unused=work.source.unused,
            overlays=drawn.write() if to.overlays else None,
        )
        if found is not None:
            annotation = of_scene(annotation, found, with_coarser(work.grids))
        if to.thumbnails:
            _write_gallery(journal, annotation, drawn, work, to, run.share, found)
        return annotation


def _opened(
    source: str | os.PathLike[str] | Iterable[SourceItem], prompts: Sequence[Prompt], to: RunSettings, stack: contextlib.ExitStack
) -> _Work:
    """Open the source. What is opened is closed with the stack."""
    scene: SceneTiles | None = None
    opened: Source
    if to.scene is None:
        opened = open_source(source, to.images, to.folder, to.every)
    elif not isinstance(source, (str, os.PathLike)):
        raise ConfigError(f"with tile (--tile) the source is the path of one raster, got {shown(source)}")
    else:
        opened = scene = open_scene(source, to.scene, prompts, to.folder)
        stack.callback(scene.raster.close)
        check_whole(scene)
    rasters = stack.enter_context(OpenRasters(*([] if scene is None else [scene.raster])))
    categories = _classes(to.classes, opened, prompts)
    names = tuple(each.name if isinstance(each, Category) else each for each in categories)
    if scene is None:
        return _Work(opened, None, rasters, prompts, categories, names)
    return _Work(scene, scene, rasters, scene.prompts, categories, names or scene.labels)  # Colors of a known order are the clearest ones.


def _journal(header: Mapping[str, Any], to: RunSettings, stack: contextlib.ExitStack) -> Journal:
    """Lock the output folder, and open its journal until the stack is closed."""
    stack.enter_context(locked(to.folder))
    remove_leftovers(to.folder)
    remove_leftovers(to.gallery)
    if to.correction is not None:
        to.correction.check(to.folder)
    return stack.enter_context(contextlib.closing(Journal(to.folder / JOURNAL, header, check_record)))


def _check_outputs(work: _Work, to: RunSettings) -> None:
    """Check what can be known of the outputs before the first image."""
    if work.scene is None:
        images = islice(iter(work.source), to.limit)
        check_outputs(to.folder, to.formats, to.options, images, gallery=to.written_gallery, overlays=to.written_overlays)
    else:
        SceneOutputs(work.scene, to.folder, to.formats, to.options).check(to.written_gallery)
        work.scene.remember(to.folder)


def _take_in(journal: Journal, source: Source, to: RunSettings) -> TakenIn | None:
    """Take corrections in, if there are any, after the source was compared with the journal."""
    if to.correction is None:
        return None
    journal.leave_out(frozenset(find_changes(journal, source, OpenRasters()).gone))
    name = to.correction.name
    return take_in(to.correction, journal, to.folder, source, options_of(to.folder, name, to.options.get(name, {})))


def _saved(run: RunProgress, pipeline: Pipeline | BuiltPipeline, work: _Work, workforce: Workforce) -> Iterator[SavedImage]:
    """Annotate the remaining images here or on Ray."""
    if workforce.executor == "ray":
        from .ray_executor import annotate_on_ray

        return annotate_on_ray(run, pipeline, work.prompts, workforce, work.names, work.grids)
    return _annotate_locally(run, pipeline, work, workforce.batch_size)


def _write_outputs(
    journal: Journal, work: _Work, to: RunSettings, taken_in: TakenIn | None, found: Joined | None
) -> dict[str, WriteReport]:
    """Write the datasets. Files that were changed by hand stay, and a single file whose changes were taken in is replaced.

    Args:
        journal: The journal.
        work: What the run works on.
        to: The settings.
        taken_in: Outcome of taking corrections in, or None.
        found: The objects of a raster, or None for images.
    """
    if work.scene is not None and found is not None:
        outputs = SceneOutputs(work.scene, to.folder, to.formats, to.options)
        return outputs.write(found.masks, work.categories, undone_windows(journal, work.scene))
    complete = taken_in.name if taken_in is not None and taken_in.complete else None
    reports = {}
    for name in dict.fromkeys(to.formats):
        images, own = _counted(JournalImages(journal), name), to.options.get(name, {})
        reports[name] = write(name, images, to.folder, classes=work.categories, taken_in=name == complete, **own)
    if taken_in is not None and taken_in.name in reports:
        reports[taken_in.name] = mark_taken_in(reports[taken_in.name], taken_in)
    return reports


def _write_gallery(
    journal: Journal, annotation: Annotation, drawn: Overlays, work: _Work, to: RunSettings, share: float, found: Joined | None
) -> None:
    """Write the gallery, of a raster with an overview of its objects."""
    order, place, overview, pixels = class_order(work.names, journal.models()), to.gallery, None, None
    if work.scene is not None and found is not None:
        overview = write_overview(work.scene.raster, found.masks, place, order)
        pixels = TilePixels(work.scene, work.rasters)
    gallery_files.redraw_thumbnails(journal, place, order, share, pixels)
    gallery_files.write_gallery(journal, annotation, place, to.thumbnails, classes=order, overlays=drawn.current(), overview=overview)


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


def _annotate_locally(run: RunProgress, pipeline: Pipeline | BuiltPipeline, work: _Work, batch_size: int | None) -> Iterator[SavedImage]:
    """Annotate the remaining images in this process. The models are loaded at the call, not at the first item of the iterator."""
    if not run.remaining:
        return iter(())
    built = pipeline.build() if isinstance(pipeline, Pipeline) else pipeline
    models = [model.to_dict() for model in built.models]
    run.journal.check_models(models)

    def finish(result: ImageResult) -> SavedImage:
        record, used = record_of(result)
        return run.save(record, used, thumbnail_for(result, record, used, run.share, work.names))

    return Annotator(built, work.prompts, batch_size, work.rasters, work.grids).run(run.pending(), finish)


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
