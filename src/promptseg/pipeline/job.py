"""State of one image while it passes through the stages of a pipeline, with the seconds that each stage took."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..calibration.scores import ScoreCalibration
from ..detections import Detections
from ..masks import Masks
from ..prompts import Concept, EverythingPrompt, Prompt, SpatialPrompt
from ..protocols import Session
from ..results import PhraseCount, Provenance


class StageTimer:
    """Seconds by stage, in the order in which the stages ran.

    Attributes:
        seconds: The seconds by the name of the stage.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Measure the block of a ``with`` statement and add its seconds to a stage."""
        started = time.perf_counter()
        yield
        self.add({stage: time.perf_counter() - started})

    def copy(self) -> StageTimer:
        """Return a timer with the same seconds, which then counts for itself."""
        other = StageTimer()
        other.add(self.seconds)
        return other

    def add(self, timings: Mapping[str, float]) -> None:
        """Add seconds to stages."""
        for stage, seconds in timings.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


@dataclass
class ImageState:
    """State of one image between the stages of a pipeline.

    Attributes:
        prompts: The prompts for the image.
        pixels: (H, W, 3) uint8 RGB.
        source: Path of the image, if it was read from a file.
        timer: Seconds by stage.
        detections: The detections that passed the filters, if the detector was run.
        boxes: Prompts for the segmenter, one for each detection.
        dropped: Number of dropped detections by reason.
        phrases: What was found for each phrase.
        concepts: Concepts for the concept segmenter, each with the index of its prompt.
        finds_in_session: Whether the concept segmenter works on the segmenter's session.
        session: The image opened by the segmenter.
        segmented_by: Provenance of the segmenter, which may be one of a fallback chain.
        found_by: Provenance of the concept segmenter, if there were concepts.
        calibration: Calibration of the segmenter's scores, or None.
    """

    prompts: tuple[Prompt, ...]
    pixels: NDArray[np.uint8]
    source: str | None
    timer: StageTimer
    detections: Detections | None = None
    boxes: Sequence[SpatialPrompt] = ()
    dropped: Counter[str] = field(default_factory=Counter)
    phrases: tuple[PhraseCount, ...] = ()
    concepts: Sequence[tuple[int, Concept]] = ()
    finds_in_session: bool = False
    session: Session | None = None
    segmented_by: Provenance | None = None
    found_by: Provenance | None = None
    calibration: ScoreCalibration | None = None

    @property
    def needs_segmenter(self) -> bool:
        """Whether there is a prompt for the segmenter. If not, the image need not be encoded."""
        return (
            bool(self.boxes)
            or (self.finds_in_session and bool(self.concepts))
            or any(isinstance(prompt, (SpatialPrompt, EverythingPrompt)) for prompt in self.prompts)
        )

    def segment(self, prompts: Sequence[SpatialPrompt], *, candidates: bool = False) -> Masks:
        """Return the masks of prompts on the opened image, with calibrated scores if the calibration is for the model that opened it."""
        assert self.session is not None  # noqa: S101  # Its callers have opened it.
        masks = self.session.segment(prompts, candidates=candidates)
        if self.calibration is None or not self.calibration.fits(self.segmented_by):
            return masks
        return self.calibration.apply(masks, prompts, self.pixels)

    def opened(self, session: Session, seconds: float) -> None:
        """Store the session and its timings.

        Args:
            session: The image opened by the segmenter.
            seconds: Time that opening took. The part that the timings of the session leave out is added to its last stage.
        """
        self.session, self.segmented_by = session, session.provenance
        stage = next(reversed(list(session.timings)), "encode")
        self.timer.add(session.timings)
        self.timer.add({stage: max(0.0, seconds - sum(session.timings.values()))})
