"""`BuiltPipeline`: a pipeline with loaded models, to be called with images and prompts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, overload

from .._checks import flag, whole_number
from .._display import Displayed
from ..calibration.scores import ScoreCalibration
from ..errors import ConfigError, InputError, PromptError, PromptSegError, shown
from ..images import ImageLike, load_image_copy
from ..notebook.views import View
from ..prompts import Prompt, PromptKind, phrases_of
from ..protocols import (
    BatchSegmenter,
    ChecksPhrases,
    ConceptSegmenter,
    ConceptVideoSegmenter,
    Detector,
    EmbeddingStore,
    Segmenter,
    Session,
    VideoLike,
    VideoSegmenter,
)
from ..registry.loading import load_concept
from ..results import Provenance, Result
from ..tiling.session import OpensTiled
from ..tracking.asking import Every
from ..tracking.redetection import RedetectionConfig, TrackedFrame
from . import stages
from .batches import is_one_image, run_batches
from .checks import EXAMPLES, check_image
from .config import PipelineConfig
from .open_image import OpenImage
from .tracking import track


@dataclass(frozen=True, repr=False)
class BuiltPipeline(Displayed, OpensTiled):
    """A pipeline with loaded models. Call it with an image and prompts. Threads may share it.

    Attributes:
        config: The configuration that it was built from.
        detector: The detector, or None.
        segmenter: The segmenter, or None.
        concept_segmenter: The concept segmenter, or None.
        calibration: Calibration of the segmenter's scores, or None. The segmenter itself and the tracker keep the model's own scores.
    """

    config: PipelineConfig
    detector: Detector | None = None
    segmenter: Segmenter | None = None
    concept_segmenter: ConceptSegmenter | None = None
    calibration: ScoreCalibration | None = None

    def __call__(self, image: ImageLike, *prompts: Prompt, candidates: bool = False) -> Result:
        """Run the stages on one image.

        Each spatial prompt gives one mask. With a detector, text prompts name the objects to find; without any prompt, the detector finds
        every class that it knows. Examples find every object that is like them, and so do phrases if the concept segmenter reads words. The
        result has the masks of the spatial prompts in their order, then those of everything prompts, then those of the detections, best
        first, then those of concepts.

        Args:
            image: A path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array.
            *prompts: Prompts of any kind. Each spatial prompt is for one object.
            candidates: Whether to return all masks that the segmenter proposes for a spatial prompt, not only the best.

        Raises:
            InputError: The image cannot be read.
            PromptError: There is neither a prompt nor a detector, or a prompt does not fit the image or the model.
            IncompatibleStagesError: A prompt needs a stage that the pipeline lacks.
        """
        candidates = flag("candidates", candidates, PromptError)
        check_image(image)
        stages.check(self, prompts)
        state = stages.begin(self, image, prompts)
        stages.open_session(self, state)
        return stages.finish(self, state, candidates)

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
        """Run the stages on many images and yield one result for each, in the order of the images.

        The masks are the same as those of a call for each image. Images are read lazily, `batch_size` at a time, and no more are held in
        memory. A segmenter that can encode several images encodes a batch together. A segmenter with a fallback chain encodes one image
        at a time: a model that fits into memory with one image may not fit with several.

        Args:
            images: Images, or pairs ``(image, prompts)`` whose prompts replace `prompts`.
            *prompts: Prompts for every image without prompts of its own.
            candidates: Whether to return all masks that the segmenter proposes for a spatial prompt, not only the best.
            batch_size: Number of images that are read and encoded together.
            on_error: ``"raise"`` stops at the first image that fails, after the results of the images before it. ``"return"`` yields the
                error in place of the result and continues.

        Raises:
            ConfigError: `batch_size` or `on_error` is not valid.
            InputError: `images` is one image, not several; or an image cannot be read.
            PromptSegError: An image fails. The error is of the same class as for a single call; its message begins with the index of the
                image, from 0, and its path.
        """
        batch_size = min(whole_number("batch_size", batch_size, 1), sys.maxsize)
        candidates = flag("candidates", candidates, PromptError)
        if not isinstance(on_error, str) or on_error not in ("raise", "return"):
            raise ConfigError(f"on_error must be 'raise' or 'return', got {shown(on_error)}")
        if is_one_image(images):
            raise InputError(f"run() takes several images, got {shown(images)}: give a list, or call the pipeline itself with one image")
        if prompts:
            stages.check(self, prompts)
        return run_batches(self, iter(images), prompts, candidates=candidates, batch_size=batch_size, on_error=on_error)

    def open(self, image: ImageLike) -> OpenImage:
        """Encode an image once and return it for any number of calls with prompts.

        Args:
            image: A path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array.

        Raises:
            InputError: The image cannot be read.
        """
        return self.open_all([image])[0]

    def open_all(self, images: Sequence[ImageLike]) -> list[OpenImage]:
        """Encode several images together, where the segmenter can do that, and return each as `open` does.

        Raises:
            InputError: An image cannot be read.
        """
        for image in images:
            check_image(image)
        pixels = [load_image_copy(image) for image in images]
        sessions: Sequence[Session | None] = [None] * len(pixels)
        if isinstance(self.segmenter, BatchSegmenter) and len(pixels) > 1:
            sessions = self.segmenter.open_all(pixels)
        elif self.segmenter is not None:
            sessions = [self.segmenter.open(each) for each in pixels]
        return [
            OpenImage(self, *each, stages.path_of(image)) for each, image in zip(zip(pixels, sessions, strict=True), images, strict=True)
        ]

    def track(
        self,
        video: VideoLike,
        *prompts: Prompt,
        redetect_every: int | None = None,
        redetect: Literal["when-lost"] | None = None,
        every: Every | None = None,
        tracker: VideoSegmenter | ConceptVideoSegmenter | None = None,
        redetection: RedetectionConfig | None = None,
    ) -> Iterator[TrackedFrame]:
        """Track objects through a video and yield each frame as soon as it is tracked.

        Spatial prompts are for the first frame, one object each. With a detector, text prompts name the objects to find on the first frame;
        without any prompt, the detector finds every class that it knows. Examples, and phrases for a concept segmenter, find their objects
        there likewise; an example without an image of its own is on the first frame. All of these run again on later frames according to
        `redetect_every` and `redetect`.

        Args:
            video: A path, stream address, camera number, folder, array or iterable of images; see `promptseg.video.frames.open_frames`.
            *prompts: Spatial and text prompts, and examples.
            redetect_every: Run the detector or concept segmenter again on every n-th frame.
            redetect: ``"when-lost"`` runs it again while an object is lost.
            every: Ask the segmenter on every k-th frame and let optical flow move the masks in between, or ``"auto"``: ask it where a mask
                may have gone wrong. Default: what the configuration says under ``track``, or else every frame.
            tracker: Video segmenter that tracks the objects. Default: a `promptseg.tracking.session.PropagateSegmenter` of the pipeline's
                segmenter. A model that finds concepts in videos and tracks them, such as ``load_video("sam3")``, needs no stage of the
                pipeline: it takes text prompts and examples alone, and looks for them on every frame.
            redetection: Thresholds of redetection. `redetect_every` and `redetect` override its fields.

        Raises:
            PromptError: There is nothing to track, or a prompt is of a kind that cannot be tracked or does not fit the video.
            IncompatibleStagesError: A prompt needs a stage that the pipeline lacks.
            ConfigError: A setting is not valid, or `every` is given with a `tracker`, which has its own.
            InputError: The video cannot be read. If this shows only in the middle, the frames before it are yielded first.
        """
        return track(
            self,
            video,
            prompts,
            redetect_every=redetect_every,
            redetect=redetect,
            every=every,
            tracker=tracker,
            redetection=redetection,
        )

    def with_cache(self, cache: EmbeddingStore | None) -> BuiltPipeline:
        """Return a pipeline with the same models that store their embeddings in `cache`, or do not store them if it is None.

        Raises:
            ConfigError: `cache` is not a store of embeddings.
        """
        if cache is not None and not isinstance(cache, EmbeddingStore):
            raise ConfigError(f"a cache is an EmbeddingCache, or an object with its methods get and put, got {shown(cache)}")
        if self.segmenter is None and self.concept_segmenter is None:
            return self
        segmenter = None if self.segmenter is None else self.segmenter.with_cache(cache)
        concepts = self.concept_segmenter
        shared = None if concepts is None else stages.on_sessions(self)
        if shared is not None and segmenter is not None:
            concepts = shared.with_segmenter(segmenter)
        elif concepts is not None:
            concepts = concepts.with_cache(cache)
        return replace(self, segmenter=segmenter, concept_segmenter=concepts)

    @property
    def models(self) -> tuple[Provenance, ...]:
        """Provenance of the loaded models, in the order of their stages."""
        loaded = (self.detector, self.segmenter, self.concept_segmenter)
        return tuple(model.provenance for model in loaded if model is not None)

    @cached_property
    def concepts(self) -> ConceptSegmenter | None:
        """The concept segmenter; without a concept stage, one that works with the segmenter's features; None without a segmenter."""
        if self.concept_segmenter is not None or self.segmenter is None:
            return self.concept_segmenter
        return load_concept(segmenter=self.segmenter)

    @property
    def concept_kinds(self) -> frozenset[PromptKind]:
        """What concepts may consist of that `concepts` finds: phrases, examples, both or nothing."""
        if self.concept_segmenter is not None:
            return self.concept_segmenter.accepts
        return EXAMPLES if self.segmenter is not None else frozenset()

    @property
    def prompt_kinds(self) -> frozenset[PromptKind]:
        """Kinds of prompt that it answers."""
        own = frozenset() if self.segmenter is None else self.segmenter.accepts
        return own | self.concept_kinds | (frozenset({"text"}) if self.detects else frozenset())

    @property
    def detects(self) -> bool:
        """Whether it finds objects by phrase or without a prompt: it has a detector, or reads words."""
        return self.detector is not None or "text" in self.concept_kinds

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that its models know; empty where they take any phrase or none."""
        return next((model.classes for model in self.models if model.classes), ())

    def check_phrases(self, prompts: Sequence[Prompt]) -> None:
        """Check without an image that the detector knows what the phrases of prompts name, as far as it can tell.

        Args:
            prompts: The prompts. Those without phrases, and all where a concept stage reads words, are left alone.

        Raises:
            PromptError: A phrase names nothing that the detector knows. The message has the nearest classes.
        """
        phrases = () if "text" in self.concept_kinds else phrases_of(prompts)
        detector: object = self.detector  # For mypy, a detector and one that checks phrases have nothing in common.
        if phrases and isinstance(detector, ChecksPhrases):
            detector.check_phrases(phrases)

    def _stages(self) -> list[tuple[str, Provenance | None, dict[str, Any]]]:
        """Return the stages that run: name, model and settings that are not the defaults."""
        found: list[tuple[str, Provenance | None, dict[str, Any]]] = []
        config = self.config.model_dump(mode="json", exclude_defaults=True)
        for name, model in (("detect", self.detector), ("segment", self.segmenter), ("concept", self.concept_segmenter), ("clean", None)):
            if getattr(self.config, name) is not None:
                settings = {key: value for key, value in config.get(name, {}).items() if key not in ("model", "weights")}
                found.append((name, None if model is None else model.provenance, settings))
        return found

    def _summary(self) -> str:
        return ", ".join(name if model is None else f"{name} by {model.model} on {model.device}" for name, model, _ in self._stages())

    def _view(self) -> View:
        rows = tuple(
            (
                name,
                *((model.model, model.license, model.device) if model else ("", "", "")),
                ", ".join(f"{k}={v}" for k, v in settings.items()),
            )
            for name, model, settings in self._stages()
        )
        return View("pipeline", (), None, ("stage", "model", "license", "device", "settings"), rows, len(rows))
