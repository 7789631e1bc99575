"""`annotate`: from photos to a dataset, photo by photo, so that nothing that was done is lost.

Each photo is read, segmented and put into the journal of the run's folder; the outputs are made of the journal when all photos are done.
A run that was stopped, by whatever, goes on with the same call.
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
from . import gallery as pictures
from .annotator import Annotator, Answer
from .journal import Journal
from .records import JournalImages, record_of
from .run_progress import GALLERY, Kept, RunProgress, picture_for
from .sources import PhotoLike, Source, open_source
from .summary import Annotation, summarize

if TYPE_CHECKING:
    import os

JOURNAL = "journal.jsonl"
LOCK = ".lock"

ExecutorName = Literal["local", "ray"]


def annotate(
    source: str | os.PathLike[str] | Iterable[PhotoLike],
    *prompts: Prompt,
    pipeline: Pipeline | BuiltPipeline,
    out: str | os.PathLike[str],
    formats: Sequence[str] = ("coco",),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    images: str | os.PathLike[str] | None = None,
    every: int | None = None,
    gallery: int = pictures.MOST_PICTURES,
    retry_failed: bool = False,
    limit: int | None = None,
    batch_size: int | None = None,
    executor: ExecutorName = "local",
    workers: int | None = None,
    cpus: float = 0.5,
    gpus: float = 0.0,
) -> Annotation:
    """Annotates photos, and writes them as a dataset.

    What is done is in the journal of the folder `out` at any moment: a run that was stopped goes on with the same call, and comes to the
    same outputs, byte for byte. A photo that cannot be read, or that a model fails on, is recorded with the reason and stops nothing.

    Args:
        source: The photos: a folder, a pattern, a list, a table, a COCO file with boxes, a video, or paths and pairs ``(path, prompts)``;
            see `promptseg.annotation.sources.open_source`.
        *prompts: The prompts for photos that bring none of their own.
        pipeline: The models. For Ray it is not yet built: each worker loads its own.
        out: Folder of the journal, the outputs and the gallery; one run at a time has it.
        formats: Names of the formats to write, of `promptseg.datasets.catalog.WRITABLE`.
        options: Options of `promptseg.datasets.writing.write` by the format, such as ``{"yolo-seg": {"photos": "copy"}}``.
        images: Folder that the paths in a list, table or COCO file start from; by default that of the file.
        every: Take every n-th frame of a video; the frames become pictures in ``frames`` of `out`.
        gallery: Most photos that the gallery has a picture of; 0 for no gallery.
        retry_failed: Try the photos again that failed before.
        limit: Take the first so many photos of the source alone.
        batch_size: How many photos are encoded together; None: 8 on an accelerator, 1 on the CPU. On Ray, how many a worker takes at once,
            too.
        executor: ``"local"``, or ``"ray"`` for the machines of a Ray cluster (or, where there is none, for several processes of this one).
        workers: How many workers Ray starts; None: 1.
        cpus: Processors that Ray reserves for a worker.
        gpus: GPUs that Ray reserves for a worker, or the share of one.

    Raises:
        ConfigError: A setting is impossible, or the folder has a run that does something else; the message has the differences.
        IncompatibleStagesError: A prompt needs a stage that the pipeline lacks.
        InputError: The source cannot be read, or has no image.
        OutputError: Another run has the folder, or it cannot be written, such as to a full disk: then the same call goes on later.
        MissingDependencyError: A package is not installed.
    """
    folder = Path(out)
    _check(formats, options or {}, executor, workers)
    _check_counts(limit=(limit, 1), every=(every, 1), batch_size=(batch_size, 1), gallery=(gallery, 0), workers=(workers, 1))
    found = open_source(source, images, folder, every)
    _check_prompts(pipeline, prompts, found)
    with _locked(folder), contextlib.closing(Journal(folder / JOURNAL, _header(pipeline, prompts, found))) as journal:
        remove_leftovers(folder)
        remove_leftovers(folder / GALLERY)
        run = RunProgress(journal, folder, found, limit, retry_failed, gallery)
        if executor == "ray":
            from .ray_executor import answers_of_ray

            answers = answers_of_ray(run, pipeline, prompts, batch_size or 8, workers or 1, cpus, gpus)
        else:
            answers = _answers_here(run, pipeline, prompts, batch_size)
        made, seconds, worked = run.through(answers)
        reports = _write_outputs(journal, folder, formats, options or {}, prompts)
        annotation = summarize(journal, out=folder, made=made, seconds=seconds, model_seconds=worked, reports=reports)
        if gallery:
            pictures.write_gallery(journal, annotation, folder / GALLERY, gallery)
        return annotation


def _write_outputs(
    journal: Journal, folder: Path, formats: Sequence[str], options: Mapping[str, Mapping[str, Any]], prompts: Sequence[Prompt]
) -> dict[str, WriteReport]:
    """Writes the formats; classes have their numbers in the order of the phrases that were asked for."""
    classes = [parse_phrase(phrase).label for phrase in phrases_of(prompts)]
    return {name: write(name, JournalImages(journal), folder, classes=classes, **options.get(name, {})) for name in dict.fromkeys(formats)}


def _answers_here(
    run: RunProgress, pipeline: Pipeline | BuiltPipeline, prompts: Sequence[Prompt], batch_size: int | None
) -> Iterator[Kept]:
    """Annotates what is left in this process; the models are loaded before the first answer is asked for."""
    if not run.left:
        return iter(())
    built = pipeline.build() if isinstance(pipeline, Pipeline) else pipeline
    models = [model.provenance.to_dict() for model in (built.detector, built.segmenter) if model is not None]
    run.journal.check_models(models)

    def finish(answer: Answer) -> Kept:
        record, took_part = record_of(answer)
        return run.keep(record, took_part, picture_for(answer, run.share))

    return Annotator(built, prompts, batch_size).run(run.pending(), finish)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise OutputError(f"another run is writing to {folder}: wait for it, or give another folder") from error
    try:
        yield
    finally:
        lock.release()


def _header(pipeline: Pipeline | BuiltPipeline, prompts: Sequence[Prompt], source: Source) -> dict[str, Any]:
    """What a run does, for comparison when it goes on. The device is told by the provenance of the models."""
    config = pipeline.config.model_dump(mode="json", exclude_defaults=True, exclude={"device"})
    version = import_module("promptseg").__version__  # A static import would tie this module to all that the package offers.
    return {
        "promptseg": version,
        "config": config,
        "prompts": [_plain(prompt) for prompt in prompts],
        "source": dict(source.description),
    }


def _plain(value: Any) -> Any:
    """A prompt as plain values, large arrays by their hash."""
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
        raise ConfigError(f"formats are a list of names: write [{formats!r}]")
    for name in formats:
        check_format(name, options.get(name, {}))
    for name in options:
        if name not in formats:
            raise ConfigError(f"there are options for the format {name!r}, which is not written: the formats are {', '.join(formats)}")
    if executor not in ("local", "ray"):
        raise ConfigError(f"executor is 'local' or 'ray', got {executor!r}")
    if workers is not None and executor != "ray":
        raise ConfigError("workers go with the executor 'ray'")


def _check_counts(**counts: tuple[int | None, int]) -> None:
    for what, (value, least) in counts.items():
        if value is not None:
            whole_number(what, value, least)


def _check_prompts(pipeline: Pipeline | BuiltPipeline, prompts: Sequence[Prompt], source: Source) -> None:
    config = pipeline.config
    check_prompts(prompts, detector=config.detect is not None, segmenter=config.segment is not None)
    if not prompts and config.detect is None and not source.has_prompts:
        raise IncompatibleStagesError("nothing to segment: give prompts, a source that has some, or a pipeline with a detector")
