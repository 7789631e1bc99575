"""The same run on Ray: actors that hold the models, on one machine or many; records come back in any order, and the journal takes them.

A worker that is lost takes the photos of its block with it; Ray starts another and has them done again. The driver alone writes to the
run's folder. Workers read the photos by their paths: these must mean the same on every machine.
"""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import BackendError, ConfigError, MissingDependencyError
from ..pipeline import BuiltPipeline, Pipeline
from ..prompts import Prompt
from .annotator import Annotator, Answer
from .records import record_of
from .run_progress import Kept, RunProgress, picture_for


class Worker:
    """What an actor of Ray runs: a pipeline, loaded once, on one block of photos after another.

    Args:
        config: The pipeline, as `Pipeline.to_config` gives it.
        prompts: The prompts of the run, pickled.
        batch_size: How many photos are encoded together; None for what suits the device.
        share: The share of photos that have a picture in the gallery.
    """

    def __init__(self, config: dict[str, Any], prompts: bytes, batch_size: int | None, share: float) -> None:
        built = Pipeline.from_config(config).build()
        self._annotator = Annotator(built, pickle.loads(prompts), batch_size)  # noqa: S301 - The driver of this run made it.
        self._share = share

    def __call__(self, block: dict[str, Any]) -> dict[str, list[Any]]:
        """Annotates the photos of a block: ``photo``, pickled, becomes ``record`` and ``models``, JSON, and ``picture``, JPEG or empty."""
        photos = [pickle.loads(photo) for photo in block["photo"]]  # noqa: S301 - As above.

        def finish(answer: Answer) -> tuple[bytes, bytes, bytes]:
            record, models = record_of(answer)
            return json.dumps(record).encode(), json.dumps(models).encode(), picture_for(answer, self._share) or b""

        done = list(self._annotator.run(photos, finish))
        return {name: [row[column] for row in done] for column, name in enumerate(("record", "models", "picture"))}


def answers_of_ray(
    run: RunProgress,
    pipeline: Pipeline | BuiltPipeline,
    prompts: Sequence[Prompt],
    block: int,
    workers: int,
    cpus: float,
    gpus: float,
) -> Iterator[Kept]:
    """Annotates what is left of a run on Ray; joins the cluster that the environment names, or starts one in this machine."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingDependencyError("the executor 'ray' needs Ray: pip install 'promptseg[ray]'") from error
    if isinstance(pipeline, BuiltPipeline):
        raise ConfigError("Ray's workers load the models themselves: give the pipeline as it is before .build()")
    if not run.left:
        return
    if not ray.is_initialized():
        ray.init(log_to_driver=False, configure_logging=False)
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    ray.data.DataContext.get_current().enable_progress_bars = False  # The run has its own.
    photos = [{"photo": pickle.dumps(photo)} for photo in run.pending()]
    dataset = ray.data.from_items(photos, override_num_blocks=-(-len(photos) // block)).map_batches(
        Worker,
        fn_constructor_args=(pipeline.to_config(), pickle.dumps(tuple(prompts)), None if gpus else 1, run.share),
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=cpus,
        num_gpus=gpus,
    )
    for row in _rows(dataset, run):
        record = json.loads(row["record"])
        if not run.journal.has_done(record["name"]):  # A block of photos may be done twice.
            yield run.keep(record, json.loads(row["models"]), row["picture"] or None)


def _rows(dataset: Any, run: RunProgress) -> Iterator[dict[str, Any]]:
    """The rows of a dataset as they are made.

    Raises:
        BackendError: Ray gives up, because a worker cannot load its models or for reasons of its own.
    """
    rows = iter(dataset.iter_rows())
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:  # Ray wraps what its workers raise in exceptions of its own.
            raise BackendError(f"Ray could not go on; what is done so far is in {run.journal.path}: {error}") from error
        yield row
