"""Evaluation of a model on an annotated dataset."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from .. import metrics
from .._checks import flag, whole_number
from ..calibration.scores import ScoreCalibration, calibration_for
from ..datasets.core import AnnotatedImage, AnnotatedObject, Dataset, Finding
from ..datasets.reading import open_dataset
from ..datasets.summary import content_key, same_content
from ..errors import BackendError, ConfigError, IncompatibleStagesError, InputError, OutOfMemoryError
from ..masks import Mask, Masks
from ..models.sam.cache import EmbeddingCache, embedding_cache
from ..pipeline import BuiltPipeline, Pipeline
from ..pipeline.as_concepts import PipelineConcepts
from ..prompts import PromptKind, TextPrompt
from ..protocols import ConceptSegmenter, Segmenter, Session
from ..registry.builtin_backends import DEFAULT_MODEL
from ..registry.catalog import list_models
from ..registry.choice import choose
from ..registry.loading import load_concept, load_segmenter
from ..results import Provenance
from ..runtime.progress import ProgressOption, reports_progress, track
from ..vocabulary import parse_phrases
from . import simulation
from .baselines import filled_boxes, prompt_baseline, superpixel_ious, superpixels
from .concept_truth import Concepts
from .concepts import ConceptEvaluator
from .ignored import counted, ignored_region, only_ignored
from .predictions import Prediction, best_ious, count_unmatched, match_masks, predict_by_clicks, predict_once
from .results import Evaluation
from .row_making import joined, object_row
from .rows import ImageRow, ObjectRow
from .simulation import Clicks, Everything, Examples, OnePromptPerObject, Text
from .train_overlap import record_beside, seen_in_training, training_images

_log = logging.getLogger(__name__)

Model = Union[str, Segmenter, ConceptSegmenter, BuiltPipeline]
"""Model to evaluate: the name of a segmenter or of a concept segmenter, one of them, or a pipeline for text."""


@reports_progress
def evaluate(
    images: Dataset | str | os.PathLike[str],
    masks: str | os.PathLike[str] | None = None,
    *,
    coco: str | os.PathLike[str] | None = None,
    model: Model = DEFAULT_MODEL,
    prompt: str | simulation.PromptProtocol = "box",
    seed: int = 0,
    weights: str | os.PathLike[str] | None = None,
    engine: str | None = None,
    options: Mapping[str, Any] | None = None,
    device: str = "auto",
    detector: str | None = None,
    detector_engine: str | None = None,
    threshold: float | None = None,
    cache: EmbeddingCache | str | None = "disk",
    baselines: bool = True,
    calibration: ScoreCalibration | str | None = None,
    progress: ProgressOption = None,  # noqa: ARG001 - The decorator takes it.
) -> Evaluation:
    """Evaluate a model on a dataset, with prompts simulated from the true objects.

    Void pixels and crowds (`AnnotatedImage.ignored`) are left out of every metric, and no point is placed on them. Images that cannot be
    used become findings of the result, and the others are evaluated. Images that the model was trained on also become
    findings, if your weights have a training record beside them. Embeddings are kept in `cache`. An evaluation that was stopped can
    therefore be repeated quickly, and a second one with other prompts only costs decoding.

    Args:
        images: A dataset of `promptseg.datasets`, or the folder of the images.
        masks: Folder of mask images with the names of the images.
        coco: COCO file of instances, instead of `masks`.
        model: Name of a segmenter or of a concept segmenter, one of them, or a pipeline for text or examples. A concept segmenter is
            evaluated by examples or by text, concept by concept: see `promptseg.evaluation.concept_rows.figures`. The clean stage of a
            pipeline is used for text only.
        prompt: Prompt protocol or its name, as listed in `promptseg.evaluation.simulation`.
        seed: Seed of the prompts.
        weights: Your weights, for a model given by name.
        engine: Engine that runs the model, for a model given by name.
        options: Options of the segmenter or concept segmenter, such as ``{"quantize": "int8"}``, for a model given by name.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``, for a model given by name.
        detector: Name of the detector for text, for a model given by name.
        detector_engine: Engine that runs the detector.
        threshold: Minimum score of a detection, from 0 to 1; None for that of `promptseg.pipeline.config.DetectStage`.
        cache: ``"disk"``, ``"memory"``, an `EmbeddingCache`, or None, for a model given by name. A loaded model uses its own cache.
        baselines: Whether to evaluate the baselines of `promptseg.evaluation.baselines` as well.
        calibration: Calibration of the scores, for protocols with one prompt per object: a `ScoreCalibration`, the path of one,
            ``"auto"`` for the one that promptseg has for the model, or None for the model's own scores.
        progress: True for progress bars, or a function that is called with each `promptseg.runtime.progress.Progress`.

    Raises:
        ConfigError: When the protocol, the model or the format of the truth is unknown.
        IncompatibleStagesError: When a text prompt has no detector, another prompt has no segmenter, or a concept segmenter does not take
            what the protocol asks with.
        InputError: When there is no object to evaluate.
        PromptError: When the model does not accept prompts of this kind.
    """
    seed, baselines = whole_number("seed", seed, 0), flag("baselines", baselines)
    protocol = simulation.parse_prompt_protocol(prompt) if isinstance(prompt, str) else prompt
    dataset = images if isinstance(images, Dataset) else open_dataset(images, masks=masks, coco=coco)
    if isinstance(images, Dataset) and (masks is not None or coco is not None):
        raise ConfigError("a Dataset has its own truth: leave out masks and coco")
    pipeline: BuiltPipeline | None
    concept: ConceptSegmenter | None = None
    own: Path | None = None
    if isinstance(model, str) and choose(model, weights=None if weights is None else str(weights), engine=engine).backend.kind == "concept":
        if any(each is not None for each in (detector, detector_engine, threshold)):
            raise ConfigError(
                f"detector, detector_engine and threshold are not for {model!r}, which finds concepts by itself: leave them out"
            )
        path = None if weights is None else Path(weights)
        concept = load_concept(model, weights=path, engine=engine, device=device, **({} if options is None else options))
        concept = concept.with_cache(embedding_cache(cache))
        pipeline = None
    elif isinstance(model, str):
        if detector is None and (detector_engine is not None or threshold is not None):
            raise ConfigError("detector_engine and threshold are for a detector: give its name (detector=)")
        detect = None if detector is None else {"model": detector, "engine": detector_engine, "threshold": threshold}
        pipeline = _build(model, weights, engine, options, device, detect, cache)
        own = choose(model, weights=None if weights is None else str(weights), engine=engine).weights
    elif isinstance(model, Pipeline):
        raise ConfigError("this pipeline has no models yet: call .build() at the end of its stages, and give what it returns")
    elif any(each is not None for each in (weights, engine, options, detector, detector_engine, threshold)):
        raise ConfigError(
            "weights, engine, options, detector, detector_engine and threshold are for a model given by name: leave them out, or give the "
            "name of a model"
        )
    else:
        pipeline = model if isinstance(model, BuiltPipeline) else None
        concept = model if isinstance(model, ConceptSegmenter) else None
        by_words = isinstance(protocol, Text) and pipeline is not None and "text" in pipeline.concept_kinds
        if pipeline is not None and (isinstance(protocol, Examples) or by_words):
            concept = PipelineConcepts(pipeline)
    evaluator: _Evaluator | ConceptEvaluator
    if calibration is not None and not isinstance(protocol, OnePromptPerObject):
        raise ConfigError(f"a calibration of scores is for one prompt per object, such as box or point, got {protocol.name!r}")
    if concept is not None:
        evaluator = _concept_evaluator(concept, protocol, dataset, seed, baselines, cache)
    else:
        evaluator = _evaluator(None if isinstance(model, (str, ConceptSegmenter)) else model, pipeline, protocol, dataset, seed, baselines)
        evaluator.calibration = _calibration(calibration, evaluator.segmenter)
    findings: list[Finding] = []
    rows: list[ObjectRow] = []
    seen: list[ImageRow] = []
    with_ignored = 0
    for read in track(dataset.usable(findings), stage="evaluate", total=len(dataset), unit="image"):
        with_ignored += bool(read.ignored)
        image = counted(read, findings)
        if not evaluator.asks(image):
            continue
        try:
            of_objects, of_image = evaluator.evaluate(image)
        except InputError as error:
            findings.append(Finding(image.name, "unreadable", str(error)))
        except (BackendError, OutOfMemoryError) as error:
            findings.append(Finding(image.name, "failed", str(error)))
            _log.warning("image %s failed: %s", image.name, error)
        else:
            rows += of_objects
            seen += [] if of_image is None else [of_image]
    concepts = evaluator.rows if isinstance(evaluator, ConceptEvaluator) else []
    findings += evaluator.findings if isinstance(evaluator, ConceptEvaluator) else []
    if not rows:
        problems = "".join(f"\n  {finding}" for finding in findings[:10])
        raise InputError(f"there is no object to evaluate in {dataset.source}{only_ignored(dataset, with_ignored)}{problems}")
    twice = same_content({image.name: image.content for image in seen})
    findings += [Finding(names[0], "duplicate", f"the same image occurs {len(names)} times: {', '.join(names)}") for names in twice]
    one_group = {name: names[0] for names in twice for name in names}
    rows = [replace(row, group=one_group.get(row.group, row.group)) for row in rows]
    if own is not None:
        findings += _trained_on(own, {image.name: image.content for image in seen})
    return Evaluation(
        " + ".join(map(_name, evaluator.provenance)),
        evaluator.protocol.name,
        seed,
        dataset.source,
        tuple(rows),
        tuple(seen),
        tuple(one.to_dict() for one in evaluator.provenance),
        tuple(findings),
        tuple(concepts),
    )


def _name(provenance: Provenance) -> str:
    """Return the name of a model; with that of the backend if it is not one of the model's own, such as ``exemplar``."""
    model = list_models().get(provenance.model)
    is_own = model is None or provenance.backend in {engine.backend for engine in model.engines}
    return provenance.model if is_own else f"{provenance.backend} on {provenance.model}"


