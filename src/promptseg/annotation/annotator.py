"""Batched pipeline over many images, with reading and post-processing in background threads."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar, Union

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, PromptError, PromptSegError
from ..images import load_image
from ..masks import Masks, Size
from ..pipeline import BuiltPipeline
from ..prompts import Prompt, SpatialPrompt
from ..results import Result
from ..tiling.asking import images_together
from ..tiling.grid import TileGrid
from .content import FileState, read_content
from .following import Followed, PlaceAnswer
from .sources import AskedObject, SourceImage, SourceTile
from .tiles import OpenRasters, read_tile, seen_together, with_data

_Shown = tuple[NDArray[np.uint8], Union[NDArray[np.bool_], None], Sequence[Prompt]]
"""Pixels, which of them have data (None for all), and prompts."""

_S = TypeVar("_S")
_T = TypeVar("_T")

READERS = 4
"""Maximum number of threads that read images."""


@dataclass(frozen=True)
class ImageResult:
    """Outcome of one image.

    Attributes:
        image: The image, without prompts that lie outside of it.
        outcome: Its result, or the error with which it failed.
        read: Seconds spent reading it.
        state: State of its file, or None if it could not be read.
        asked: All prompts of the image in its source, as in `SourceImage.asked`.
        has_data: Whether the image shows any data. A tile of a raster may have none.
        answers: How the prompts for places in a raster were answered, by their indices.
        moved: The tiles that were asked after the image, because its border cut an object.
    """

    image: SourceImage
    outcome: Result | Exception
    read: float = 0.0
    state: FileState | None = None
    asked: tuple[AskedObject, ...] | None = None
    has_data: bool = True
    answers: Mapping[int, PlaceAnswer] = field(default_factory=dict)
    moved: tuple[SourceTile, ...] = ()


@dataclass(frozen=True)
class Annotator:
    """Runner of a pipeline on any number of images, of which only a few are in memory at a time.

    An exception that an image causes becomes the outcome of that image. The run continues with the others.

    Attributes:
        pipeline: The pipeline.
        prompts: Prompts for images that have no prompts of their own.
        batch_size: Number of images that are encoded together. None means 8 on an accelerator and 1 on the CPU, where larger batches
            gain nothing.
        rasters: The rasters of images that are tiles. They stay open until their owner closes them.
        grids: The tiles of the raster, one grid for each scale, the finest first, where images have prompts for places in it.

    Raises:
        PromptError: A phrase of `prompts` names no class of the detector.
    """

    pipeline: BuiltPipeline
    prompts: Sequence[Prompt] = ()
    batch_size: int | None = None
    rasters: OpenRasters = field(default_factory=OpenRasters, repr=False)
    grids: Sequence[TileGrid] = ()
    _size: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        self.pipeline.check_phrases(self.prompts)  # A misspelled class is an error of the run, not one of each image.
        object.__setattr__(self, "_size", self.batch_size or images_together(self.pipeline.models))
        stage = self.pipeline.config.segment
        if stage is not None and "cache" not in stage.options:
            object.__setattr__(self, "pipeline", self.pipeline.with_cache(None))  # Each image is seen once.

    def run(self, images: Iterable[SourceImage], finish: Callable[[ImageResult], _T]) -> Iterator[_T]:
        """Yield what `finish` returns for each image, in the order of the images.

        `finish` runs on one separate thread, on one image at a time.

        Raises:
            Exception: When `finish` raises it. The images before are finished.
        """
        behind: deque[Future[_T]] = deque()
        finishing = ThreadPoolExecutor(1, "promptseg-finish")
        try:
            for result in self._results(images):
                behind.append(finishing.submit(finish, result))
                del result
                while behind and (behind[0].done() or len(behind) > self._size + 2):
                    yield behind.popleft().result()
            while behind:
                yield behind.popleft().result()
        finally:
            finishing.shutdown(cancel_futures=False)  # Segmented images are saved, also when the run is stopped.

    def _results(self, images: Iterable[SourceImage]) -> Iterator[ImageResult]:
        readers = max(1, min(READERS, (os.cpu_count() or 1) - 1))
        read = read_ahead(images, self._read, self._size + readers, readers)
        try:
            while batch := list(islice(read, self._size)):
                yield from self._segment(batch)
                del batch
        finally:
            read.close()

    def _segment(self, batch: list[_Read]) -> Iterator[ImageResult]:
        asked = [(one.pixels, one.valid, prompts) for one in batch if (prompts := one.prompts(self.prompts)) is not None]
        found = iter(self._answers(asked))
        outcomes = [next(found) if one.prompts(self.prompts) is not None else one.without_model() for one in batch]
        del asked, found
        self._follow([(one.places, outcome) for one, outcome in zip(batch, outcomes, strict=True) if one.places is not None])
        for one in batch:
            yield one.result(outcomes.pop(0))

    def _follow(self, ways: Sequence[tuple[Followed, Result | Exception]]) -> None:
        """Ask further tiles for the prompts for places whose objects are cut, as many together as images."""
        for places, outcome in ways:
            places.start(outcome)
        while steps := [(places, *step) for places, _ in ways for step in places.steps()]:
            for first in range(0, len(steps), self._size):
                self._ask(steps[first : first + self._size])

    def _ask(self, steps: Sequence[tuple[Followed, SourceTile, list[int]]]) -> None:
        reads = [self._read(places.image_of(tile)) for places, tile, _ in steps]
        asked = [
            (one.pixels, one.valid, places.prompts_in(indices))
            for one, (places, _, indices) in zip(reads, steps, strict=True)
            if one.problem is None and one.has_data
        ]
        found = iter(self._answers(asked))
        for one, (places, tile, indices) in zip(reads, steps, strict=True):
            outcome = one.problem or (next(found) if one.has_data else None)
            places.take(tile, indices, outcome, one.state, one.seconds)

    def _answers(self, asked: Sequence[_Shown]) -> list[Result | Exception]:
        """Return the outcomes of images, whose masks cover pixels with data alone."""
        outcomes = self._run_batch([(pixels, prompts) for pixels, _, prompts in asked])
        return [
            with_data(outcome, valid) if isinstance(outcome, Result) else outcome
            for outcome, (_, valid, _) in zip(outcomes, asked, strict=True)
        ]

    def _run_batch(self, pairs: Sequence[tuple[NDArray[np.uint8], Sequence[Prompt]]]) -> Sequence[Result | Exception]:
        if len(pairs) > 1:
            try:
                return [_without_batch_index(outcome) for outcome in self.pipeline.run(pairs, batch_size=len(pairs), on_error="return")]
            except Exception:  # noqa: S110 - A backend may raise anything. Each image is then run alone, so that the error is that of one image.
                pass
        return [self._run_one(pixels, prompts) for pixels, prompts in pairs]

    def _run_one(self, pixels: NDArray[np.uint8], prompts: Sequence[Prompt]) -> Result | Exception:
        try:
            return self.pipeline(pixels, *prompts)
        except Exception as error:  # A backend may raise anything, and one image must not end the run.
            return error

    def _read(self, image: SourceImage) -> _Read:
        """Read an image. A tile without any data has nothing to segment."""
        started = time.perf_counter()
        pixels, valid, state, asked = np.zeros((1, 1, 3), np.uint8), None, None, image.asked
        problem: Exception | None = None
        places: Followed | None = None
        try:
            if image.tile is None:
                content, state = read_content(image.path)
                pixels = load_image(content)
            else:
                pixels, valid, state = read_tile(self.rasters.of(image.tile), image.tile)
                places = self._places(image)
            image = _fitted(image, (pixels.shape[0], pixels.shape[1]))
            if not _has_data(valid):
                image, places = replace(image, asked=()), None
        except OSError as error:
            problem = InputError(f"cannot read image {image.path}: {error.strerror or error}")
        except Exception as error:  # Such as out of memory: this image fails, the next one may fit.
            problem = error
        return _Read(image, pixels, problem, time.perf_counter() - started, state, asked, valid, places)

    def _places(self, image: SourceImage) -> Followed | None:
        """Return the prompts of a tile for places in its raster, or None if it has none."""
        if image.tile is None or not any(isinstance(prompt, SpatialPrompt) for prompt in image.prompts or ()):
            return None
        segmenter = self.pipeline.segmenter
        return Followed(image, image.tile, self.grids, frozenset() if segmenter is None else segmenter.accepts)


@dataclass(frozen=True)
class _Read:
    """Image that was read, or the problem that prevented it.

    Attributes:
        image: The image.
        pixels: (H, W, 3) uint8 RGB.
        problem: What prevented it, or None.
        seconds: Seconds spent reading it.
        state: State of its file.
        asked: All prompts of the image in its source.
        valid: Which pixels of a tile have data, (H, W) bool; None where all have.
        places: Its prompts for places in a raster, or None if there are none.
    """

    image: SourceImage
    pixels: NDArray[np.uint8]
    problem: Exception | None
    seconds: float
    state: FileState | None = None
    asked: tuple[AskedObject, ...] | None = None
    valid: NDArray[np.bool_] | None = None
    places: Followed | None = None

    @property
    def has_data(self) -> bool:
        """Whether any pixel has data."""
        return _has_data(self.valid)

    def prompts(self, default: Sequence[Prompt]) -> Sequence[Prompt] | None:
        """Return the prompts for this image in its pixels, or None if there is nothing to segment."""
        if self.problem is not None:
            return None
        own = self.image.prompts if self.places is None else self.places.prompts
        return default if own is None else own or None

    def without_model(self) -> Result | Exception:
        """Return the outcome where no model is asked."""
        return self.problem or Result(Masks([], (self.pixels.shape[0], self.pixels.shape[1])), image=self.pixels)

    def result(self, outcome: Result | Exception) -> ImageResult:
        """Return the outcome of the image with all about it. Its prompts for places have been followed."""
        found = ImageResult(self.image, outcome, self.seconds, self.state, self.asked, self.has_data)
        if self.places is None or self.state is None:
            return found
        outcome, answers, moved = self.places.outcome(outcome), self.places.answers(), tuple(self.places.tiles)
        return replace(found, outcome=outcome, state=seen_together([self.state, *self.places.states]), answers=answers, moved=moved)


def _has_data(valid: NDArray[np.bool_] | None) -> bool:
    return valid is None or bool(valid.any())


def _fitted(image: SourceImage, size: Size) -> SourceImage:
    """Return an image without those of its own prompts that lie outside of it. Boxes are clipped when they are used."""
    asked, dropped = [], list(image.dropped)
    for each in image.asked or ():
        try:
            if isinstance(each.prompt, SpatialPrompt) and image.tile is None:  # Those of a tile are for places in its raster.
                each.prompt.on_image(size)
            asked.append(each)
        except PromptError as error:
            dropped.append(f"{each.place}: {error}")
    return image if image.asked is None else replace(image, asked=tuple(asked), dropped=tuple(dropped))


def read_ahead(items: Iterable[_S], call: Callable[[_S], _T], count: int, threads: int) -> Generator[_T, None, None]:
    """Yield `call(item)` for each item in order. Threads compute up to `count` items in advance."""
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


def _without_batch_index(outcome: Result | PromptSegError) -> Result | Exception:
    """Return the outcome of one image of a batch. The error of a batch is replaced by its cause, which does not name the batch index."""
    if isinstance(outcome, PromptSegError) and isinstance(outcome.__cause__, PromptSegError):
        return outcome.__cause__
    return outcome


def with_prompt_labels(result: ImageResult) -> Result:
    """Return the result of an image. Masks without a label get the label of their prompt.

    Raises:
        Exception: When the image failed. It is the error of the image.
    """
    if isinstance(result.outcome, Exception):
        raise result.outcome
    labels = result.image.labels
    if not any(labels):
        return result.outcome
    masks = (
        replace(mask, label=labels[mask.prompt_index]) if mask.label is None and mask.prompt_index is not None else mask
        for mask in result.outcome.masks
    )
    return replace(result.outcome, masks=Masks(masks, result.outcome.size))
