"""`Owlv2Concepts`: a `promptseg.protocols.ConceptSegmenter` of OWLv2, which finds boxes, and a segmenter, which makes masks of them."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...._checks import between, whole_number
from ....errors import ConfigError, PromptError, shown
from ....images import ImageLike, load_image_copy
from ....masks import Masks, Size
from ....notebook.session import SessionDisplay
from ....postprocess import box_nms, nms
from ....prompts import Concept, Example, Prompt, PromptKind, SpatialPrompt, listed_concepts
from ....protocols import ConceptMasks, EmbeddingStore, Segmenter, Session
from ....results import Provenance
from ....runtime.forking import Lock, StaysInProcess
from ....vocabulary import parse_phrase
from .detector import in_image
from .model import Owlv2
from .preprocessing import preprocess
from .queries import patch_of

_KEPT = 16
"""Number of examples whose queries are kept."""


@dataclass(frozen=True)
class Owlv2ConceptSettings:
    """What is found, and what counts as a duplicate.

    Attributes:
        threshold: Minimum score of an instance.
        nms: IoU above which two boxes, and then two masks, are duplicates.
        max_instances: Maximum number of instances of a concept. The best are kept.
    """

    threshold: float = 0.1
    nms: float = 0.5
    max_instances: int = 300

    @classmethod
    def checked(cls, options: Mapping[str, object]) -> Owlv2ConceptSettings:
        """Return the settings for the options of a load request.

        Raises:
            ConfigError: An option has an invalid value.
        """
        return cls(
            between("option threshold", options["threshold"]),
            between("option nms", options["nms"]),
            whole_number("option max_instances", options["max_instances"], 1, most=1000),
        )


class Owlv2Concepts(StaysInProcess):
    """Concept segmenter on OWLv2 and any segmenter; a `promptseg.protocols.ConceptSegmenter`.

    The query of an example is the embedding of the patch that stands for it (`promptseg.models.transformers.owlv2.queries`). Several
    positive examples are one query, the mean of theirs. A concept with a phrase and examples has the mean of both scores. A box that is
    as much like a negative example as like the concept is left out. The score of a mask is that of its box. The presence is the best score
    of all boxes: it sorts images, and is not a calibrated probability.

    Args:
        model: OWLv2.
        segmenter: Segmenter that accepts boxes. An example that is given by points alone is segmented with it.
        settings: What is found.
        cache: Storage of embeddings, or None.

    Raises:
        ConfigError: The segmenter does not accept boxes.
    """

    def __init__(
        self,
        model: Owlv2,
        segmenter: Segmenter,
        settings: Owlv2ConceptSettings = Owlv2ConceptSettings(),
        cache: EmbeddingStore | None = None,
    ) -> None:
        if "box" not in segmenter.accepts:
            raise ConfigError(f"model {segmenter.provenance.model!r} takes no boxes: choose a segmenter that does, such as 'mini-sam'")
        self.model = model
        self.segmenter = segmenter
        self.settings = settings
        self._cache = cache
        self._queries: OrderedDict[tuple[str | None, str], NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    @property
    def provenance(self) -> Provenance:
        """Provenance of both models: OWLv2's, with the segmenter in the version, the weights and the license."""
        own, masks = self.model.provenance, self.segmenter.provenance
        weights = {**own.weights, **{f"{masks.model}/{name}": sha256 for name, sha256 in masks.weights.items()}}
        terms = own.license if masks.license == own.license else f"{own.license} AND {masks.license}"
        return replace(own, version=f"{own.version}, masks by {masks.model} ({masks.version})", weights=weights, license=terms)

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """Phrases and examples."""
        return frozenset({"text", "example"})

    def with_cache(self, cache: EmbeddingStore | None) -> Owlv2Concepts:
        """Return a concept segmenter of the same models that stores the embeddings of both in `cache`, or stores none for None."""
        return Owlv2Concepts(self.model, self.segmenter.with_cache(cache), self.settings, cache)

    def open(self, image: ImageLike) -> Owlv2ConceptSession:
        """Encode an image with both models and return a session for it.

        Raises:
            InputError: The image cannot be read.
            OutOfMemoryError: There is not enough memory for an image beside the models.
        """
        pixels = load_image_copy(image)
        started = time.perf_counter()
        view = self.look(pixels)
        found = time.perf_counter() - started
        session = self.segmenter.open(pixels)
        return Owlv2ConceptSession(self, session, view, {**session.timings, "encode_boxes": found})

    def find(self, image: ImageLike, concepts: Sequence[Concept]) -> list[ConceptMasks]:
        """Return what is found of each concept in an image.

        Raises:
            InputError: The image cannot be read.
            PromptError: There is no concept, or one does not fit the image.
        """
        return self.open(image).find(concepts)

    def look(self, pixels: NDArray[np.uint8]) -> View:
        """Return what OWLv2 sees of an image: (H, W, 3) uint8 RGB."""
        size = (pixels.shape[0], pixels.shape[1])
        key = None if self._cache is None else _key(pixels, self.model.provenance)
        stored = None if self._cache is None or key is None else self._cache.get(key)
        if stored is not None and "patches" in stored:
            features = stored["patches"]
        else:
            features = self.model.encode(preprocess(pixels, self.model.side))
            if self._cache is not None and key is not None:
                self._cache.put(key, {"patches": features})
        seen = self.model.boxes(features)
        return View(features, in_image(seen.boxes, size), seen.embeddings)

    def query(self, example: Example, session: Owlv2ConceptSession) -> NDArray[np.float32]:
        """Return the (E,) float32 query of an example. Those of other images are kept.

        Raises:
            PromptError: The example does not fit its image, or there is no object at its points.
        """
        image, prompt = example.placed(session.image)
        if example.image is None or np.array_equal(image, session.image):
            return _query(prompt, session.view, session.masks)
        key = (example.digest, repr((image.shape, prompt, None if prompt.mask_pixels is None else prompt.mask_pixels.counts)))
        with self._lock:
            known = self._queries.get(key)
        if known is None:
            known = _query(prompt, self.look(image), None if _has_extent(prompt) else self.segmenter.open(image))
            with self._lock:
                self._queries[key] = known
                while len(self._queries) > _KEPT:
                    self._queries.popitem(last=False)
        return known


