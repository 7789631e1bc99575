"""`Pipeline`: detect → segment → clean, composed from code or a file, checked when it is built, and then called with images and prompts."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import postprocess, registry
from .config import (
    PERMISSIVE,
    CleanStage,
    DetectStage,
    LicencePolicy,
    ModelStage,
    PipelineConfig,
    SegmentStage,
    parse_config,
    read_config,
)
from .detections import Detections
from .errors import ConfigError, IncompatibleStagesError, LicenceError, PromptError
from .fallback import FallbackSegmenter
from .images import ImageLike, load_image
from .masks import Mask, Masks
from .prompts import EverythingPrompt, Prompt, SpatialPrompt, TextPrompt, phrases_of
from .protocols import Detector, Segmenter, Session
from .results import Provenance, Result


@dataclass(frozen=True)
class Pipeline:
    """An immutable builder: each method returns a new pipeline, `build` returns one that runs.

    Example:
        ```python
        pipeline = ps.Pipeline().segment("mini-sam").clean(min_area=64, fill_holes=True).build()
        result = pipeline("photo.jpg", ps.Prompt.box(10, 20, 200, 300))
        ```
    """

    config: PipelineConfig = PipelineConfig()

    @classmethod
    def from_config(cls, source: str | os.PathLike[str] | Mapping[str, Any]) -> Pipeline:
        """Reads a pipeline from a YAML, TOML or JSON file, or from plain values.

        Raises:
            ConfigError: The file or a value is not valid; an unknown key gets the nearest right one.
        """
        if isinstance(source, Mapping):
            return cls(parse_config(dict(source)))
        return cls(read_config(Path(source)))

    def to_config(self) -> dict[str, Any]:
        """The pipeline as plain values: `from_config` gives it back."""
        return self.config.model_dump(mode="json", exclude_defaults=True)

    def detect(self, model: str, **settings: Any) -> Pipeline:
        """Adds a detector; `settings` are the fields of `promptseg.config.DetectStage`.

        Raises:
            ConfigError: A setting is unknown or out of range.
        """
        return self._with(detect={"model": model, **settings})

    def segment(self, model: str = registry.DEFAULT_MODEL, **settings: Any) -> Pipeline:
        """Adds a segmenter; `settings` are the fields of `promptseg.config.SegmentStage`."""
        return self._with(segment={"model": model, **settings})

    def clean(self, **settings: Any) -> Pipeline:
        """Adds post-processing; `settings` are the fields of `promptseg.config.CleanStage`."""
        return self._with(clean=settings)

    def build(self, device: str | None = None, licences: LicencePolicy | None = None) -> BuiltPipeline:
        """Checks that the stages fit together, then loads the models.

        Args:
            device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``; default: what the configuration says.
            licences: ``"any"``, ``"permissive"``, or SPDX identifiers that models may have; default: what the configuration says.

        Raises:
            IncompatibleStagesError: There is no stage that makes masks, or a stage has a model of another kind.
            LicenceError: The policy forbids a model's licence.
            UnknownModelError: A model name is unknown.
            OutOfMemoryError: A model does not fit into memory, nor does its fallback.
        """
        changes = {"device": device, "licences": licences}
        config = self._with(**{key: value for key, value in changes.items() if value is not None}).config
        if config.detect is None and config.segment is None:
            raise IncompatibleStagesError("the pipeline has no stage: add .segment(…), or .detect(…) with a model that makes masks")
        _check_stage(config.detect, "detector", config.licences)
        _check_stage(config.segment, "segmenter", config.licences)
        return BuiltPipeline(
            config,
            None if config.detect is None else _load(config.detect, config.device),
            None if config.segment is None else _load(config.segment, config.device),
        )

    def _with(self, **changes: Any) -> Pipeline:
        return Pipeline(parse_config({**self.config.model_dump(exclude_defaults=True), **changes}))


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
        clock = _Clock()
        with clock("read"):
            pixels = load_image(image)
        size = (pixels.shape[0], pixels.shape[1])
        detections = self._detect(pixels, prompts, clock)
        boxes = _box_prompts(detections, self.config.detect)
        session, segmented_by = self._open(pixels, prompts, boxes)
        if session is not None:
            clock.add(session.timings)
        masks = Masks([*self._prompted(session, prompts, detections, boxes, candidates, clock)], size)
        if self.config.clean is not None:
            with clock("clean"):
                masks = clean(masks, self.config.clean)
        detected_by = None if self.detector is None else self.detector.provenance
        return Result(
            masks=masks,
            prompts=prompts,
            detections=detections,
            timings=clock.seconds,
            provenance=tuple(provenance for provenance in (detected_by, segmented_by) if provenance is not None),
            image=pixels,
            source=str(image) if isinstance(image, (str, os.PathLike)) else None,
        )

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

    def _detect(self, pixels: NDArray[np.uint8], prompts: Sequence[Prompt], clock: _Clock) -> Detections | None:
        stage = self.config.detect
        phrases = phrases_of(prompts)
        if self.detector is None or stage is None or (prompts and not phrases):
            return None
        with clock("detect"):
            found = self.detector.detect(pixels, phrases or None)
            has_area = (found.boxes[:, 2:] > found.boxes[:, :2]).all(axis=1)
            found = found.where((found.scores >= stage.threshold) & has_area)
            found = found.where(np.argsort(-found.scores, kind="stable"))
            if stage.nms is not None:
                found = found.where(_nms_per_label(found, stage.nms))
            return found.where(np.arange(min(len(found), stage.max_detections)))

    def _open(
        self, pixels: NDArray[np.uint8], prompts: Sequence[Prompt], boxes: Sequence[Prompt]
    ) -> tuple[Session | None, Provenance | None]:
        """The session, where there is something to ask it, and which model it is of."""
        if self.segmenter is None:
            return None, None
        if not boxes and not any(isinstance(prompt, (SpatialPrompt, EverythingPrompt)) for prompt in prompts):
            return None, self.segmenter.provenance
        if isinstance(self.segmenter, FallbackSegmenter):
            return self.segmenter.open_with_provenance(pixels)
        return self.segmenter.open(pixels), self.segmenter.provenance

    def _prompted(
        self,
        session: Session | None,
        prompts: Sequence[Prompt],
        detections: Detections | None,
        boxes: Sequence[SpatialPrompt],
        candidates: bool,
        clock: _Clock,
    ) -> Iterator[Mask]:
        if self.segmenter is None:
            yield from self._own_masks(detections)
        if session is None:
            return
        spatial = [(index, prompt) for index, prompt in enumerate(prompts) if isinstance(prompt, SpatialPrompt)]
        if spatial:
            with clock("segment"):
                masks = session.segment([prompt for _, prompt in spatial], candidates=candidates)
            yield from (replace(mask, prompt_index=spatial[mask.prompt_index or 0][0]) for mask in masks)
        for index, prompt in enumerate(prompts):
            if isinstance(prompt, EverythingPrompt):
                with clock("everything"):
                    everything = session.everything(prompt)
                yield from (replace(mask, prompt_index=index) for mask in everything)
        if boxes and detections is not None:
            with clock("segment"):
                masks = session.segment(boxes)
            for mask, score, label in zip(masks, detections.scores, detections.labels, strict=True):
                # A mask is as good as its box is right and as its outline is: the product ranks both.
                yield replace(mask, label=label, score=float(score) * (1.0 if mask.score is None else mask.score), prompt_index=None)

    def _own_masks(self, detections: Detections | None) -> Iterator[Mask]:
        if detections is None or len(detections) == 0:
            return
        if detections.masks is None:
            raise IncompatibleStagesError("the detector makes no masks of its own: add .segment(model) to the pipeline")
        for mask, score, label in zip(detections.masks, detections.scores, detections.labels, strict=True):
            yield replace(mask, score=float(score), label=label)


def segment(
    image: ImageLike,
    *prompts: Prompt,
    model: str = registry.DEFAULT_MODEL,
    weights: str | os.PathLike[str] | None = None,
    device: str = "auto",
    engine: str | None = None,
) -> Result:
    """Segments one image with one model, which stays loaded for the next call.

    Args:
        image: A path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array.
        *prompts: Points, boxes, masks or everything; one object a prompt.
        model: A segmenter's name.
        weights: Path of your own weights.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        engine: Which engine runs the model, where it has several.

    Raises:
        InputError: The image cannot be used.
        PromptError: No prompt, or one that does not fit.
        ConfigError: An unknown model, engine or device.
        WeightsError: The weights cannot be had.
    """
    return _single(model, None if weights is None else str(weights), device, engine)(image, *prompts)


def clean(masks: Masks, stage: CleanStage) -> Masks:
    """Runs the steps of a clean stage."""
    if stage.fill_holes:
        masks = postprocess.fill_holes(masks, None if stage.fill_holes is True else stage.fill_holes)
    if stage.min_island:
        masks = postprocess.drop_islands(masks, stage.min_island)
    if stage.min_area:
        masks = postprocess.drop_small(masks, stage.min_area)
    if stage.nms is not None:
        masks = postprocess.nms(masks, stage.nms)
    if stage.merge:
        masks = postprocess.merge_by_label(masks)
    if stage.max_masks is not None:
        masks = postprocess.keep_best(masks, stage.max_masks)
    return masks


class _Clock:
    """Seconds by stage, in the order in which the stages ran."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.add({stage: time.perf_counter() - started})

    def add(self, timings: Mapping[str, float]) -> None:
        for stage, seconds in timings.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


