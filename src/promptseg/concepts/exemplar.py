"""`ExemplarSegmenter`: a concept segmenter made from any image segmenter, and its sessions.

Where an image looks like the examples is measured by features (`promptseg.concepts.similarity`). What is found there becomes prompts
(`promptseg.concepts.proposals`), the segmenter answers them, and its masks are judged (`promptseg.concepts.judging`). Nothing is trained.

The features are those of the segmenter's own session, such as the image embedding of SAM, or of a `FeatureExtractor`. A segmenter that has
neither is used with color histograms. Embeddings of SAM know looks, not classes: a red car finds red cars.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .._checks import between, whole_number
from ..errors import ConfigError, PromptError, shown
from ..images import ImageLike
from ..masks import Mask, Masks, Size
from ..notebook.session import SessionDisplay
from ..prompts import Concept, Example, Prompt, PromptKind, SpatialPrompt, listed_concepts
from ..protocols import ConceptMasks, EmbeddingStore, FeatureExtractor, HasFeatures, Segmenter, Session
from ..results import Provenance
from ..runtime.forking import Lock, StaysInProcess
from ..tracking.appearance import FeatureGrid, feature_grid, feature_grid_of
from . import judging, proposals
from .presence import presence_of
from .similarity import MANY, Likeness, Look, likeness_of, look_of, thinned

logger = logging.getLogger(__name__)

THRESHOLD = 0.2
"""Minimum score of a mask."""

MAX_INSTANCES = 1000
"""Maximum number of instances of one concept in one image."""

POINTS_PER_INSTANCE = 4
"""Points that are tried at most for each instance that may be found."""

SMALL = 4.0
"""An example of fewer cells than this is looked for by its contrast, pixel by pixel."""

SAME = 0.8
"""IoU above which the masks of a positive and a negative example are of the same thing."""

REMEMBERED = 64
"""Number of example images whose looks are remembered. Each takes at most 4 MB with the features of SAM."""


@dataclass(frozen=True, eq=False)
class ExampleLook:
    """What is remembered of the examples in one image.

    Attributes:
        look: Their look; alone, it may have no outside.
        shares: Area of each positive example as a share of the image.
        cells: Number of cells of each positive example.
        contrasts: (3,) contrast of each positive example that is small.
        unlike: (3,) contrast of each negative example that is small.
    """

    look: Look
    shares: tuple[float, ...]
    cells: tuple[float, ...]
    contrasts: tuple[NDArray[np.float32], ...]
    unlike: tuple[NDArray[np.float32], ...]


class ExemplarSegmenter(StaysInProcess):
    """Concept segmenter made from any image segmenter; a `promptseg.protocols.ConceptSegmenter`.

    It takes positive and negative examples, in the searched image or in others, and no phrases. It is deterministic and safe to use from
    several threads. Example images are encoded once, and what is needed of the last 64 of them is remembered.

    Args:
        segmenter: The segmenter, which must take points.
        features: Features to compare, in place of those of the segmenter.
        threshold: Minimum score of a mask, from 0 to 1.
        max_instances: Maximum number of masks of one concept, at most 1000. A warning is logged if there are more.

    Raises:
        ConfigError: The segmenter takes no points, `features` is not a `FeatureExtractor`, or a number is out of range.
    """

    accepts: frozenset[PromptKind] = frozenset({"example"})

    def __init__(
        self,
        segmenter: Segmenter,
        features: FeatureExtractor | None = None,
        *,
        threshold: float = THRESHOLD,
        max_instances: int = MAX_INSTANCES,
    ) -> None:
        if not isinstance(segmenter, Segmenter) or "point" not in segmenter.accepts:
            raise ConfigError(f"examples need a segmenter that takes points, got {shown(segmenter)}")
        if features is not None and not isinstance(features, FeatureExtractor):
            raise ConfigError(f"features is a FeatureExtractor or None, got {shown(features)}")
        self.segmenter = segmenter
        self.features = features
        self.threshold = between("threshold", threshold)
        self.max_instances = whole_number("max_instances", max_instances, 1, most=MAX_INSTANCES)
        self._memory: OrderedDict[str, ExampleLook] = OrderedDict()
        self._lock = Lock()

    @property
    def provenance(self) -> Provenance:
        """Provenance of the segmenter, with the backend ``exemplar``. The version names the features, if they are not its own."""
        own = self.segmenter.provenance
        version = f"{own.backend} ({own.version})"
        if self.features is None:
            return replace(own, backend="exemplar", version=version)
        other = self.features.provenance
        both = own.license if other.license == own.license else f"{own.license} AND {other.license}"
        weights = {**own.weights, **{f"{other.model}/{name}": sha for name, sha in other.weights.items()}}
        named = f"{version}, features of {other.model} ({other.version})"
        return replace(own, backend="exemplar", version=named, weights=weights, license=both)

    def with_cache(self, cache: EmbeddingStore | None) -> ExemplarSegmenter:
        """Return a concept segmenter whose segmenter stores embeddings in `cache`; None for no cache."""
        return self.with_segmenter(self.segmenter.with_cache(cache))

    def with_segmenter(self, segmenter: Segmenter) -> ExemplarSegmenter:
        """Return a concept segmenter with the same features and settings that works with another segmenter."""
        return ExemplarSegmenter(segmenter, self.features, threshold=self.threshold, max_instances=self.max_instances)

    def open(self, image: ImageLike) -> ExemplarSession:
        """Encode an image and return a session.

        Raises:
            InputError: The image cannot be read.
            BackendError: The features are not spatial.
        """
        return self.on(self.segmenter.open(image))

    def on(self, session: Session) -> ExemplarSession:
        """Return a session on an image that the segmenter has opened.

        Raises:
            BackendError: The features are not spatial.
        """
        return ExemplarSession(self, session, self._grid(session))

    def find(self, image: ImageLike, concepts: Sequence[Concept]) -> list[ConceptMasks]:
        """Return what is found of each concept in an image."""
        return self.open(image).find(concepts)

    def _grid(self, session: Session) -> FeatureGrid:
        return feature_grid_of(session) if self.features is None else feature_grid(self.features.features(session.image))

    def recall(self, image: str, examples: Sequence[Example], opened: Callable[[], ExemplarSession]) -> ExampleLook:
        """Return what is remembered of the examples in one image.

        Args:
            image: Key of the image.
            examples: The examples in it.
            opened: Returns a session on the image. It is called only if the examples are new.

        Raises:
            PromptError: An example does not fit the image, or its mask is empty.
        """
        key = _key(image, examples)
        with self._lock:
            if key in self._memory:
                self._memory.move_to_end(key)
                return self._memory[key]
        found = _learned(opened(), examples)
        with self._lock:
            self._memory[key] = found
            while len(self._memory) > REMEMBERED:
                self._memory.popitem(last=False)
        return found


@dataclass(frozen=True, eq=False, repr=False)
class ExemplarSession(SessionDisplay):
    """Session that finds what is like examples; a `promptseg.protocols.ConceptSession`. It is safe to use from several threads.

    Attributes:
        segmenter: The concept segmenter that opened it.
        session: Session of the segmenter on the image.
        grid: Features of the image.
    """

    segmenter: ExemplarSegmenter
    session: Session
    grid: FeatureGrid

    @property
    def image(self) -> NDArray[np.uint8]:
        """The image, (H, W, 3) uint8 RGB."""
        return self.session.image

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return self.session.size

    @property
    def provenance(self) -> Provenance:
        """Provenance of the concept segmenter."""
        return self.segmenter.provenance

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds spent on opening the image, by stage."""
        return self.session.timings

    def find(self, concepts: Sequence[Concept]) -> list[ConceptMasks]:
        """Return what is found of each concept, in the order of the concepts.

        The presence is a probability, fitted for the embedding of mini-sam (`promptseg.concepts.presence`). With other features it is an
        order: higher where the concept is more likely.

        Raises:
            PromptError: There is no concept; one has a phrase, no positive example, or an example that does not fit its image, is empty
                or has nothing around it.
        """
        return [self._find(concept) for concept in listed_concepts(concepts, self.segmenter.accepts)]

    def likeness(self, concept: Concept) -> Likeness:
        """Return where the image looks like the examples of a concept, before the segmenter is asked.

        Raises:
            PromptError: As for `find`.
        """
        (checked,) = listed_concepts([concept], self.segmenter.accepts)
        return likeness_of(self.grid, thinned([each.look for each in self.learn(checked)]))

    def _find(self, concept: Concept) -> ConceptMasks:
        known = self.learn(concept)
        looks = thinned([each.look for each in known])
        likeness = likeness_of(self.grid, looks)
        candidates, scores = self._candidates(known, likeness)
        kept = judging.chosen(candidates, scores, self.segmenter.threshold)
        limit = self.segmenter.max_instances
        if len(kept) > limit:
            logger.warning("%d instances of %s were found, and only the best %d are kept", len(kept), shown(concept), limit)
        masks = (
            replace(candidates[index], score=float(scores[index]), label=concept.label, prompt_index=None, logits=None)
            for index in kept[:limit]
        )
        return ConceptMasks(Masks(masks, self.size), presence_of(self.grid, looks, likeness))

    def learn(self, concept: Concept) -> list[ExampleLook]:
        """Return what is remembered of the examples of a concept, one for each image that has some.

        Raises:
            PromptError: As for `find`.
        """
        if not any(example.positive for example in concept.examples):
            raise PromptError(f"a concept needs a positive example, got {shown(concept)}")
        own = _image_key(self.image)
        groups: dict[str, tuple[NDArray[np.uint8], list[Example]]] = {}
        for example in concept.examples:
            image, prompt = example.placed(self.image)
            groups.setdefault(_image_key(image), (image, []))[1].append(Example(image, prompt, example.positive))
        known = [
            self.segmenter.recall(key, examples, lambda key=key, image=image: self if key == own else self.segmenter.open(image))  # type: ignore[misc]
            for key, (image, examples) in groups.items()
        ]
        if not any(len(each.look.inside) for each in known):
            raise PromptError(f"nothing is left of the positive examples of {shown(concept)}: negative examples cover them")
        if not any(len(each.look.outside) for each in known):
            raise PromptError(f"{shown(concept)} covers its whole image: nothing is around it to tell it from, so mark a part")
        return known

    def _candidates(self, known: Sequence[ExampleLook], likeness: Likeness) -> tuple[Masks, NDArray[np.float64]]:
        """Return candidate masks with their scores."""
        share = float(np.median([share for each in known for share in each.shares]))
        small = float(np.median([cells for each in known for cells in each.cells])) < SMALL
        many = float(np.mean([each.look.alike for each in known if each.shares])) > MANY
        limit = self.segmenter.max_instances * POINTS_PER_INSTANCE
        probability = likeness.probability
        if small:
            diameter = float(np.sqrt(share * self.size[0] * self.size[1]))
            contrast = np.mean([one for each in known for one in each.contrasts], axis=0)
            unlike = [one for each in known for one in each.unlike]
            response = proposals.spot_map(self.image, contrast, diameter, unlike)
            masks = self._segmented(proposals.spots(response, diameter, self.size, limit))
            agreement = judging.spot_scores(response, masks)
        elif many:
            masks = self._segmented(proposals.things(self.grid, likeness.values, share, limit))
            agreement = judging.thing_scores(self.grid, probability, masks)
        else:
            soft, accepts = isinstance(self.session, HasFeatures), self.segmenter.segmenter.accepts
            found = proposals.regions(self.grid, likeness.values, accepts, self.segmenter.max_instances, soft=soft)
            if not found:
                return Masks([], self.size), np.zeros(0)
            parts = Masks([part for _, part in found], self.size)
            masks = self.session.segment([prompt for prompt, _ in found])
            return masks, judging.predicted(masks) * judging.region_scores(self.grid, probability, masks, parts)
        return masks, judging.sized_scores(
            masks, judging.predicted(masks) * agreement, share, 2**0.5 if small else 1.0, self.segmenter.threshold
        )

    def _segmented(self, points: Sequence[Prompt]) -> Masks:
        return self.session.segment(points, candidates=True) if points else Masks([], self.size)