@dataclass(frozen=True, eq=False)
class View:
    """What OWLv2 sees of an image.

    Attributes:
        features: (P, D) float32 features of the patches.
        boxes: (P, 4) float32 ``xyxy`` in pixels of the image, clipped to it.
        embeddings: (P, E) float32 of length 1: what is in each box, as a query.
    """

    features: NDArray[np.float32]
    boxes: NDArray[np.float32]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class Owlv2ConceptSession(SessionDisplay):
    """Session of `Owlv2Concepts`; a `promptseg.protocols.ConceptSession`.

    Attributes:
        owner: The concept segmenter that opened it.
        masks: Session of the segmenter.
        view: What OWLv2 sees of the image.
        timings: Seconds by stage: ``encode_boxes`` for OWLv2, the others are the segmenter's.
    """

    owner: Owlv2Concepts
    masks: Session
    view: View
    timings: Mapping[str, float]

    @property
    def image(self) -> NDArray[np.uint8]:
        """The image, (H, W, 3) uint8 RGB."""
        return self.masks.image

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return self.masks.size

    @property
    def provenance(self) -> Provenance:
        """Provenance of both models."""
        return self.owner.provenance

    def find(self, concepts: Sequence[Concept]) -> list[ConceptMasks]:
        """Return what is found of each concept, in the order of the concepts.

        Raises:
            PromptError: There is no concept; or one has negative examples alone, a phrase that is too long, or an example that does not
                fit its image.
        """
        return [self._find(concept) for concept in listed_concepts(concepts, self.owner.accepts)]

    def _find(self, concept: Concept) -> ConceptMasks:
        settings = self.owner.settings
        scores = self._scores(concept)
        boxes = self.view.boxes
        scores = np.where((boxes[:, 2:] > boxes[:, :2]).all(axis=1), scores, 0)
        presence = float(scores.max(initial=0))
        some = np.flatnonzero((scores >= settings.threshold) & (scores > 0))
        kept = some[box_nms(boxes[some], scores[some], settings.nms, settings.max_instances)]
        if not len(kept):
            return ConceptMasks(Masks([], self.size), presence)
        found = self.masks.segment([Prompt.box(*box) for box in boxes[kept].tolist()])
        masks = [
            replace(mask, score=score, label=concept.label, prompt_index=None)
            for mask, score in zip(found, scores[kept].tolist(), strict=True)
            if mask.area
        ]
        return ConceptMasks(nms(Masks(masks, self.size), settings.nms), presence)

    def _scores(self, concept: Concept) -> NDArray[np.float32]:
        """Return the (P,) score of each box for a concept; 0 where a negative example fits as well."""
        positive = [example for example in concept.examples if example.positive]
        if concept.phrase is None and not positive:
            raise PromptError(f"a concept needs a phrase or a positive example, got {shown(concept)}")
        model, parts = self.owner.model, []
        if concept.phrase is not None:
            queries = model.texts(parse_phrase(concept.phrase).alternatives)
            parts.append(model.scores(self.view.features, queries).max(axis=1))
        if positive:
            mean = np.mean([self.owner.query(example, self) for example in positive], axis=0, keepdims=True)
            parts.append(model.scores(self.view.features, mean)[:, 0])
        scores: NDArray[np.float32] = np.mean(parts, axis=0)
        unlike = [self.owner.query(example, self) for example in concept.examples if not example.positive]
        if unlike:
            scores = np.where(model.scores(self.view.features, np.stack(unlike)).max(axis=1) >= scores, np.float32(0), scores)
        return scores


def _has_extent(prompt: SpatialPrompt) -> bool:
    return prompt.xyxy is not None or prompt.mask_pixels is not None


def _query(prompt: SpatialPrompt, view: View, session: Session | None) -> NDArray[np.float32]:
    """Return the query of what is at a prompt. Without a box and a mask's pixels, a session of its image says what is there."""
    if prompt.mask_pixels is not None:
        box = prompt.mask_pixels.box
    elif prompt.xyxy is not None:
        box = prompt.xyxy
    else:
        assert session is not None  # noqa: S101 - For the type checker: callers open one.
        (mask,) = session.segment([prompt])
        if not mask.area:
            raise PromptError(f"the segmenter finds no object at the example {shown(prompt)}: give a box or a mask")
        box = mask.box
    query: NDArray[np.float32] = view.embeddings[patch_of(box, view.boxes, view.embeddings)]
    return query


def _key(pixels: NDArray[np.uint8], provenance: Provenance) -> str:
    """Return the cache key of an image."""
    digest = hashlib.sha256(b"promptseg-owlv2-1")
    for part in (provenance.model, provenance.dtype, *(f"{name}={sha}" for name, sha in sorted(provenance.weights.items()))):
        digest.update(part.encode() + b"\0")
    digest.update(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
