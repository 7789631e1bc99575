"""Evaluation of a concept segmenter: every object of a class, found by examples or by its name, and whether there is any."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..datasets.core import AnnotatedImage, AnnotatedObject, Finding
from ..datasets.summary import content_key
from ..errors import BackendError, ConfigError, shown
from ..masks import Mask
from ..prompts import Concept, Example, Prompt
from ..protocols import ConceptMasks, ConceptSegmenter, Segmenter
from ..results import Provenance
from ..vocabulary import parse_phrase
from .concept_baselines import baselines_of_concept, everything_by_area, union_baselines
from .concept_rows import ConceptRow
from .concept_truth import Concepts, by_concept, joined_objects, too_few
from .ignored import ignored_region
from .instances import Found
from .predictions import Prediction
from .row_making import joined, object_row
from .rows import ImageRow, ObjectRow
from .simulation import Examples, Text

EVERY_OBJECT = "object"
"""Phrase for objects without a class."""


@dataclass
class ConceptEvaluator:
    """Evaluator of a concept segmenter, for one image at a time.

    Attributes:
        protocol: Examples, or the classes as phrases.
        model: The concept segmenter.
        concepts: Concepts of the dataset.
        segmenter: Segmenter of the baselines by everything mode, or None for no baseline.
        findings: Concepts that could not be asked for lack of examples.
        rows: Rows of the concepts that were asked so far.
    """

    protocol: Examples | Text
    model: ConceptSegmenter
    concepts: Concepts
    segmenter: Segmenter | None = None
    with_baselines: bool = True
    findings: list[Finding] = field(default_factory=list)
    rows: list[ConceptRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.phrases = phrases_for(self.concepts.present, self.protocol.phrases) if isinstance(self.protocol, Text) else {}

    @property
    def provenance(self) -> tuple[Provenance, ...]:
        """Provenance of the model."""
        return (self.model.provenance,)

    def asks(self, image: AnnotatedImage) -> bool:
        """Return whether anything is asked of an image."""
        return bool(image.objects or self.concepts.absent_from(image.name))

    def evaluate(self, image: AnnotatedImage) -> tuple[list[ObjectRow], ImageRow | None]:
        """Return a row for each concept that an image shows, with the union of its objects, and the row of the image.

        `rows` gets one row more for each concept that was asked.
        """
        truth, unions, ignored = by_concept(image), joined_objects(image), ignored_region(image)
        asked = [(name, *asking) for name in truth if (asking := self._concept(image, name)) is not None]
        asked += [(name, *asking) for name in self._absent(image) if (asking := self._concept(image, name)) is not None]
        if not asked:
            return [], None
        pixels = image.pixels()
        started = time.perf_counter()
        session = self.model.open(pixels)
        answers = session.find([concept for _, concept, _ in asked])
        seconds = time.perf_counter() - started
        _check(answers, len(asked), image)
        everything = everything_by_area(self.segmenter, pixels) if self.with_baselines and self.segmenter is not None else None
        whole = Mask.from_array(np.ones(image.size, bool))
        rows = []
        for (name, _, names), answer in zip(asked, answers, strict=True):
            objects = truth.get(name, [])
            found = Found.of(answer.masks, objects, float(answer.presence), ignored)
            baselines = baselines_of_concept(everything, whole, objects, ignored) if self.with_baselines else {}
            self.rows.append(ConceptRow(image.name, name, len(objects), found, baselines, names))
            if name in unions:
                union = unions[name]
                near = union_baselines(everything, whole, union.mask, ignored) if self.with_baselines else {}
                rows.append(object_row(image, ignored, union, Prediction(joined(answer.masks)), None, near))
        if not rows:
            return [], None
        cached = not session.timings.get("encode")
        left_out = ignored.area if ignored else 0
        ious, dices = [row.iou for row in rows], [row.dice for row in rows]
        mean = (float(np.mean(ious)), float(np.mean(dices)))
        return rows, ImageRow(image.name, content_key(pixels), len(rows), *mean, seconds, cached, None, left_out)

    def _absent(self, image: AnnotatedImage) -> list[str]:
        """Return the concepts that are asked of an image although it does not show them: those that are asked of others, which do."""
        if isinstance(self.protocol, Text):
            return list(self.concepts.absent_from(image.name))
        least = math.inf if self.protocol.same else 2
        return [name for name in self.concepts.absent_from(image.name) if len(self.concepts.present[name]) >= least]

    def _concept(self, image: AnnotatedImage, name: str) -> tuple[Concept, tuple[str, ...]] | None:
        """Return the prompt for a concept with the names of its examples, or None if there is no example."""
        label = name or None
        if isinstance(self.protocol, Text):
            return (Concept(self.phrases[name], (), label), ()) if name in self.phrases else None
        drawn: Sequence[tuple[AnnotatedImage | None, AnnotatedObject]]
        if self.protocol.same:
            drawn = [(None, true) for true in self.concepts.own_examples(image, name, self.protocol.shots)]
        else:
            drawn = self.concepts.examples(image.name, name, self.protocol.shots)
        if not drawn:
            self.findings.append(too_few(image.name, name, same=self.protocol.same))
            return None
        examples = [Example(None if other is None else other.pixels(), Prompt.mask(true.mask)) for other, true in drawn]
        return Concept(None, tuple(examples), label), tuple(true.name for _, true in drawn)


def phrases_for(concepts: Iterable[str], phrases: Sequence[str]) -> dict[str, str]:
    """Return the phrase that asks for each concept: its name, or one of the given phrases.

    Args:
        concepts: The concepts of the dataset.
        phrases: Phrases of your own, or none. Those that name a concept ask for it, and the other concepts are not asked for. One phrase
            that names none asks for the only concept.

    Raises:
        ConfigError: The phrases do not say which concept they ask for.
    """
    names = list(concepts)
    if not phrases:
        return {name: name or EVERY_OBJECT for name in names}
    by_label = {parse_phrase(phrase).label: phrase for phrase in phrases}
    if set(by_label) <= set(names):
        return {label: phrase for label, phrase in by_label.items() if label in names}
    if len(phrases) == len(names) == 1:
        return {names[0]: phrases[0]}
    raise ConfigError(
        f"phrases are classes of the dataset, which are {shown(names)}, or one for its only class, got {shown(list(phrases))}"
    )


def _check(answers: Sequence[ConceptMasks], asked: int, image: AnnotatedImage) -> None:
    """Check that there is an answer for each concept, with masks of the image.

    Raises:
        BackendError: The model answered something else.
    """
    if len(answers) != asked or any(answer.masks.size != image.size for answer in answers):
        sizes = sorted({answer.masks.size for answer in answers})
        raise BackendError(
            f"the model gave {len(answers)} answers with masks of {sizes} for {asked} concepts of an image of {image.size} (height, width)"
        )
