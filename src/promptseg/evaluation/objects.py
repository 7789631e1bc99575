"""Evaluation of a segmenter or pipeline object by object: by points, boxes, clicks, text or everything mode."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .. import metrics
from ..calibration.scores import ScoreCalibration
from ..datasets.core import AnnotatedImage, AnnotatedObject
from ..datasets.summary import content_key
from ..masks import Mask, Masks
from ..pipeline import BuiltPipeline
from ..prompts import TextPrompt
from ..protocols import Segmenter, Session
from ..results import Provenance
from ..vocabulary import parse_phrases
from .baselines import filled_boxes, prompt_baseline, superpixel_ious, superpixels
from .ignored import ignored_region
from .predictions import Prediction, best_ious, count_unmatched, match_masks, predict_by_clicks, predict_once
from .row_making import joined, object_row
from .rows import ImageRow, ObjectRow
from .simulation import Clicks, Everything, OnePromptPerObject, PromptProtocol, Text


@dataclass(frozen=True)
class _Answer:
    """Answer of a model about one image.

    Attributes:
        predictions: One prediction per object.
        unmatched: Number of masks that match no object; None where each mask was asked for by an object.
        seconds: Seconds that the model took.
        cached: Whether the embedding of the image was in the cache.
        best: IoU of the best candidate of each object, or None where the model gave no others.
        boxes: Boxes of the detector as filled masks, or None without a detector.
    """

    predictions: list[Prediction]
    unmatched: int | None
    seconds: float
    cached: bool
    best: Sequence[float | None]
    boxes: Masks | None = None


@dataclass
class ObjectEvaluator:
    """Evaluator of a model with a prompt protocol, for one image at a time.

    Attributes:
        protocol: Any protocol but `Examples`.
        seed: Seed of the prompts.
        pipeline: Pipeline that answers text; None for other protocols.
        segmenter: Segmenter that answers other prompts. With text, it is that of the pipeline, if it has one.
        with_baselines: Whether to evaluate the baselines, too.
        calibration: Calibration of the scores, or None.
    """

    protocol: PromptProtocol
    seed: int
    pipeline: BuiltPipeline | None
    segmenter: Segmenter | None
    with_baselines: bool
    calibration: ScoreCalibration | None = None
    superpixels: Segmenter | None = field(init=False)

    def __post_init__(self) -> None:
        self.superpixels = superpixels() if self.with_baselines and not isinstance(self.protocol, Text) else None

    @property
    def provenance(self) -> tuple[Provenance, ...]:
        """Provenance of the models that are used."""
        detector = self.pipeline.detector if self.pipeline is not None and isinstance(self.protocol, Text) else None
        return tuple(one.provenance for one in (detector, self.segmenter) if one is not None)

    def asks(self, image: AnnotatedImage) -> bool:
        """Return whether anything is asked of an image."""
        return bool(image.objects)

    def evaluate(self, image: AnnotatedImage) -> tuple[list[ObjectRow], ImageRow | None]:
        """Return the rows of the objects in an image, and the row of the image."""
        pixels = image.pixels()
        objects, ignored = image.objects, ignored_region(image)
        answer = self._by_text(pixels, objects, ignored) if isinstance(self.protocol, Text) else self._by_prompts(pixels, objects, ignored)
        baselines = self._baselines(pixels, objects, answer, ignored)
        rows = [object_row(image, ignored, *row) for row in zip(objects, answer.predictions, answer.best, baselines, strict=True)]
        return rows, ImageRow(
            image.name,
            content_key(pixels),
            len(rows),
            float(np.mean([row.iou for row in rows])),
            float(np.mean([row.dice for row in rows])),
            answer.seconds,
            answer.cached,
            answer.unmatched,
            ignored.area if ignored else 0,
        )

    def _by_text(self, pixels: NDArray[np.uint8], objects: Sequence[AnnotatedObject], ignored: Mask | None) -> _Answer:
        assert self.pipeline is not None and isinstance(self.protocol, Text)  # noqa: S101, PT018 - evaluate() of `run` has checked it.
        started = time.perf_counter()
        result = self.pipeline(pixels, TextPrompt(self.protocol.phrases))
        seconds = time.perf_counter() - started
        cached = not result.timings.get("encode")
        predictions, unmatched = _by_class(result.masks, objects, self.protocol, ignored)
        boxes = None if result.detections is None else filled_boxes(result.detections)
        return _Answer(predictions, unmatched, seconds, cached, [None] * len(objects), boxes)

    def _by_prompts(self, pixels: NDArray[np.uint8], objects: Sequence[AnnotatedObject], ignored: Mask | None) -> _Answer:
        assert self.segmenter is not None  # noqa: S101 - evaluate() of `run` has checked it.
        started = time.perf_counter()
        session = self.segmenter.open(pixels)
        cached = not session.timings.get("encode")
        predictions, unmatched = self._predict(session, objects, ignored)
        seconds = time.perf_counter() - started
        if self.calibration is not None:
            predictions = [_calibrated(self.calibration, prediction, pixels) for prediction in predictions]
        best: Sequence[float | None] = [None] * len(objects)
        if isinstance(self.protocol, OnePromptPerObject):
            prompts = [prediction.prompt for prediction in predictions if prediction.prompt is not None]
            best = best_ious(session, prompts, [prediction.mask for prediction in predictions], objects, ignored)
        return _Answer(predictions, unmatched, seconds, cached, best)

    def _predict(self, session: Session, objects: Sequence[AnnotatedObject], ignored: Mask | None) -> tuple[list[Prediction], int | None]:
        """Return one prediction per object, and the number of masks that match no object."""
        if isinstance(self.protocol, OnePromptPerObject):
            return predict_once(session, self.protocol, objects, self.seed, ignored), None
        if isinstance(self.protocol, Clicks):
            return predict_by_clicks(session, self.protocol, objects, ignored), None
        assert isinstance(self.protocol, Everything)  # noqa: S101
        found = session.everything(self.protocol.settings)
        predictions = match_masks(found, objects, ignored)
        return predictions, count_unmatched(found, predictions, ignored)

    def _baselines(
        self, pixels: NDArray[np.uint8], objects: Sequence[AnnotatedObject], answer: _Answer, ignored: Mask | None
    ) -> list[dict[str, float]]:
        """Return the IoU of each baseline for each object, by the baseline's name."""
        if not self.with_baselines:
            return [{} for _ in objects]
        prompts = [prediction.prompt for prediction in answer.predictions]
        found = [prompt_baseline(prompt, true.mask, ignored) for prompt, true in zip(prompts, objects, strict=True)]
        if self.superpixels is not None:
            name, seed = self.protocol.name, self.seed
            ious = superpixel_ious(
                self.superpixels, pixels, objects, name, seed, lambda session: self._predict(session, objects, ignored)[0], ignored
            )
            for baselines, iou in zip(found, ious, strict=True):
                baselines["superpixel"] = iou
        if isinstance(self.protocol, Text) and answer.boxes is not None:
            detected, _ = _by_class(answer.boxes, objects, self.protocol, ignored)
            for baselines, prediction, true in zip(found, detected, objects, strict=True):
                baselines["detected_box"] = metrics.iou(prediction.mask, true.mask, ignored=ignored)
        return found


def _calibrated(calibration: ScoreCalibration, prediction: Prediction, pixels: NDArray[np.uint8]) -> Prediction:
    if prediction.prompt is None:
        return prediction
    mask = replace(prediction.mask, prompt_index=0)
    return replace(prediction, mask=calibration.apply(Masks([mask]), [prediction.prompt], pixels)[0])


def _by_class(masks: Masks, objects: Sequence[AnnotatedObject], protocol: Text, ignored: Mask | None) -> tuple[list[Prediction], int]:
    """Match masks to objects of their class, one to one.

    If the class of an object is none of the phrases, the prediction of every object is the union of all masks.

    Returns:
        predictions: One prediction per object.
        unmatched: Number of masks that match no object.
    """
    labels = {phrase.label for phrase in parse_phrases(protocol.phrases)}
    if any(true.label not in labels for true in objects):
        return [Prediction(joined(masks)) for _ in objects], 0
    predictions = match_masks(masks, objects, ignored, by_label=True)
    return predictions, count_unmatched(masks, predictions, ignored)
