"""Annotation of images as a dataset, in a run that can be stopped and resumed.

Each image is read, segmented and recorded in the journal of the output folder. When all images are done, the datasets are written from the
journal. The same call resumes a run that was stopped for any reason.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from filelock import FileLock, Timeout

from .._checks import whole_number
from ..datasets.writing import WriteReport, check_format, write
from ..errors import ConfigError, IncompatibleStagesError, OutputError
from ..masks import Mask
from ..pipeline import BuiltPipeline, Pipeline
from ..pipeline.checks import check_prompts
from ..prompts import Prompt, phrases_of
from ..runtime.files import output_errors, remove_leftovers
from ..vocabulary import parse_phrase
from . import gallery as gallery_files
from .annotator import Annotator, ImageResult
from .journal import Journal
from .records import JournalImages, record_of
from .run_progress import GALLERY, RunProgress, SavedImage, thumbnail_for
from .sources import Source, SourceItem, open_source
from .summary import Annotation, summarize

if TYPE_CHECKING:
    import os

JOURNAL = "journal.jsonl"
LOCK = ".lock"

ExecutorName = Literal["local", "ray"]


def annotate(
    source: str | os.PathLike[str] | Iterable[SourceItem],
    *prompts: Prompt,
    pipeline: Pipeline | BuiltPipeline,
    out: str | os.PathLike[str],
    formats: Sequence[str] = ("coco",),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    images: str | os.PathLike[str] | None = None,
    every: int | None = None,
    gallery: int = gallery_files.MAX_THUMBNAILS,
    retry_failed: bool = False,
    limit: int | None = None,
    batch_size: int | None = None,
    executor: ExecutorName = "local",
    workers: int | None = None,
    cpus: float = 0.5,
    gpus: float = 0.0,
) -> Annotation:
    """Annotate images and write them as a dataset.

    Finished images are in the journal of the folder `out` at any moment. The same call resumes a run that was stopped, and its outputs are
    the same, byte for byte. An image that cannot be read, or on which a model fails, is recorded with the reason. The run continues.

    Args:
        source: The images: a folder, a pattern, a list, a table, a COCO file with boxes, a video, or paths and pairs ``(path, prompts)``;
            see `promptseg.annotation.sources.open_source`.
        *prompts: Prompts for images that have no prompts of their own.
        pipeline: The models. For Ray the pipeline must not be built yet, because each worker loads its own models.
        out: Folder for the journal, the outputs and the gallery. Only one run at a time may use it.
        formats: Names of the formats to write, from `promptseg.datasets.catalog.WRITABLE`.
        options: Options of `promptseg.datasets.writing.write` by format, such as ``{"yolo-seg": {"images": "copy"}}``.
        images: Folder to which paths in a list, table or COCO file are relative; by default the folder of that file.
        every: Take every n-th frame of a video. The frames are written as images to the folder ``frames`` in `out`.
        gallery: Maximum number of images with a thumbnail in the gallery; 0 for no gallery.
        retry_failed: Process images again that failed before.
        limit: Number of images to take from the start of the source; None for all.
        batch_size: Number of images that are encoded together. None means 8 on an accelerator and 1 on the CPU. On Ray it is also the
            number of images in a block of work, 8 by default.
        executor: ``"local"``, or ``"ray"`` for the hosts of a Ray cluster. Without a cluster, Ray starts processes on this host.
        workers: Number of Ray workers; None for 1.
        cpus: Number of CPUs that Ray reserves for a worker.
        gpus: Number of GPUs that Ray reserves for a worker; may be a fraction.

    Returns:
        The summary of the run.

    Raises:
        ConfigError: When a setting is invalid, or the folder has a run with other settings. The message lists the differences.
        IncompatibleStagesError: When a prompt needs a stage that the pipeline does not have.
        InputError: When the source cannot be read or has no image.
        OutputError: When another run uses the folder, or a file cannot be written, for example to a full disk. The same call resumes the
            run later.
        MissingDependencyError: When a required package is not installed.
    """
    folder = Path(out)
    _check(formats, options or {}, executor, workers)
    _check_counts(limit=(limit, 1), every=(every, 1), batch_size=(batch_size, 1), gallery=(gallery, 0), workers=(workers, 1))
    opened = open_source(source, images, folder, every)
    _check_prompts(pipeline, prompts, opened)
    with _locked(folder), contextlib.closing(Journal(folder / JOURNAL, _header(pipeline, prompts, opened))) as journal:
        remove_leftovers(folder)
        remove_leftovers(folder / GALLERY)
        run = RunProgress(journal, folder, opened, limit, retry_failed, gallery)
        if executor == "ray":
            from .ray_executor import annotate_on_ray

            saved = annotate_on_ray(run, pipeline, prompts, batch_size or 8, workers or 1, cpus, gpus)
        else:
            saved = _annotate_locally(run, pipeline, prompts, batch_size)
        processed, seconds, worked = run.consume(saved)
        reports = _write_outputs(journal, folder, formats, options or {}, prompts)
        counts = {"processed": processed, "seconds": seconds, "model_seconds": worked, "unused": opened.unused}
        annotation = summarize(journal, out=folder, reports=reports, **counts)
        if gallery:
            gallery_files.write_gallery(journal, annotation, folder / GALLERY, gallery)
        return annotation


def _write_outputs(
    journal: Journal, folder: Path, formats: Sequence[str], options: Mapping[str, Mapping[str, Any]], prompts: Sequence[Prompt]
) -> dict[str, WriteReport]:
    """Write the datasets. Class numbers follow the order of the phrases in the text prompts."""
    classes = [parse_phrase(phrase).label for phrase in phrases_of(prompts)]
    return {name: write(name, JournalImages(journal), folder, classes=classes, **options.get(name, {})) for name in dict.fromkeys(formats)}


def _annotate_locally(
    run: RunProgress, pipeline: Pipeline | BuiltPipeline, prompts: Sequence[Prompt], batch_size: int | None
) -> Iterator[SavedImage]:
    """Annotate the remaining images in this process. The models are loaded at the call, not at the first item of the iterator."""
    if not run.remaining:
        return iter(())
    built = pipeline.build() if isinstance(pipeline, Pipeline) else pipeline
    models = [model.provenance.to_dict() for model in (built.detector, built.segmenter) if model is not None]
    run.journal.check_models(models)

    def finish(result: ImageResult) -> SavedImage:
        record, used = record_of(result)
        return run.save(record, used, thumbnail_for(result, run.share))

    return Annotator(built, prompts, batch_size).run(run.pending(), finish)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise OutputError(f"another run is writing to {folder}: wait until it ends, or use another folder") from error
    try:
        yield
    finally:
        lock.release()


def _header(pipeline: Pipeline | BuiltPipeline, prompts: Sequence[Prompt], source: Source) -> dict[str, Any]:
    """Return the settings of a run, which are compared when it is resumed. The provenance of the models has the device."""
    config = pipeline.config.model_dump(mode="json", exclude_defaults=True, exclude={"device"})
    version = import_module("promptseg").__version__  # A static import would make this module depend on every public module of the package.
    return {
        "promptseg": version,
        "config": config,
        "prompts": [_plain(prompt) for prompt in prompts],
        "source": dict(source.description),
    }


def _plain(value: Any) -> Any:
    """Return a prompt as JSON values. Arrays of more than 64 elements are replaced by their SHA-256."""
    if isinstance(value, Mask):
        return value.to_coco_rle()
    if isinstance(value, np.ndarray):
        return value.tolist() if value.size <= 64 else f"sha256:{hashlib.sha256(np.ascontiguousarray(value).data).hexdigest()}"
    if is_dataclass(value):
        own = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {type(value).__name__: {name: one for name, one in own.items() if one not in (None, [])}}
    return list(value) if isinstance(value, tuple) else value


def _check(formats: Sequence[str], options: Mapping[str, Any], executor: str, workers: int | None) -> None:
    if isinstance(formats, str):
        raise ConfigError(f"formats must be a list of names, got the string {formats!r}: write [{formats!r}]")
    for name in formats:
        check_format(name, options.get(name, {}))
    for name in options:
        if name not in formats:
            raise ConfigError(f"options are given for the format {name!r}, which is not written: the formats are {', '.join(formats)}")
    if executor not in ("local", "ray"):
        raise ConfigError(f"executor must be 'local' or 'ray', got {executor!r}")
    if workers is not None and executor != "ray":
        raise ConfigError(f"workers={workers} needs the executor 'ray', got {executor!r}")


def _check_counts(**counts: tuple[int | None, int]) -> None:
    for what, (value, least) in counts.items():
        if value is not None:
            whole_number(what, value, least)


def _check_prompts(pipeline: Pipeline | BuiltPipeline, prompts: Sequence[Prompt], source: Source) -> None:
    config = pipeline.config
    check_prompts(prompts, detector=config.detect is not None, segmenter=config.segment is not None)
    if not prompts and config.detect is None and not source.has_prompts:
        raise IncompatibleStagesError("nothing to segment: give prompts, a source with prompts, or a pipeline with a detector")
