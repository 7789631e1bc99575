"""A pipeline as a concept segmenter: phrases by its detector and segmenter, examples by its concept segmenter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError
from ..images import ImageLike, load_image_copy
from ..masks import Masks, Size
from ..prompts import Concept, Prompt, PromptKind, TextPrompt, check_concept, listed_concepts
from ..protocols import ConceptMasks, EmbeddingStore
from ..results import Provenance
from .runner import BuiltPipeline


@dataclass(frozen=True)
class PipelineConcepts:
    """A pipeline as a concept segmenter; a `promptseg.protocols.ConceptSegmenter`.

    A phrase is for the detector, if the pipeline has one. Its presence is then the best score of a detection, which is not a probability.

    Attributes:
        pipeline: The pipeline.

    Raises:
        ConfigError: The pipeline finds neither phrases nor examples.
    """

    pipeline: BuiltPipeline

    def __post_init__(self) -> None:
        if not self.accepts:
            raise ConfigError("this pipeline finds no concepts: add .detect(model), .segment(model) or .concept(model)")

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """Phrases, if there is a detector or a concept segmenter that reads words; examples, if there is anything that takes them."""
        return self.pipeline.concept_kinds | (frozenset({"text"}) if self.pipeline.detector is not None else frozenset())

    @property
    def provenance(self) -> Provenance:
        """Provenance of the last model of the pipeline, with the backend ``pipeline``; the version names the models."""
        models = self.pipeline.models
        return replace(models[-1], backend="pipeline", version=", ".join(f"{model.model} ({model.version})" for model in models))

    def open(self, image: ImageLike) -> PipelineConceptSession:
        """Read an image and return a session for it. The models see it when concepts are asked for."""
        return PipelineConceptSession(load_image_copy(image), self)

    def find(self, image: ImageLike, concepts: Sequence[Concept]) -> list[ConceptMasks]:
        """Return what was found of each concept in an image."""
        return self.open(image).find(concepts)

    def with_cache(self, cache: EmbeddingStore | None) -> PipelineConcepts:
        """Return a concept segmenter of the pipeline with another cache of embeddings, or none for None."""
        return PipelineConcepts(self.pipeline.with_cache(cache))


@dataclass(frozen=True, eq=False)
class PipelineConceptSession:
    """Session of `PipelineConcepts`; a `promptseg.protocols.ConceptSession`.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        concepts: The concept segmenter that opened it.
        timings: Seconds by stage: none, for the image is encoded when concepts are asked for.
    """

    image: NDArray[np.uint8]
    concepts: PipelineConcepts
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return (self.image.shape[0], self.image.shape[1])

    @property
    def provenance(self) -> Provenance:
        """Provenance of the concept segmenter."""
        return self.concepts.provenance

    def find(self, concepts: Sequence[Concept]) -> list[ConceptMasks]:
        """Return what was found of each concept, in the order of the concepts.

        Each is asked for alone: phrases that are asked together may influence one another.

        Raises:
            PromptError: There is no concept, or the pipeline cannot find one.
        """
        return [self._find(concept) for concept in listed_concepts(concepts, self.concepts.accepts)]

    def _find(self, concept: Concept) -> ConceptMasks:
        prompt: Prompt = concept
        if concept.phrase is not None and "text" not in self.concepts.pipeline.concept_kinds:
            check_concept(concept, frozenset({"text"}) if not concept.examples else self.concepts.pipeline.concept_kinds)
            prompt = TextPrompt((concept.phrase,))
        result = self.concepts.pipeline(self.image, prompt)
        found = result.phrases[0]
        presence = found.best_score or 0.0 if found.presence is None else found.presence
        seen = sorted((mask for mask in result.masks if mask.area), key=lambda mask: -(mask.score or 0.0))
        masks = [replace(mask, prompt_index=None, detection_index=None) for mask in seen]
        return ConceptMasks(Masks(masks, self.size), min(1.0, max(0.0, presence)))