@lru_cache(maxsize=2)
def _single(model: str, weights: str | None, device: str, engine: str | None) -> BuiltPipeline:
    return Pipeline().segment(model, weights=weights, engine=engine).build(device)


def _check_stage(stage: ModelStage | None, kind: registry.BackendKind, licences: LicencePolicy) -> None:
    if stage is None:
        return
    first = registry.choose(stage.model, weights=stage.weights, engine=stage.engine)
    if first.backend.kind != kind:
        raise IncompatibleStagesError(f"model {first.model.name!r} is a {first.backend.kind}, this stage needs a {kind}")
    rungs = registry.ladder(first, _fallback(stage))
    allowed = PERMISSIVE if licences == "permissive" else licences
    for rung in rungs:
        name, licence = rung.model.name, rung.model.licence
        if allowed != "any" and licence not in allowed:
            raise LicenceError(f"model {name!r} is licensed under {licence}, and the policy allows only {', '.join(sorted(allowed))}")
    for rung in rungs:
        rung.backend.check_installed()
    if "device" in stage.options:
        raise ConfigError("the device is a setting of the whole pipeline, not an option of one model")
    for name in {"weights", "engine", "fallback"} & set(stage.options):
        raise ConfigError(f"{name} is a setting of the stage, not an option of its backend")


def _fallback(stage: ModelStage) -> tuple[str, ...]:
    return stage.fallback if isinstance(stage, SegmentStage) else ()


def _load(stage: ModelStage, device: str) -> Any:
    return registry.load(stage.model, weights=stage.weights, device=device, engine=stage.engine, fallback=_fallback(stage), **stage.options)


def _nms_per_label(detections: Detections, threshold: float) -> NDArray[np.intp]:
    keep: list[int] = []
    labels = np.array(detections.labels)
    for label in dict.fromkeys(detections.labels):
        indices = np.flatnonzero(labels == label)
        keep += indices[postprocess.box_nms(detections.boxes[indices], detections.scores[indices], threshold)].tolist()
    return np.array(sorted(keep), np.intp)


def _box_prompts(detections: Detections | None, stage: DetectStage | None) -> list[SpatialPrompt]:
    if detections is None or stage is None:
        return []
    height, width = detections.size
    lengths = detections.boxes[:, 2:] - detections.boxes[:, :2]
    padding = np.concatenate([-lengths, lengths], axis=1) * stage.box_padding
    boxes = np.clip(detections.boxes + padding, 0, [width, height, width, height])
    return [Prompt.box(*box) for box in boxes.tolist()]
