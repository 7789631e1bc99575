"""`BuiltPipeline`: models that are loaded, called with images and prompts."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from .._checks import whole_number
from ..detections import Detections
from ..errors import ConfigError, IncompatibleStagesError, InputError, PromptError, PromptSegError
from ..images import ImageLike, load_image
from ..masks import Mask, Masks
from ..prompts import EverythingPrompt, Prompt, SpatialPrompt, TextPrompt, phrases_of
from ..protocols import BatchSegmenter, Detector, EmbeddingStore, Segmenter, Session, VideoLike, VideoSegmenter
from ..results import Provenance, Result
from ..tracking.redetection import RedetectionConfig, TrackedFrame, track_with_redetection
from ..tracking.session import PropagateSegmenter
from . import box_prompts
from .cleaning import clean
from .config import PipelineConfig, SegmentStage


@dataclass(frozen=True)
class BuiltPipeline:
    """A pipeline with its models loaded. Call it with an image and prompts; threads may share it.

    Attributes:
        config: What it was built from.
        detector: The detector, or None.
        segmenter: The segmenter, or None.
    """

    config: PipelineConfig
    detector: Detector | None = None
    segmenter: Segmenter | None = None

    def __call__(self, image: ImageLike, *prompts: Prompt, candidates: bool = False) -> Result:
        """Runs the stages on one image.

        With a detector, text prompts say what to find, and no prompt at all asks for every class that it knows. Spatial prompts give one
        mask each. The result has the masks of the prompts in their order, then those of the detections, best first.

        Args:
            image: A path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array.
            *prompts: Prompts of any kind; one object a spatial prompt.
            candidates: Give all masks that the segmenter proposes for each spatial prompt, not the chosen one alone.

        Raises:
            InputError: The image cannot be used.
            PromptError: There is no prompt and no detector, or a prompt does not fit the image or the model.
            IncompatibleStagesError: A prompt needs a stage that the pipeline lacks.
        """
        self._check(prompts)
        job = self._begin(image, prompts)
        self._open(job)
        return self._finish(job, candidates)

    @overload
    def run(
        self,
        images: Iterable[ImageLike | tuple[ImageLike, Prompt | Sequence[Prompt]]],
        *prompts: Prompt,
        candidates: bool = False,
        batch_size: int = 4,
        on_error: Literal["raise"] = "raise",
    ) -> Iterator[Result]: ...
    @overload
    def run(
        self,
        images: Iterable[ImageLike | tuple[ImageLike, Prompt | Sequence[Prompt]]],
        *prompts: Prompt,
        candidates: bool = False,
        batch_size: int = 4,
        on_error: Literal["return"],
    ) -> Iterator[Result | PromptSegError]: ...
    def run(
        self,
        images: Iterable[ImageLike | tuple[ImageLike, Prompt | Sequence[Prompt]]],
        *prompts: Prompt,
        candidates: bool = False,
        batch_size: int = 4,
        on_error: Literal["raise", "return"] = "raise",
    ) -> Iterator[Result | PromptSegError]:
        """Runs the stages on many images, one result an image in their order, with the masks that a call for each would give.

        Images are read when they are reached, `batch_size` at a time, and no more than those are held. A segmenter that can do so encodes
        those of a batch together; one with a fallback does not, because a model that one image fits into memory with may be too large for
        several.

        Args:
            images: Images, or pairs ``(image, prompts)`` with prompts of their own in place of `prompts`.
            *prompts: The prompts for every image.
            candidates: As for one image.
            batch_size: How many images are read and encoded at once.
            on_error: ``"raise"`` ends at the first image that fails, after the results of those before it; ``"return"`` gives the error in
                the place of its result, and goes on.

        Raises:
            ConfigError: `batch_size` or `on_error` is impossible.
            PromptSegError: As for one image, with the number of the image, from 0, and its path.
        """
        batch_size = whole_number("batch_size", batch_size, 1)
        if on_error not in ("raise", "return"):
            raise ConfigError(f"on_error is 'raise' or 'return', got {on_error!r}")
        if _is_one_image(images):
            raise InputError(f"run() takes several images: give a list of them, or call the pipeline with the one; got {_short(images)}")
        if prompts:
            self._check(prompts)
        return self._run(iter(images), prompts, candidates, batch_size, on_error)

    def track(
        self,
        video: VideoLike,
        *prompts: Prompt,
        redetect_every: int | None = None,
        redetect: Literal["when-lost"] | None = None,
        tracker: VideoSegmenter | None = None,
        redetection: RedetectionConfig | None = None,
    ) -> Iterator[TrackedFrame]:
        """Tracks objects through a video, frame by frame as they are read.

        Spatial prompts are of the first frame, one object each. With a detector, text prompts say what to find there, and no prompt at all
        asks for every class that it knows; it is asked again as `redetect_every` and `redetect` say.

        Args:
            video: What `promptseg.video.frames.open_frames` takes.
            *prompts: Spatial and text prompts.
            redetect_every: Ask the detector again on every n-th frame.
            redetect: ``"when-lost"``: ask it again while an object is lost.
            tracker: What tracks; default: the pipeline's segmenter, by `promptseg.tracking.session.PropagateSegmenter`.
            redetection: When objects count as lost and found; the two options above change it.

        Raises:
            PromptError: There is nothing to track, or a prompt is of another kind or does not fit.
            IncompatibleStagesError: A prompt needs a stage that the pipeline lacks.
            ConfigError: A setting is impossible.
            InputError: The video cannot be read; where that shows in its middle, after the frames before.
        """
        self._check(prompts)
        if any(isinstance(prompt, EverythingPrompt) for prompt in prompts):
            raise PromptError("tracking takes points, boxes, masks and text, not Prompt.everything()")
        if redetect not in (None, "when-lost"):
            raise ConfigError(f"redetect is 'when-lost' or None, got {redetect!r}")
        redetection = redetection or RedetectionConfig()
        if redetect_every is not None:
            redetection = replace(redetection, redetect_every=redetect_every)
        if redetect is not None:
            redetection = replace(redetection, when_lost=True)
        texts = [prompt for prompt in prompts if isinstance(prompt, TextPrompt)]
        places = [prompt for prompt in prompts if isinstance(prompt, SpatialPrompt)]
        asked = self.detector is not None and (texts or not places or redetection.redetect_every is not None or redetection.when_lost)

        def find(image: NDArray[np.uint8]) -> Masks:
            return self(image, *texts).masks

        return track_with_redetection(
            self._tracker() if tracker is None else tracker, video, places, find=find if asked else None, redetection=redetection
        )

    def with_cache(self, cache: EmbeddingStore | None) -> BuiltPipeline:
        """Return a pipeline with the same models whose segmenter keeps its embeddings in `cache`, or nowhere for None."""
        return self if self.segmenter is None else replace(self, segmenter=self.segmenter.with_cache(cache))

    def _tracker(self) -> VideoSegmenter:
        if self.segmenter is None:
            raise IncompatibleStagesError("tracking needs a segmenter: add .segment(model) to the pipeline, or give a tracker")
        return PropagateSegmenter(self.segmenter)

    def _run(
        self, images: Iterator[Any], prompts: Sequence[Prompt], candidates: bool, batch_size: int, on_error: str
    ) -> Iterator[Result | PromptSegError]:
        numbered = enumerate(images)
        while batch := list(itertools.islice(numbered, batch_size)):
            jobs = deque((index, item, self._attempt(index, item, prompts)) for index, item in batch)
            del batch
            self._open_together([job for _, _, job in jobs if isinstance(job, _Job)])
            while jobs:
                index, item, job = jobs.popleft()
                outcome: Result | PromptSegError
                if isinstance(job, _Job):
                    try:
                        self._open(job)
                        outcome = self._finish(job, candidates)
                    except PromptSegError as error:
                        outcome = _named(error, index, item)
                else:
                    outcome = job
                del item, job  # The session may be large, and whoever reads the results may keep this waiting.
                if on_error == "raise" and isinstance(outcome, PromptSegError):
                    raise outcome
                yield outcome
                del outcome

    def _attempt(self, index: int, item: Any, prompts: Sequence[Prompt]) -> _Job | PromptSegError:
        try:
            image, prompts = _pair(item, prompts)
            self._check(prompts)
            return self._begin(image, prompts)
        except PromptSegError as error:
            return _named(error, index, item)

    def _check(self, prompts: Sequence[Prompt]) -> None:
        for index, prompt in enumerate(prompts):
            if not isinstance(prompt, Prompt):
                raise PromptError(f"prompt {index} is not a Prompt but {type(prompt).__name__}: make it with Prompt.point, Prompt.box, …")
            if isinstance(prompt, TextPrompt) and self.detector is None:
                raise IncompatibleStagesError(f"{prompt!r} needs a detector: add .detect(model) to the pipeline")
            if not isinstance(prompt, TextPrompt) and self.segmenter is None:
                raise IncompatibleStagesError(f"{prompt!r} needs a segmenter: add .segment(model) to the pipeline")
        if not prompts and self.detector is None:
            raise PromptError("nothing to segment: give at least one prompt, such as Prompt.point(x, y) or Prompt.everything()")

    def _begin(self, image: ImageLike, prompts: Sequence[Prompt]) -> _Job:
        """Reads an image and finds what the text prompts name."""
        clock = _Clock()
        with clock("read"):
            pixels = load_image(image)
        job = _Job(tuple(prompts), pixels, _path(image), clock)
        phrases = phrases_of(prompts)
        stage = self.config.detect
        if self.detector is not None and stage is not None and (phrases or not prompts):
            with clock("detect"):
                found = self.detector.detect(pixels, phrases or None)
                job.detections = box_prompts.choose(found, stage, job.dropped)
                if self.segmenter is not None:
                    refine = self.config.segment is not None and self.config.segment.refine
                    job.boxes = box_prompts.prompts_of(job.detections, stage.box_padding, refine=refine)
        return job

    def _open_together(self, jobs: Sequence[_Job]) -> None:
        """Opens sessions for several jobs at once, where the segmenter can do that and there is something to ask them."""
        waiting = [job for job in jobs if job.asks_segmenter]
        if len(waiting) < 2 or not isinstance(self.segmenter, BatchSegmenter):
            return
        started = time.perf_counter()
        try:
            sessions = self.segmenter.open_all([job.pixels for job in waiting])
        except PromptSegError:
            return  # Each is then opened by itself: memory may do for one, and the error belongs to the image that has it.
        told = [sum(session.timings.values()) for session in sessions]
        rest = (time.perf_counter() - started - sum(told)) / len(waiting)
        for job, session, own in zip(waiting, sessions, told, strict=True):
            job.opened(session, own + rest)

    def _open(self, job: _Job) -> None:
        """Opens the session of a job, where it has none and there is something to ask it."""
        if self.segmenter is None or job.session is not None:
            return
        if not job.asks_segmenter:
            job.segmented_by = self.segmenter.provenance
            return
        started = time.perf_counter()
        session = self.segmenter.open(job.pixels)
        job.opened(session, time.perf_counter() - started)

    def _finish(self, job: _Job, candidates: bool) -> Result:
        masks = Masks([*_of_prompts(job, candidates), *self._of_detections(job)], (job.pixels.shape[0], job.pixels.shape[1]))
        if self.config.clean is not None:
            with job.clock("clean"):
                masks = clean(masks, self.config.clean)
        detected_by = None if self.detector is None else self.detector.provenance
        return Result(
            masks=masks,
            prompts=job.prompts,
            detections=job.detections,
            dropped=dict(job.dropped),
            timings=job.clock.seconds,
            provenance=tuple(provenance for provenance in (detected_by, job.segmented_by) if provenance is not None),
            image=job.pixels,
            source=job.source,
        )

    def _of_detections(self, job: _Job) -> list[Mask]:
        """The masks of the detections, in their order."""
        if job.detections is None or len(job.detections) == 0:
            return []
        if self.segmenter is None:
            return box_prompts.own_masks(job.detections)
        if job.session is None:
            return []
        with job.clock("segment"):
            masks = job.session.segment(job.boxes)
            return box_prompts.join(masks, job.detections, self.config.segment or SegmentStage(), job.dropped)


@dataclass
class _Job:
    """One image on its way through the stages."""

    prompts: tuple[Prompt, ...]
    pixels: NDArray[np.uint8]
    source: str | None
    clock: _Clock
    detections: Detections | None = None
    boxes: Sequence[SpatialPrompt] = ()
    dropped: Counter[str] = field(default_factory=Counter)
    session: Session | None = None
    segmented_by: Provenance | None = None

    @property
    def asks_segmenter(self) -> bool:
        return bool(self.boxes) or any(isinstance(prompt, (SpatialPrompt, EverythingPrompt)) for prompt in self.prompts)

    def opened(self, session: Session, seconds: float) -> None:
        """Take a session that took `seconds` to open, most of which its own timings tell."""
        self.session, self.segmented_by = session, session.provenance
        stage = next(reversed(list(session.timings)), "encode")
        self.clock.add(session.timings)
        self.clock.add({stage: max(0.0, seconds - sum(session.timings.values()))})


class _Clock:
    """Seconds by stage, in the order in which the stages ran."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.add({stage: time.perf_counter() - started})

    def add(self, timings: Mapping[str, float]) -> None:
        for stage, seconds in timings.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


