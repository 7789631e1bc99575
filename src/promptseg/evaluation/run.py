"""Evaluation of a model on an annotated dataset."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._checks import flag, whole_number
from ..calibration.scores import ScoreCalibration, calibration_for
from ..datasets.core import Dataset, Finding
from ..datasets.reading import open_dataset
from ..datasets.summary import same_content
from ..errors import BackendError, ConfigError, IncompatibleStagesError, InputError, OutOfMemoryError
from ..models.sam.cache import EmbeddingCache, embedding_cache
from ..prompts import PromptKind
from ..protocols import ConceptSegmenter, Segmenter
from ..registry.builtin_backends import DEFAULT_MODEL
from ..registry.catalog import list_models
from ..registry.loading import load_segmenter
from ..results import Provenance
from ..runtime.progress import ProgressOption, reports_progress, track
from .concept_truth import Concepts
from .concepts import ConceptEvaluator
from .evaluated_model import EvaluatedModel, Loading, Model, evaluated_model
from .ignored import counted, only_ignored
from .objects import ObjectEvaluator
from .results import Evaluation
from .rows import ImageRow, ObjectRow
from .simulation import Examples, OnePromptPerObject, PromptProtocol, Text, parse_prompt_protocol
from .train_overlap import record_beside, seen_in_training, training_images

_log = logging.getLogger(__name__)


@reports_progress
def evaluate(
    images: Dataset | str | os.PathLike[str],
    masks: str | os.PathLike[str] | None = None,
    *,
    coco: str | os.PathLike[str] | None = None,
    model: Model = DEFAULT_MODEL,
    prompt: str | PromptProtocol = "box",
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
    protocol = parse_prompt_protocol(prompt) if isinstance(prompt, str) else prompt
    dataset = images if isinstance(images, Dataset) else open_dataset(images, masks=masks, coco=coco)
    if isinstance(images, Dataset) and (masks is not None or coco is not None):
        raise ConfigError("a Dataset has its own truth: leave out masks and coco")
    if calibration is not None and not isinstance(protocol, OnePromptPerObject):
        raise ConfigError(f"a calibration of scores is for one prompt per object, such as box or point, got {protocol.name!r}")
    options = {} if options is None else options
    subject = evaluated_model(model, protocol, Loading(weights, engine, options, device, detector, detector_engine, threshold, cache))
    evaluator: ObjectEvaluator | ConceptEvaluator
    if subject.concept is not None:
        evaluator = _concept_evaluator(subject.concept, protocol, dataset, seed, baselines, cache)
    else:
        evaluator = _object_evaluator(subject, protocol, dataset, seed, baselines, calibration)
    rows, seen, findings = _evaluate_images(dataset, evaluator)
    contents = {image.name: image.content for image in seen}
    twice = same_content(contents)
    findings += [Finding(names[0], "duplicate", f"the same image occurs {len(names)} times: {', '.join(names)}") for names in twice]
    one_group = {name: names[0] for names in twice for name in names}
    if subject.own_weights is not None:
        findings += _trained_on(subject.own_weights, contents)
    return Evaluation(
        " + ".join(map(_name, evaluator.provenance)),
        evaluator.protocol.name,
        seed,
        dataset.source,
        tuple(replace(row, group=one_group.get(row.group, row.group)) for row in rows),
        tuple(seen),
        tuple(one.to_dict() for one in evaluator.provenance),
        tuple(findings),
        tuple(evaluator.rows) if isinstance(evaluator, ConceptEvaluator) else (),
    )


def _evaluate_images(
    dataset: Dataset, evaluator: ObjectEvaluator | ConceptEvaluator
) -> tuple[list[ObjectRow], list[ImageRow], list[Finding]]:
    """Evaluate the images of a dataset one after another. An image that fails becomes a finding.

    Returns:
        rows: Rows of the objects.
        seen: Rows of the images.
        findings: What could not be evaluated, and why.

    Raises:
        InputError: There is no object to evaluate. The message has the first findings.
    """
    rows: list[ObjectRow] = []
    seen: list[ImageRow] = []
    findings: list[Finding] = []
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
    findings += evaluator.findings if isinstance(evaluator, ConceptEvaluator) else []
    if not rows:
        problems = "".join(f"\n  {finding}" for finding in findings[:10])
        raise InputError(f"there is no object to evaluate in {dataset.source}{only_ignored(dataset, with_ignored)}{problems}")
    return rows, seen, findings


def _name(provenance: Provenance) -> str:
    """Return the name of a model; with that of the backend if it is not one of the model's own, such as ``exemplar``."""
    model = list_models().get(provenance.model)
    is_own = model is None or provenance.backend in {engine.backend for engine in model.engines}
    return provenance.model if is_own else f"{provenance.backend} on {provenance.model}"


def _concept_evaluator(
    model: ConceptSegmenter,
    protocol: PromptProtocol,
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


def _object_evaluator(
    model: EvaluatedModel,
    protocol: PromptProtocol,
    dataset: Dataset,
    seed: int,
    baselines: bool,
    calibration: ScoreCalibration | str | None,
) -> ObjectEvaluator:
    if isinstance(protocol, Examples):
        raise IncompatibleStagesError("the prompt protocol 'example' needs a concept segmenter, such as model 'exemplar'")
    if isinstance(protocol, Text) and (model.pipeline is None or model.pipeline.detector is None):
        raise IncompatibleStagesError("the prompt protocol 'text' needs a detector or a concept segmenter")
    if not isinstance(protocol, Text) and model.segmenter is None:
        raise IncompatibleStagesError(f"the prompt protocol {protocol.name!r} needs a segmenter")
    if isinstance(protocol, Text) and not protocol.phrases:
        protocol = Text(_classes(dataset))
    chosen = _calibration(calibration, model.segmenter)
    return ObjectEvaluator(protocol, seed, model.pipeline, model.segmenter, baselines, chosen)


def _calibration(chosen: ScoreCalibration | str | None, segmenter: Segmenter | None) -> ScoreCalibration | None:
    if chosen is None or segmenter is None:
        return None
    if not isinstance(chosen, ScoreCalibration):
        return calibration_for(segmenter.provenance, chosen)
    if not chosen.fits(segmenter.provenance):
        raise ConfigError(f"the calibration is for {chosen.model!r} with other weights than those of {segmenter.provenance.model!r} here")
    return chosen


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