def _concept_evaluator(
    model: ConceptSegmenter,
    protocol: simulation.PromptProtocol,
    dataset: Dataset,
    seed: int,
    baselines: bool,
    cache: EmbeddingCache | str | None,
) -> ConceptEvaluator:
    if not isinstance(protocol, (Examples, Text)):
        raise IncompatibleStagesError(
            f"a concept segmenter is evaluated with the prompt protocol 'example' or 'text', got {protocol.name!r}"
        )
    kind: PromptKind = "text" if isinstance(protocol, Text) else "example"
    if kind not in model.accepts:
        lacks, instead = ("reads no words", "'example:1'") if kind == "text" else ("takes no examples", "'text'")
        raise IncompatibleStagesError(
            f"the model ({model.provenance.backend}, {model.provenance.model}) {lacks}: evaluate it with the prompt protocol {instead}"
        )
    segmenter = load_segmenter().with_cache(embedding_cache(cache)) if baselines else None
    return ConceptEvaluator(protocol, model, Concepts(dataset, seed), segmenter, baselines)


def _evaluator(
    model: Segmenter | BuiltPipeline | None,
    pipeline: BuiltPipeline | None,
    protocol: simulation.PromptProtocol,
    dataset: Dataset,
    seed: int,
    baselines: bool,
) -> _Evaluator:
    segmenter = model if pipeline is None else pipeline.segmenter
    if isinstance(protocol, Examples):
        raise IncompatibleStagesError("the prompt protocol 'example' needs a concept segmenter, such as model 'exemplar'")
    if isinstance(protocol, Text) and (pipeline is None or pipeline.detector is None):
        raise IncompatibleStagesError("the prompt protocol 'text' needs a detector or a concept segmenter")
    if not isinstance(protocol, Text) and not isinstance(segmenter, Segmenter):
        raise IncompatibleStagesError(f"the prompt protocol {protocol.name!r} needs a segmenter")
    if isinstance(protocol, Text) and not protocol.phrases:
        protocol = Text(_classes(dataset))
    return _Evaluator(protocol, seed, pipeline, segmenter if isinstance(segmenter, Segmenter) else None, baselines)


