"""`Sam3Segmenter` and `Sam3Session`: concepts by phrases and examples with SAM 3."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ....errors import PromptError, shown
from ....images import ImageLike
from ....masks import Size
from ....notebook.session import SessionDisplay
from ....prompts import Concept, PromptKind, SpatialPrompt, listed_concepts
from ....protocols import ConceptMasks, EmbeddingStore, Segmenter
from ....results import Provenance
from ....runtime.forking import Lock, StaysInProcess
from ....vocabulary import parse_phrase
from ...sam.geometry import InputGeometry
from ...sam.model import Embedding
from ...sam.opening import open_images
from ...sam.upsample import upsampler
from .examples import PlacedExamples, place
from .instances import InstanceSettings, instances, joined
from .model import Question, Sam3


class Sam3Segmenter(StaysInProcess):
    """Concept segmenter on SAM 3; a `promptseg.protocols.ConceptSegmenter`.

    The presence is the model's own probability that the image shows the concept. With examples in other images it is the best score in the
    searched image (`promptseg.models.transformers.sam3.canvas`).

    Args:
        model: The model.
        cache: Cache of embeddings, or None to encode every time.
        settings: Which of the model's queries become instances.
        points: Function that returns the segmenter for examples that are given by points alone. It is called when the first one is given.
            None: such examples are refused.
    """

    def __init__(
        self,
        model: Sam3,
        cache: EmbeddingStore | None = None,
        settings: InstanceSettings = InstanceSettings(),  # noqa: B008 - Frozen.
        points: Callable[[], Segmenter] | None = None,
    ) -> None:
        self.model = model
        self.cache = cache
        self.settings = settings
        self._points = points
        self._segmenter: Segmenter | None = None
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"Sam3Segmenter({self.provenance.model}, {self.provenance.device}, {self.provenance.version})"

    @property
    def provenance(self) -> Provenance:
        """Name, backend, dtype, weights and license of the model."""
        return self.model.provenance

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """Phrases and examples, also both in one concept."""
        return frozenset({"text", "example"})

    def with_cache(self, cache: EmbeddingStore | None) -> Sam3Segmenter:
        """Return a concept segmenter of the same model that caches embeddings in `cache`; None for no cache."""
        return Sam3Segmenter(self.model, cache, self.settings, self._points)

    def open(self, image: ImageLike) -> Sam3Session:
        """Return a session on an image, encoded now or found in the cache.

        Raises:
            InputError: The image cannot be read or is not a valid image.
            OutOfMemoryError: There is no room for an image beside the model.
        """
        (session,) = self.open_all([image])
        return session

    def open_all(self, images: Sequence[ImageLike]) -> list[Sam3Session]:
        """Return sessions on several images of any sizes. Those that are not in the cache are encoded together.

        Raises:
            InputError: An image cannot be read or is not a valid image.
            OutOfMemoryError: There is no room for an image beside the model.
        """
        opened = open_images(self.model, self.cache, images)
        return [Sam3Session(self, image.pixels, image.embedding, image.timings) for image in opened]

    def find(self, image: ImageLike, concepts: Sequence[Concept]) -> list[ConceptMasks]:
        """Return what is found of each concept in an image.

        Raises:
            InputError: The image cannot be read.
            PromptError: There is no concept, or one does not fit the image.
        """
        return self.open(image).find(concepts)

    def box_at(self, image: NDArray[np.uint8], prompt: SpatialPrompt) -> NDArray[np.float32]:
        """Return the box ``xyxy`` of the object at a prompt of points or logits.

        Logits of the model's own size are those of its tracker. All else is segmented with the segmenter for points.

        Raises:
            PromptError: There is no such segmenter, or it finds nothing there.
        """
        size = (image.shape[0], image.shape[1])
        if prompt.logits is not None and prompt.logits.shape == (self.model.low_res, self.model.low_res):
            mask = upsampler(self.model.geometry(size)).mask(prompt.logits, keep_logits=False)
        elif self._points is None:
            raise PromptError(
                f"SAM 3 takes an example as a box or as the pixels of a mask, got {shown(prompt)}: give a box around the object, or load "
                "the model with a segmenter for such examples, as with segmenter='mini-sam'"
            )
        else:
            with self._lock:
                if self._segmenter is None:
                    self._segmenter = self._points()
            mask = self._segmenter.open(image).segment([prompt])[0]
        if not mask.area:
            raise PromptError(f"there is no object at {shown(prompt)}: give a box around it")
        return mask.box


@dataclass(frozen=True, eq=False, repr=False)
class Sam3Session(SessionDisplay):
    """Session on an encoded image, for concepts; a `promptseg.protocols.ConceptSession`. Threads may share it.

    Attributes:
        segmenter: The concept segmenter that opened it.
        image: (H, W, 3) uint8 RGB.
        embedding: The encoded image.
        timings: Seconds by stage.
    """

    segmenter: Sam3Segmenter
    image: NDArray[np.uint8]
    embedding: Embedding
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return (self.image.shape[0], self.image.shape[1])

    @property
    def provenance(self) -> Provenance:
        """Name, backend, dtype, weights and license of the model."""
        return self.segmenter.provenance

    def find(self, concepts: Sequence[Concept]) -> list[ConceptMasks]:
        """Return what is found of each concept, in the order of the concepts.

        Raises:
            PromptError: There is no concept; or an example does not fit its image, or is given by points and there is no segmenter.
            OutOfMemoryError: There is no room for a question beside the model.
        """
        model = self.segmenter.model
        checked = listed_concepts(concepts, self.segmenter.accepts)
        placed = [place(concept, self.image, model.side, self.segmenter.box_at) for concept in checked]
        by_canvas: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for index, examples in enumerate(placed):
            by_canvas[examples.key].append(index)
        found: dict[int, ConceptMasks] = {}
        for indices in by_canvas.values():  # One canvas after the other: each has an embedding of its own.
            embedding, geometry = self._seen(placed[indices[0]])
            found |= self._find(embedding, geometry, {index: (checked[index], placed[index]) for index in indices})
        return [found[index] for index in range(len(checked))]

    def _seen(self, examples: PlacedExamples) -> tuple[Embedding, InputGeometry]:
        """Return the embedding that shows the image and the examples, and where the image is in it."""
        model, canvas = self.segmenter.model, examples.canvas
        if canvas is None:
            return self.embedding, self.embedding.geometry
        (opened,) = open_images(model, self.segmenter.cache, [canvas.draw()])
        return opened.embedding, canvas.geometry(self.size, model.low_res)

    def _find(
        self, embedding: Embedding, geometry: InputGeometry, asked: Mapping[int, tuple[Concept, PlacedExamples]]
    ) -> dict[int, ConceptMasks]:
        """Return what is found of concepts that are asked of one embedding. Questions with the same number of boxes are asked together."""
        model, settings = self.segmenter.model, self.segmenter.settings
        by_boxes: dict[int, list[tuple[int, Question]]] = defaultdict(list)
        for index, (concept, examples) in asked.items():
            alternatives = (None,) if concept.phrase is None else parse_phrase(concept.phrase).alternatives
            by_boxes[len(examples.boxes)] += [(index, Question(phrase, examples.boxes, examples.positive)) for phrase in alternatives]
        found: dict[int, list[ConceptMasks]] = defaultdict(list)
        for group in by_boxes.values():
            for start in range(0, len(group), model.ask_batch):
                batch = group[start : start + model.ask_batch]
                for (index, _), answer in zip(batch, model.ask(embedding, [question for _, question in batch]), strict=True):
                    found[index].append(instances(model, answer, geometry, settings, asked[index][0].label))
        return {index: joined(each, settings) for index, each in found.items()}