def _learned(session: ExemplarSession, examples: Sequence[Example]) -> ExampleLook:
    """Return what is to be remembered of the examples in an opened image."""
    masks = [(_mask_of(session.session, example.prompt), example.positive) for example in examples]
    positive, negative = ([mask for mask, like in masks if like is side] for side in (True, False))
    grid = session.grid
    _check_apart(positive, negative)
    look = look_of(grid, _without_smaller(positive, negative), _without_smaller(negative, positive))
    shares = [mask.area / (mask.size[0] * mask.size[1]) for mask in positive]
    cells = [_cells(grid, mask) for mask in positive]
    contrasts, unlike = ([_contrast(session.image, mask) for mask in side if _cells(grid, mask) < SMALL] for side in (positive, negative))
    return ExampleLook(look, tuple(shares), tuple(cells), tuple(contrasts), tuple(unlike))


def _cells(grid: FeatureGrid, mask: Mask) -> float:
    """Return the area of a mask in cells."""
    return mask.area / (mask.size[0] * mask.size[1]) * len(grid.vectors)


def _check_apart(positive: Sequence[Mask], negative: Sequence[Mask]) -> None:
    """Raise an error if one thing is an example and its opposite.

    Raises:
        PromptError: The masks of a positive and a negative example are nearly the same.
    """
    for like in positive:
        for unlike in negative:
            if like.iou(unlike) > SAME:
                raise PromptError(f"a positive and a negative example are of the same thing, in the box {tuple(like.box.tolist())}")