def _calibration(chosen: ScoreCalibration | str | None, segmenter: Segmenter | None) -> ScoreCalibration | None:
    if chosen is None or segmenter is None:
        return None
    if not isinstance(chosen, ScoreCalibration):
        return calibration_for(segmenter.provenance, chosen)
    if not chosen.fits(segmenter.provenance):
        raise ConfigError(f"the calibration is for {chosen.model!r} with other weights than those of {segmenter.provenance.model!r} here")
    return chosen


@dataclass
class _Evaluator:
    """Evaluator of a model with a prompt protocol, for one image at a time."""

    protocol: simulation.PromptProtocol
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
        best: Sequence[float | None] = [None] * len(objects)
        unmatched: int | None = None
        boxes: Masks | None = None
        started = time.perf_counter()
        if isinstance(self.protocol, Text):
            assert self.pipeline is not None  # noqa: S101  # evaluate() has checked it.
            result = self.pipeline(pixels, TextPrompt(self.protocol.phrases))
            seconds = time.perf_counter() - started
            cached = not result.timings.get("encode")
            predictions, unmatched = _by_class(result.masks, objects, self.protocol, ignored)
            boxes = None if result.detections is None else filled_boxes(result.detections)
        else:
            assert self.segmenter is not None  # noqa: S101  # evaluate() has checked it.
            session = self.segmenter.open(pixels)
            cached = not session.timings.get("encode")
            predictions, unmatched = self._predict(session, objects, ignored)
            seconds = time.perf_counter() - started
            if self.calibration is not None:
                predictions = [self._calibrated(prediction, pixels) for prediction in predictions]
            if isinstance(self.protocol, OnePromptPerObject):
                prompts = [prediction.prompt for prediction in predictions if prediction.prompt is not None]
                best = best_ious(session, prompts, [prediction.mask for prediction in predictions], objects, ignored)
        baselines = self._baselines(pixels, objects, predictions, boxes, ignored)
        rows = [object_row(image, ignored, *row) for row in zip(objects, predictions, best, baselines, strict=True)]
        ious, dices = [row.iou for row in rows], [row.dice for row in rows]
        return rows, ImageRow(
            image.name,
            content_key(pixels),
            len(rows),
            float(np.mean(ious)),
            float(np.mean(dices)),
            seconds,
            cached,
            unmatched,
            ignored.area if ignored else 0,
        )

    def _calibrated(self, prediction: Prediction, pixels: NDArray[np.uint8]) -> Prediction:
        if self.calibration is None or prediction.prompt is None:
            return prediction
        mask = replace(prediction.mask, prompt_index=0)
        return replace(prediction, mask=self.calibration.apply(Masks([mask]), [prediction.prompt], pixels)[0])

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
        self,
        pixels: NDArray[np.uint8],
        objects: Sequence[AnnotatedObject],
        predictions: Sequence[Prediction],
        boxes: Masks | None,
        ignored: Mask | None,
    ) -> list[dict[str, float]]:
        """Return the IoU of each baseline for each object. `boxes` are the boxes of the detector as filled masks."""
        if not self.with_baselines:
            return [{} for _ in objects]
        first = [prediction.prompt for prediction in predictions]
        found = [prompt_baseline(prompt, true.mask, ignored) for prompt, true in zip(first, objects, strict=True)]
        if self.superpixels is not None:
            name, seed = self.protocol.name, self.seed
            ious = superpixel_ious(
                self.superpixels, pixels, objects, name, seed, lambda session: self._predict(session, objects, ignored)[0], ignored
            )
            for baselines, iou in zip(found, ious, strict=True):
                baselines["superpixel"] = iou
        if isinstance(self.protocol, Text) and boxes is not None:
            for baselines, prediction, true in zip(found, _by_class(boxes, objects, self.protocol, ignored)[0], objects, strict=True):
                baselines["detected_box"] = metrics.iou(prediction.mask, true.mask, ignored=ignored)
        return found


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


