"""A pipeline on a video: its detector or concept segmenter finds the objects, and a tracker follows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, IncompatibleStagesError, PromptError, shown
from ..masks import Masks
from ..prompts import Concept, EverythingPrompt, Prompt, SpatialPrompt, TextPrompt
from ..protocols import ConceptVideoSegmenter, VideoLike, VideoSegmenter
from ..tracking.asking import Every
from ..tracking.concepts import track_concepts
from ..tracking.redetection import RedetectionConfig, TrackedFrame, track_with_redetection
from ..tracking.session import PropagateSegmenter
from . import stages
from .config import TrackStage

if TYPE_CHECKING:
    from .runner import BuiltPipeline


def track(
    pipeline: BuiltPipeline,
    video: VideoLike,
    prompts: Sequence[Prompt],
    *,
    redetect_every: int | None,
    redetect: str | None,
    every: Every | None,
    tracker: VideoSegmenter | ConceptVideoSegmenter | None,
    redetection: RedetectionConfig | None,
) -> Iterator[TrackedFrame]:
    """Track objects through a video. `BuiltPipeline.track` explains the arguments."""
    if finds_concepts(tracker):
        if any(each is not None for each in (redetect_every, redetect, redetection, every)):
            raise ConfigError("redetection and every are for trackers of single objects: this one looks for concepts on every frame")
        return track_concepts(tracker, video, cast("Sequence[Concept]", prompts))
    stages.check(pipeline, prompts)
    if any(isinstance(prompt, EverythingPrompt) for prompt in prompts):
        raise PromptError("tracking takes points, boxes, masks, text and examples, not Prompt.everything()")
    settled = _redetection(redetection, redetect_every, redetect)
    own = _tracker(pipeline, tracker, every)
    named = [prompt for prompt in prompts if isinstance(prompt, (TextPrompt, Concept))]
    places = [prompt for prompt in prompts if isinstance(prompt, SpatialPrompt)]
    again = settled.redetect_every is not None or settled.when_lost
    detecting = named or (pipeline.detector is not None and (not places or again))

    def detected_masks(image: NDArray[np.uint8]) -> Masks:
        named[:] = [prompt.bound(image) if isinstance(prompt, Concept) else prompt for prompt in named]  # To the first frame.
        return pipeline(image, *named).masks

    return track_with_redetection(own, video, places, detect=detected_masks if detecting else None, redetection=settled)


def finds_concepts(tracker: object) -> TypeGuard[ConceptVideoSegmenter]:
    """Return whether a tracker finds concepts by itself: it takes text or examples."""
    return isinstance(tracker, ConceptVideoSegmenter) and bool(tracker.accepts & {"text", "example"})


def _redetection(given: RedetectionConfig | None, redetect_every: int | None, redetect: str | None) -> RedetectionConfig:
    """Return the thresholds of redetection, with the two settings that override them."""
    if redetect is not None and (not isinstance(redetect, str) or redetect != "when-lost"):
        raise ConfigError(f"redetect must be 'when-lost' or None, got {shown(redetect)}")
    if not isinstance(given, (RedetectionConfig, type(None))):
        raise ConfigError(f"redetection is a RedetectionConfig, got {shown(given)}")
    settled = given or RedetectionConfig()
    if redetect_every is not None:
        settled = replace(settled, redetect_every=redetect_every)
    return settled if redetect is None else replace(settled, when_lost=True)


def _tracker(pipeline: BuiltPipeline, given: VideoSegmenter | ConceptVideoSegmenter | None, every: Every | None) -> VideoSegmenter:
    """Return the tracker that is given, or one made of the pipeline's segmenter."""
    if given is None:
        if pipeline.segmenter is None:
            raise IncompatibleStagesError("tracking needs a segmenter: add .segment(model) to the pipeline, or give a tracker")
        stage = pipeline.config.track or TrackStage()
        return PropagateSegmenter(pipeline.segmenter, stage.every if every is None else every)
    if not isinstance(given, VideoSegmenter):
        raise ConfigError(f"tracker is a VideoSegmenter, as promptseg.load_video returns it, got {shown(given)}")
    if every is not None:
        raise ConfigError(f"every is for the pipeline's own tracker, and a tracker is given: load it with every={shown(every)}")
    return given
