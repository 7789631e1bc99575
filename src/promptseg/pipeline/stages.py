"""The stages of a pipeline on one image: what is asked is begun, opened by the segmenter and finished as a result."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import PromptSegError
from ..images import ImageLike, load_image
from ..masks import Mask, Masks
from ..prompts import EverythingPrompt, Prompt, SpatialPrompt, concepts_of, phrases_of
from ..protocols import BatchSegmenter, ConceptSession, FindsInSessions
from ..results import Result
from . import box_prompts, concept_masks
from .checks import check_prompts, nothing_to_segment
from .cleaning import clean
from .config import ConceptStage, SegmentStage
from .job import ImageState, StageTimer

if TYPE_CHECKING:
    from .open_image import OpenImage
    from .runner import BuiltPipeline

_log = logging.getLogger(__name__)


def check(pipeline: BuiltPipeline, prompts: Sequence[Prompt]) -> None:
    """Check that a pipeline takes prompts.

    Raises:
        PromptError: There is neither a prompt nor a detector.
        IncompatibleStagesError: A prompt needs a stage that the pipeline lacks.
    """
    there = {"detector": pipeline.detector is not None, "segmenter": pipeline.segmenter is not None}
    check_prompts(prompts, **there, concepts=pipeline.concept_kinds)
    if not prompts and pipeline.detector is None:
        raise nothing_to_segment()


def begin(pipeline: BuiltPipeline, image: ImageLike, prompts: Sequence[Prompt]) -> ImageState:
    """Read an image and run the detector, if there is one and the prompts need it."""
    timer = StageTimer()
    with timer("read"):
        pixels = load_image(image)
    return _detected(pipeline, ImageState(tuple(prompts), pixels, path_of(image), timer, calibration=pipeline.calibration))


def begin_open(pipeline: BuiltPipeline, image: OpenImage, prompts: Sequence[Prompt]) -> ImageState:
    """Run the detector on an open image, if there is one and the prompts need it."""
    state = ImageState(tuple(prompts), image.image, image.source, StageTimer(), calibration=pipeline.calibration)
    state.session = image.session
    state.segmented_by = None if image.session is None else image.session.provenance
    return _detected(pipeline, state)


def _detected(pipeline: BuiltPipeline, state: ImageState) -> ImageState:
    prompts, pixels, timer = state.prompts, state.pixels, state.timer
    asked = concepts_of(prompts)
    state.concepts = [(index, concept) for index, concept in asked if concept.examples or "text" in pipeline.concept_kinds]
    state.finds_in_session = bool(state.concepts) and on_sessions(pipeline) is not None
    phrases = () if "text" in pipeline.concept_kinds else phrases_of(prompts)
    stage = pipeline.config.detect
    if pipeline.detector is not None and stage is not None and (phrases or not prompts):
        with timer("detect"):
            found = pipeline.detector.detect(pixels, phrases or None)
            state.detections = box_prompts.filter_detections(found, stage, state.dropped)
            state.phrases = box_prompts.count_phrases(phrases, state.detections, stage)
            if pipeline.segmenter is not None:
                refine = pipeline.config.segment is not None and pipeline.config.segment.refine
                state.boxes = box_prompts.detection_prompts(state.detections, stage.box_padding, refine=refine)
    return state


def open_together(pipeline: BuiltPipeline, states: Sequence[ImageState]) -> None:
    """Open sessions for several images together, if the segmenter can do that. Images without prompts for it are left out."""
    waiting = [state for state in states if state.needs_segmenter]
    if len(waiting) < 2 or not isinstance(pipeline.segmenter, BatchSegmenter):
        return
    started = time.perf_counter()
    try:
        sessions = pipeline.segmenter.open_all([state.pixels for state in waiting])
    except PromptSegError:
        return  # Each is then opened alone: one image may fit into memory, and an error must be reported for the image that causes it.
    reported = [sum(session.timings.values()) for session in sessions]
    rest = (time.perf_counter() - started - sum(reported)) / len(waiting)
    for state, session, own in zip(waiting, sessions, reported, strict=True):
        state.opened(session, own + rest)


def open_session(pipeline: BuiltPipeline, state: ImageState) -> None:
    """Open the session of an image, if it has none yet and there are prompts for the segmenter."""
    if pipeline.segmenter is None or state.session is not None:
        return
    if not state.needs_segmenter:
        state.segmented_by = pipeline.segmenter.provenance
        return
    started = time.perf_counter()
    session = pipeline.segmenter.open(state.pixels)
    state.opened(session, time.perf_counter() - started)


def finish(pipeline: BuiltPipeline, state: ImageState, candidates: bool) -> Result:
    """Segment an opened image, clean the masks and return the result."""
    return result_of(
        pipeline, state, [*prompt_masks(state, candidates), *_detection_masks(pipeline, state), *_concept_masks(pipeline, state)]
    )


def result_of(pipeline: BuiltPipeline, state: ImageState, found: Sequence[Mask]) -> Result:
    """Clean the masks that were found and return the result."""
    masks = Masks(found, (state.pixels.shape[0], state.pixels.shape[1]))
    if pipeline.config.clean is not None:
        with state.timer("clean"):
            masks = clean(masks, pipeline.config.clean)
    detected_by = None if pipeline.detector is None else pipeline.detector.provenance
    stages = ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in state.timer.seconds.items())
    _log.debug("%s: masks %d (%s)", state.source or f"image {state.pixels.shape}", len(masks), stages)
    return Result(
        masks=masks,
        prompts=state.prompts,
        detections=state.detections,
        dropped=dict(state.dropped),
        phrases=state.phrases,
        detection_score="detector" if pipeline.config.segment is None else pipeline.config.segment.score,
        timings=state.timer.seconds,
        provenance=tuple(model for model in (detected_by, state.segmented_by, state.found_by) if model is not None),
        image=state.pixels,
        source=state.source,
    )


def _detection_masks(pipeline: BuiltPipeline, state: ImageState) -> list[Mask]:
    """Return the masks of the detections, in the order of the detections."""
    if state.detections is None or len(state.detections) == 0:
        return []
    if pipeline.segmenter is None:
        return box_prompts.detector_masks(state.detections)
    if state.session is None:
        return []
    with state.timer("segment"):
        masks = state.segment(state.boxes)
        return box_prompts.label_masks(masks, state.detections, pipeline.config.segment or SegmentStage(), state.dropped)


def _concept_masks(pipeline: BuiltPipeline, state: ImageState) -> list[Mask]:
    """Return the masks of concepts, concept by concept, and write to the state what was found of each."""
    finder = pipeline.concepts if state.concepts else None
    if finder is None:
        return []
    session: ConceptSession
    shared = on_sessions(pipeline)
    if shared is not None and state.session is not None:
        session = shared.on(state.session)
    else:
        session = finder.open(state.pixels)
        state.timer.add(session.timings)
    state.found_by = session.provenance
    with state.timer("concept"):
        found = session.find([concept for _, concept in state.concepts])
        stage = pipeline.config.concept or ConceptStage()
        masks, counts = concept_masks.kept(state.concepts, found, stage, state.dropped)
    state.phrases = (*state.phrases, *counts)
    return masks


def on_sessions(pipeline: BuiltPipeline) -> FindsInSessions | None:
    """The concept segmenter, if it works with the sessions of the segmenter."""
    finder: object = pipeline.concepts  # For mypy, one that finds in sessions has nothing in common with a concept segmenter.
    return finder if isinstance(finder, FindsInSessions) and finder.segmenter is pipeline.segmenter else None


def prompt_masks(state: ImageState, candidates: bool) -> Iterator[Mask]:
    """Yield the masks of the spatial prompts, then those of everything prompts."""
    if state.session is None:
        return
    spatial = [(index, prompt) for index, prompt in enumerate(state.prompts) if isinstance(prompt, SpatialPrompt)]
    if spatial:
        with state.timer("segment"):
            masks = state.segment([prompt for _, prompt in spatial], candidates=candidates)
            own = [replace(mask, prompt_index=spatial[mask.prompt_index or 0][0]) for mask in masks]
        yield from own
    for index, prompt in enumerate(state.prompts):
        if isinstance(prompt, EverythingPrompt):
            with state.timer("everything"):
                own = [replace(mask, prompt_index=index) for mask in state.session.everything(prompt)]
            yield from own


def path_of(image: object) -> str | None:
    """Return the path of an image that is given by its path."""
    return str(image) if isinstance(image, (str, os.PathLike)) else None