def _without_smaller(masks: Sequence[Mask], others: Sequence[Mask]) -> list[NDArray[np.bool_]]:
    """Return masks as (H, W) arrays without the smaller masks of the other sign in them: a spoon is not an example of its saucer."""
    arrays = []
    for mask in masks:
        array = mask.array
        for other in others:
            if other.area < mask.area:
                array = array & ~other.array
        arrays.append(array)
    return arrays


def _mask_of(session: Session, prompt: SpatialPrompt) -> Mask:
    """Return the mask of an example: the given one, or that of the segmenter for its points and box.

    Raises:
        PromptError: The mask is empty.
    """
    if prompt.mask_pixels is not None and prompt.kinds == {"mask"}:
        return prompt.mask_pixels
    (mask,) = session.segment([prompt])
    if not mask.area:
        raise PromptError(f"{shown(prompt)} gives an empty mask in the image of the example: give another point, a box or a mask")
    return mask


def _contrast(image: NDArray[np.uint8], mask: Mask) -> NDArray[np.float32]:
    contrast = proposals.contrast_of(image, float(np.sqrt(mask.area)))
    return np.asarray(contrast[mask.array].mean(axis=0), np.float32)


def _image_key(image: NDArray[np.uint8]) -> str:
    """Return the SHA-256 (hex) of an image, by which the examples of one image are known to be of one."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def _key(image: str, examples: Sequence[Example]) -> str:
    """Return the SHA-256 (hex) of the key of an image and of the prompts of examples in it."""
    digest = hashlib.sha256(image.encode())
    for example in examples:
        prompt = example.prompt
        digest.update(f"\0{example.positive}\0".encode())
        for array in (prompt.xy, prompt.foreground, prompt.xyxy, prompt.logits):
            digest.update(b"\0" if array is None else repr(array.shape).encode() + array.tobytes())
        digest.update(b"" if prompt.mask_pixels is None else prompt.mask_pixels.counts)
    return digest.hexdigest()
