"""The model of an evaluation: loaded by its name, or given as it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union

from ..errors import ConfigError, shown
from ..models.sam.cache import EmbeddingCache, embedding_cache
from ..pipeline import BuiltPipeline, Pipeline
from ..pipeline.as_concepts import PipelineConcepts
from ..protocols import ConceptSegmenter, Segmenter
from ..registry.choice import choose
from ..registry.loading import load_concept
from .simulation import Examples, PromptProtocol, Text

Model = Union[str, Segmenter, ConceptSegmenter, BuiltPipeline]
"""Model to evaluate: the name of a segmenter or of a concept segmenter, one of them, or a pipeline for text or examples."""


@dataclass(frozen=True)
class Loading:
    """How a model that is given by name is loaded. `promptseg.evaluation.run.evaluate` explains the attributes."""

    weights: str | os.PathLike[str] | None = None
    engine: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    detector: str | None = None
    detector_engine: str | None = None
    threshold: float | None = None
    cache: EmbeddingCache | str | None = "disk"

    def __post_init__(self) -> None:
        if not isinstance(self.options, Mapping):
            raise ConfigError(f"options are names with values, such as {{'quantize': 'int8'}}, got {shown(self.options)}")

    @property
    def is_for_a_detector(self) -> bool:
        """Whether something here is for a detector alone."""
        return any(each is not None for each in (self.detector, self.detector_engine, self.threshold))

    @property
    def is_for_a_name(self) -> bool:
        """Whether something here has no meaning for a loaded model. `device` and `cache` have defaults, and do not count."""
        return self.is_for_a_detector or any(each is not None for each in (self.weights, self.engine, self.options or None))

    @property
    def weights_path(self) -> str | None:
        """Path of the weights as text, or None for the published ones."""
        return None if self.weights is None else str(self.weights)


@dataclass(frozen=True)
class EvaluatedModel:
    """Loaded model of an evaluation.

    Attributes:
        segmenter: Segmenter that is asked about one object at a time, or None.
        pipeline: Pipeline that is asked by text, or None. Its segmenter is then `segmenter`.
        concept: Concept segmenter, which is evaluated concept by concept; None for an evaluation object by object.
        own_weights: The user's own weights of a segmenter that was given by name, or None. They may have a record of their training.
    """

    segmenter: Segmenter | None = None
    pipeline: BuiltPipeline | None = None
    concept: ConceptSegmenter | None = None
    own_weights: Path | None = None


def evaluated_model(model: Model, protocol: PromptProtocol, loading: Loading) -> EvaluatedModel:
    """Return the model to evaluate, loaded.

    Args:
        model: A name or a loaded model.
        protocol: Protocol that it is evaluated with. It decides whether a pipeline is evaluated concept by concept.
        loading: How a model given by name is loaded.

    Raises:
        ConfigError: There is no such model, or `loading` does not belong to it.
    """
    if isinstance(model, str):
        return _by_name(model, loading)
    if isinstance(model, Pipeline):
        raise ConfigError("this pipeline has no models yet: call .build() at the end of its stages, and give what it returns")
    if loading.is_for_a_name:
        raise ConfigError(
            "weights, engine, options, detector, detector_engine and threshold are for a model given by name: leave them out, or give the "
            "name of a model"
        )
    if isinstance(model, BuiltPipeline):
        by_concept = isinstance(protocol, Examples) or (isinstance(protocol, Text) and "text" in model.concept_kinds)
        return EvaluatedModel(model.segmenter, model, PipelineConcepts(model) if by_concept else None)
    if isinstance(model, ConceptSegmenter):
        return EvaluatedModel(concept=model)
    return EvaluatedModel(model if isinstance(model, Segmenter) else None)


def _by_name(name: str, loading: Loading) -> EvaluatedModel:
    choice = choose(name, weights=loading.weights_path, engine=loading.engine)
    if choice.backend.kind == "concept":
        if loading.is_for_a_detector:
            raise ConfigError(
                f"detector, detector_engine and threshold are not for {name!r}, which finds concepts by itself: leave them out"
            )
        concept = load_concept(name, weights=loading.weights_path, engine=loading.engine, device=loading.device, **loading.options)
        return EvaluatedModel(concept=concept.with_cache(embedding_cache(loading.cache)))
    if loading.detector is None and loading.is_for_a_detector:
        raise ConfigError("detector_engine and threshold are for a detector: give its name (detector=)")
    pipeline = _pipeline(name, loading)
    return EvaluatedModel(pipeline.segmenter, pipeline, own_weights=choice.weights)


def _pipeline(name: str, loading: Loading) -> BuiltPipeline:
    """Return the pipeline of a segmenter, with the detector if there is one."""
    pipeline = Pipeline().segment(name, weights=loading.weights_path, engine=loading.engine, options=loading.options)
    if loading.detector is not None:
        settings = {"engine": loading.detector_engine, "threshold": loading.threshold}
        pipeline = pipeline.detect(loading.detector, **{name: value for name, value in settings.items() if value is not None})
    return pipeline.build(loading.device).with_cache(embedding_cache(loading.cache))
