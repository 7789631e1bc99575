"""A pipeline over photos: they are read ahead on threads, segmented, and handed on behind, so that the models seldom wait."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, PromptError, PromptSegError
from ..images import load_image
from ..masks import Masks
from ..pipeline import BuiltPipeline
from ..prompts import Prompt
from ..results import Result
from .sources import Photo

_T = TypeVar("_T")

READERS = 4
"""Most threads that read photos."""


@dataclass(frozen=True)
class Answer:
    """What became of one photo.

    Attributes:
        photo: The photo.
        outcome: Its result, or the error that it failed with.
        read: Seconds that reading it took.
        bytes: Size of its file, or None where it could not be read.
    """

    photo: Photo
    outcome: Result | Exception
    read: float = 0.0
    bytes: int | None = None


@dataclass(frozen=True)
class Annotator:
    """Runs a pipeline on any number of photos. At most a few of them are in memory at a time.

    Whatever exception a photo brings about is its own outcome: the others go on.

    Attributes:
        pipeline: The pipeline.
        prompts: The prompts for photos that have none of their own.
        batch_size: How many photos are encoded together; None: 8 on an accelerator, and 1 on the CPU, where larger batches gain nothing.
    """

    pipeline: BuiltPipeline
    prompts: Sequence[Prompt] = ()
    batch_size: int | None = None
    _size: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        models = [model for model in (self.pipeline.detector, self.pipeline.segmenter) if model is not None]
        accelerated = any(not model.provenance.device.startswith("cpu") for model in models)
        object.__setattr__(self, "_size", self.batch_size or (8 if accelerated else 1))
        stage = self.pipeline.config.segment
        if stage is not None and "cache" not in stage.options:
            object.__setattr__(self, "pipeline", self.pipeline.with_cache(None))  # Each image is seen once.

    def run(self, photos: Iterable[Photo], finish: Callable[[Answer], _T]) -> Iterator[_T]:
        """What `finish` makes of each answer, in the order of the photos; it is called on a thread of its own, one answer at a time.

        Raises:
            Exception: What `finish` raises; the photos before it are finished.
        """
        behind: deque[Future[_T]] = deque()
        finishing = ThreadPoolExecutor(1, "promptseg-finish")
        try:
            for answer in self._answers(photos):
                behind.append(finishing.submit(finish, answer))
                del answer
                while behind and (behind[0].done() or len(behind) > self._size + 2):
                    yield behind.popleft().result()
            while behind:
                yield behind.popleft().result()
        finally:
            finishing.shutdown(cancel_futures=False)  # What is segmented is kept, also when the run is stopped.

    def _answers(self, photos: Iterable[Photo]) -> Iterator[Answer]:
        readers = max(1, min(READERS, (os.cpu_count() or 1) - 1))
        read = _ahead(photos, _read, self._size + readers, readers)
        try:
            while batch := list(islice(read, self._size)):
                yield from self._segmented(batch)
                del batch
        finally:
            read.close()

    def _segmented(self, batch: list[_Read]) -> Iterator[Answer]:
        usable = [one for one in batch if one.problem is None and one.prompts(self.prompts) is not None]
        found = iter(self._run_batch(usable))
        for one in batch:
            if one.problem is not None:
                yield Answer(one.photo, one.problem, one.seconds, one.bytes)
            elif one.prompts(self.prompts) is None:
                pixels = one.pixels
                yield Answer(one.photo, Result(Masks([], (pixels.shape[0], pixels.shape[1])), image=pixels), one.seconds, one.bytes)
            else:
                yield Answer(one.photo, next(found), one.seconds, one.bytes)

    def _run_batch(self, batch: Sequence[_Read]) -> Sequence[Result | Exception]:
        pairs = [(one.pixels, one.prompts(self.prompts) or ()) for one in batch]
        if len(pairs) > 1:
            try:
                return [_own(outcome) for outcome in self.pipeline.run(pairs, batch_size=len(pairs), on_error="return")]
            except Exception:  # noqa: S110 - A backend may raise anything: each photo is then tried by itself, and the error told with it.
                pass
        return [self._run_one(pixels, prompts) for pixels, prompts in pairs]

    def _run_one(self, pixels: NDArray[np.uint8], prompts: Sequence[Prompt]) -> Result | Exception:
        try:
            return self.pipeline(pixels, *prompts)
        except Exception as error:  # A backend may raise anything, and one photo must not end the run.
            return error


@dataclass(frozen=True)
class _Read:
    """A photo that was read, or not."""

    photo: Photo
    pixels: NDArray[np.uint8]
    problem: Exception | None
    seconds: float
    bytes: int | None = None

    def prompts(self, default: Sequence[Prompt]) -> Sequence[Prompt] | None:
        """What to ask of it; None for nothing at all."""
        if self.photo.prompts is None:
            return default
        return self.photo.prompts or None


def _read(photo: Photo) -> _Read:
    started = time.perf_counter()
    pixels, size = np.zeros((1, 1, 3), np.uint8), None
    problem: Exception | None = None if photo.problem is None else PromptError(photo.problem)
    if problem is None:
        try:
            size = photo.path.stat().st_size
            pixels = load_image(photo.path)
        except OSError as error:
            problem = InputError(f"cannot read image {photo.path}: {error.strerror or error}")
        except Exception as error:  # Out of memory, for one: it is this photo's failure, and the next may fit.
            problem = error
    return _Read(photo, pixels, problem, time.perf_counter() - started, size)


def _ahead(items: Iterable[Photo], call: Callable[[Photo], _T], count: int, threads: int) -> Generator[_T, None, None]:
    """What `call` makes of each item, in order, made on threads up to `count` items before it is asked for."""
    pool = ThreadPoolExecutor(threads, "promptseg-read")
    waiting: deque[Future[_T]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(call, item))
            if len(waiting) >= count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _own(outcome: Result | PromptSegError) -> Result | Exception:
    """The outcome of one photo of a batch; an error without the number that it had in the batch."""
    if isinstance(outcome, PromptSegError) and isinstance(outcome.__cause__, PromptSegError):
        return outcome.__cause__
    return outcome


def with_label_of_prompt(answer: Answer) -> Result:
    """The result of a photo, its masks labeled with what its own prompts ask for where the models gave no label.

    Raises:
        Exception: The photo failed; it is its error.
    """
    if isinstance(answer.outcome, Exception):
        raise answer.outcome
    labels = answer.photo.labels
    if not any(labels):
        return answer.outcome
    masks = (
        replace(mask, label=labels[mask.prompt_index]) if mask.label is None and mask.prompt_index is not None else mask
        for mask in answer.outcome.masks
    )
    return replace(answer.outcome, masks=Masks(masks, answer.outcome.size))
