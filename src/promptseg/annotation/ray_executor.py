"""Annotation on Ray: actors on one host or many hold the models, and the driver writes their records to the journal in any order.

If a worker is lost, Ray starts another one and repeats its block of images. Only the driver writes to the output folder. Workers read the
images by their paths, so the paths must be the same on every host.
"""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

from .._install import install_extra
from ..errors import BackendError, ConfigError, MissingDependencyError
from ..pipeline import BuiltPipeline, Pipeline
from ..prompts import Prompt
from ..tiling.grid import TileGrid
from .annotator import Annotator, ImageResult
from .records import record_of
from .run_progress import RunProgress, SavedImage, thumbnail_for
from .run_settings import Workforce

BLOCK = 8
"""Number of images in a block of work, where the call does not say it."""


class Worker:
    """Ray actor that loads a pipeline once and runs it on blocks of images.

    Args:
        config: The pipeline, as returned by `Pipeline.to_config`.
        prompts: The prompts of the run, pickled.
        batch_size: Number of images that are encoded together; None for the default of the device.
        share: Share of images that have a thumbnail in the gallery, 0 to 1.
        classes: Classes of the run in their known order.
        grids: The tiles of the raster whose tiles the images are.
    """

    def __init__(
        self,
        config: dict[str, Any],
        prompts: bytes,
        batch_size: int | None,
        share: float,
        classes: tuple[str, ...],
        grids: Sequence[TileGrid],
    ) -> None:
        built = Pipeline.from_config(config).build()
        asked = pickle.loads(prompts)  # noqa: S301 - The driver of this run made it.
        self._annotator = Annotator(built, asked, batch_size, grids=grids)
        self._share, self._classes = share, classes

    def __call__(self, block: dict[str, Any]) -> dict[str, list[Any]]:
        """Annotate the images of a block.

        Args:
            block: ``image``, a list of pickled `SourceImage`.

        Returns:
            ``record`` and ``models`` as JSON, and ``thumbnail`` as JPEG or empty bytes, one of each per image.
        """
        images = [pickle.loads(image) for image in block["image"]]  # noqa: S301 - As above.

        def finish(result: ImageResult) -> tuple[bytes, bytes, bytes]:
            record, models = record_of(result)
            thumbnail = thumbnail_for(result, record, models, self._share, self._classes)
            return json.dumps(record).encode(), json.dumps(models).encode(), thumbnail or b""

        done = list(self._annotator.run(images, finish))
        return {name: [row[column] for row in done] for column, name in enumerate(("record", "models", "thumbnail"))}


def annotate_on_ray(
    run: RunProgress,
    pipeline: Pipeline | BuiltPipeline,
    prompts: Sequence[Prompt],
    workforce: Workforce,
    classes: tuple[str, ...],
    grids: Sequence[TileGrid],
) -> Iterator[SavedImage]:
    """Annotate the remaining images of a run on Ray.

    It joins the cluster that the environment names, or starts one on this host.

    Args:
        run: Progress of the run.
        pipeline: The pipeline, which must not be built yet.
        prompts: Prompts for images that have none of their own.
        workforce: The workers.
        classes: Classes of the run in their known order.
        grids: The tiles of the raster whose tiles the images are.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingDependencyError(f"the executor 'ray' needs Ray: {install_extra('ray')}") from error
    if isinstance(pipeline, BuiltPipeline):
        raise ConfigError("Ray's workers load the models themselves, but the pipeline is already built: pass the pipeline before .build()")
    if not run.remaining:
        return
    if not ray.is_initialized():
        ray.init(log_to_driver=False, configure_logging=False)
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    ray.data.DataContext.get_current().enable_progress_bars = False  # annotate() shows its own progress.
    images = [{"image": pickle.dumps(image)} for image in run.pending()]
    dataset = ray.data.from_items(images, override_num_blocks=-(-len(images) // (workforce.batch_size or BLOCK))).map_batches(
        Worker,
        fn_constructor_args=(
            pipeline.to_config(),
            pickle.dumps(tuple(prompts)),
            None if workforce.gpus else 1,
            run.share,
            classes,
            tuple(grids),
        ),
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(size=workforce.workers or 1),
        num_cpus=workforce.cpus,
        num_gpus=workforce.gpus,
    )
    for row in _rows(dataset, run):
        record = json.loads(row["record"])
        if not run.is_saved(record["name"]):  # Ray may run a block twice.
            yield run.save(record, json.loads(row["models"]), row["thumbnail"] or None)


def _rows(dataset: Any, run: RunProgress) -> Iterator[dict[str, Any]]:
    """Yield the rows of a dataset as they become available.

    Raises:
        BackendError: When Ray stops, for example because a worker cannot load its models.
    """
    rows = iter(dataset.iter_rows())
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:  # Ray wraps the exceptions of its workers in its own types.
            raise BackendError(f"Ray stopped; the finished images are in {run.journal.path}: {error}") from error
        yield row