def _classes(dataset: Dataset) -> tuple[str, ...]:
    classes = dict.fromkeys(true.label for image in dataset.usable([]) for true in image.objects if true.label)
    if not classes:
        raise ConfigError(f"the objects of {dataset.source} have no class to use as a phrase: give phrases, such as 'text:flood water'")
    return tuple(classes)


def _trained_on(weights: Path, contents: Mapping[str, str]) -> list[Finding]:
    record = record_beside(weights)
    if record is None:
        return []
    return [
        Finding(
            name, "trained", f"the model was trained on it ({', '.join(known)}): its metrics on this image say nothing about other images"
        )
        for name, known in seen_in_training(contents, training_images([record])).items()
    ]


def _build(
    model: str,
    weights: str | os.PathLike[str] | None,
    engine: str | None,
    options: Mapping[str, Any] | None,
    device: str,
    detect: Mapping[str, Any] | None,
    cache: EmbeddingCache | str | None,
) -> BuiltPipeline:
    pipeline = Pipeline().segment(
        model, weights=None if weights is None else str(weights), engine=engine, options={} if options is None else options
    )
    if detect is not None:
        pipeline = pipeline.detect(**{name: value for name, value in detect.items() if value is not None})
    built = pipeline.build(device)
    return built.with_cache(embedding_cache(cache))