def _path(image: object) -> str | None:
    return str(image) if isinstance(image, (str, os.PathLike)) else None


def _is_one_image(images: object) -> bool:
    single = isinstance(images, (str, bytes, os.PathLike)) or hasattr(images, "read") or not isinstance(images, Iterable)
    return single or (isinstance(images, np.ndarray) and images.ndim in (2, 3))


def _short(value: object) -> str:
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)[:80]


def _pair(item: Any, prompts: Sequence[Prompt]) -> tuple[ImageLike, Sequence[Prompt]]:
    """An image with its prompts: its own, or else those of all."""
    if not isinstance(item, tuple):
        return item, prompts
    if len(item) != 2:
        raise InputError(f"an image comes alone or as a pair (image, prompts), got a tuple of {len(item)}")
    image, own = item
    return image, tuple(own) if isinstance(own, Iterable) else (own,)


def _named(error: PromptSegError, index: int, item: Any) -> PromptSegError:
    """The same error, saying which image it is of."""
    path = _path(item[0] if isinstance(item, tuple) and item else item)
    named = type(error)(f"image {index}{'' if path is None else f' ({path})'}: {error}")
    named.__cause__ = error
    return named


def _of_prompts(job: _Job, candidates: bool) -> Iterator[Mask]:
    """The masks of the spatial prompts, then those of everything mode."""
    if job.session is None:
        return
    spatial = [(index, prompt) for index, prompt in enumerate(job.prompts) if isinstance(prompt, SpatialPrompt)]
    if spatial:
        with job.clock("segment"):
            masks = job.session.segment([prompt for _, prompt in spatial], candidates=candidates)
            own = [replace(mask, prompt_index=spatial[mask.prompt_index or 0][0]) for mask in masks]
        yield from own
    for index, prompt in enumerate(job.prompts):
        if isinstance(prompt, EverythingPrompt):
            with job.clock("everything"):
                own = [replace(mask, prompt_index=index) for mask in job.session.everything(prompt)]
            yield from own
