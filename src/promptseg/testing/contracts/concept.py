"""Contract tests for concept segmenters."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from ...errors import PromptError
from ...images import ImageLike, load_image
from ...masks import Size
from ...prompts import Concept, Prompt
from ...protocols import ConceptMasks, ConceptSegmenter, ConceptSession
from .checks import assert_alike, assert_identical, check_provenance, check_unreadable_images
from .scenes import OBJECTS, image_forms, scene
from .suite import Suite, needs


def _takes_text(suite: Any) -> bool:
    return bool(suite.takes_text)


def _takes_examples(suite: Any) -> bool:
    return bool(suite.takes_examples)


class ConceptContract(Suite):
    """Contract tests for a `promptseg.protocols.ConceptSegmenter`. They need a fixture `concepts`, in the class or in its module.

    Attributes:
        image: Image to search.
        phrases: Two or more phrases that the model accepts.
        takes_text: Whether the model reads phrases.
        takes_examples: Whether the model takes examples.
        finds_alike: Whether the model finds an object of the image by an example of it. A model with random weights need not.
    """

    image: ClassVar[ImageLike] = scene()
    phrases: ClassVar[tuple[str, ...]] = ("dog", "cat")
    takes_text: ClassVar[bool] = True
    takes_examples: ClassVar[bool] = True
    finds_alike: ClassVar[bool] = False

    def some(self) -> Concept:
        """Return a concept that the model takes."""
        if self.takes_text:
            return Concept(self.phrases[0])
        return Prompt.example(self.image, Prompt.box(*OBJECTS[0]), label="block")

    def test_it_is_a_concept_segmenter(self, concepts: ConceptSegmenter) -> None:
        assert isinstance(concepts, ConceptSegmenter)
        assert isinstance(concepts.open(self.image), ConceptSession)

    def test_it_says_what_it_takes(self, concepts: ConceptSegmenter) -> None:
        assert concepts.accepts == {kind for kind, taken in (("text", self.takes_text), ("example", self.takes_examples)) if taken}

    def test_its_provenance_names_model_backend_version_and_license(self, concepts: ConceptSegmenter) -> None:
        check_provenance(concepts.provenance)
        assert concepts.open(self.image).provenance == concepts.provenance

    def test_a_session_has_its_image(self, concepts: ConceptSegmenter) -> None:
        pixels = load_image(self.image)
        session = concepts.open(self.image)
        assert np.array_equal(session.image, pixels)
        assert tuple(session.size) == pixels.shape[:2]

    def test_each_concept_has_masks_best_first_and_a_presence(self, concepts: ConceptSegmenter) -> None:
        concept = self.some()
        found = concepts.find(self.image, [concept, concept])
        assert len(found) == 2
        for one in found:
            check_found(one, load_image(self.image).shape[:2], concept.label)

    def test_the_same_concept_is_found_alike_alone_and_among_others(self, concepts: ConceptSegmenter) -> None:
        session = concepts.open(self.image)
        together = session.find([self.some(), self.some()])
        assert_same(together[:1], together[1:])
        assert_same(session.find([self.some()]), together[:1])

    def test_find_is_open_and_find(self, concepts: ConceptSegmenter) -> None:
        assert_same(concepts.find(self.image, [self.some()]), concepts.open(self.image).find([self.some()]))

    @needs(_takes_text)
    def test_masks_of_a_phrase_have_its_label(self, concepts: ConceptSegmenter) -> None:
        first, second = concepts.find(self.image, [Concept(self.phrases[0]), Concept(f"{self.phrases[1]}|{self.phrases[0]}")])
        check_found(first, load_image(self.image).shape[:2], self.phrases[0])
        check_found(second, load_image(self.image).shape[:2], self.phrases[1])

    @needs(_takes_examples)
    def test_an_example_of_the_searched_image_needs_no_image(self, concepts: ConceptSegmenter) -> None:
        box = Prompt.box(*OBJECTS[0])
        here, there = concepts.find(self.image, [Prompt.example(None, box), Prompt.example(self.image, box)])
        assert_same([here], [there])

    @needs(_takes_examples)
    def test_an_example_may_come_from_another_image_of_another_size(self, concepts: ConceptSegmenter) -> None:
        other = np.pad(load_image(self.image), ((3, 17), (11, 2), (0, 0)), mode="edge")
        x0, y0, x1, y1 = OBJECTS[0]
        (found,) = concepts.find(self.image, [Prompt.example(other, Prompt.box(x0 + 11, y0 + 3, x1 + 11, y1 + 3), label="block")])
        check_found(found, load_image(self.image).shape[:2], "block")

    @needs(_takes_examples)
    def test_several_examples_and_negative_ones_make_one_concept(self, concepts: ConceptSegmenter) -> None:
        concept = Prompt.example(None, Prompt.box(*OBJECTS[0])) + Prompt.example(None, Prompt.box(*OBJECTS[1]), positive=False)
        (found,) = concepts.find(self.image, [concept])
        check_found(found, load_image(self.image).shape[:2], None)

    @needs(lambda suite: suite.finds_alike and suite.takes_examples)
    def test_what_is_like_an_example_is_found(self, concepts: ConceptSegmenter) -> None:
        for x0, y0, x1, y1 in OBJECTS:
            (found,) = concepts.find(self.image, [Prompt.example(None, Prompt.box(x0, y0, x1, y1))])
            truth = np.zeros(load_image(self.image).shape[:2], bool)
            truth[y0:y1, x0:x1] = True
            assert max((np.asarray(mask) & truth).sum() / (np.asarray(mask) | truth).sum() for mask in found.masks) > 0.7

    @needs(_takes_examples)
    def test_an_example_outside_of_the_searched_image_is_refused(self, concepts: ConceptSegmenter) -> None:
        with pytest.raises(PromptError):
            concepts.find(self.image, [Prompt.example(None, Prompt.box(5000, 5000, 5010, 5010))])

    def test_a_concept_of_another_kind_is_refused(self, concepts: ConceptSegmenter) -> None:
        session = concepts.open(self.image)
        if not self.takes_text:
            with pytest.raises(PromptError):
                session.find([Concept("dog")])
        if not self.takes_examples:
            with pytest.raises(PromptError):
                session.find([Prompt.example(None, Prompt.box(*OBJECTS[0]))])

    def test_no_concept_is_refused(self, concepts: ConceptSegmenter) -> None:
        with pytest.raises(PromptError):
            concepts.find(self.image, [])

    def test_what_is_no_concept_is_refused(self, concepts: ConceptSegmenter) -> None:
        session = concepts.open(self.image)
        wrong: list[Any] = [[Prompt.point(1, 1)], [Prompt.everything()], ["dog"], "dog", None, self.some()]
        for value in wrong:
            with pytest.raises(PromptError):
                session.find(value)

    def test_a_path_bytes_an_open_file_a_pil_image_and_an_array_are_one_image(self, concepts: ConceptSegmenter, tmp_path: Path) -> None:
        pixels = load_image(self.image)
        expected = concepts.find(pixels, [self.some()])
        for form in image_forms(pixels, tmp_path):
            assert_same(concepts.find(form, [self.some()]), expected)

    def test_an_unreadable_image_is_refused(self, concepts: ConceptSegmenter, tmp_path: Path) -> None:
        check_unreadable_images(concepts.open, tmp_path)

    @pytest.mark.parametrize("size", [(1, 1), (1, 37), (41, 1), (33, 47)], ids=str)
    def test_an_image_of_any_size_is_searched(self, concepts: ConceptSegmenter, size: Size) -> None:
        pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
        (found,) = concepts.find(pixels, [self.some()])
        check_found(found, size, self.some().label)

    def test_the_callers_image_is_not_changed_and_may_change(self, concepts: ConceptSegmenter) -> None:
        pixels: NDArray[np.uint8] = load_image(self.image).copy()
        before = pixels.copy()
        session = concepts.open(pixels)
        expected = session.find([self.some()])
        assert np.array_equal(pixels, before)
        pixels[:] = 0
        assert_same(session.find([self.some()]), expected)

    def test_without_a_cache_it_finds_the_same(self, concepts: ConceptSegmenter) -> None:
        assert_same(concepts.with_cache(None).find(self.image, [self.some()]), concepts.find(self.image, [self.some()]), exact=False)

    def test_several_threads_find_what_one_finds(self, concepts: ConceptSegmenter) -> None:
        session = concepts.open(self.image)
        expected = session.find([self.some()])
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(lambda _: session.find([self.some()]), range(4)):
                assert_same(found, expected)


def check_found(found: ConceptMasks, size: Sequence[int], label: str | None) -> None:
    """Assert that masks fit an image, are not empty, are sorted by scores from 0 to 1, and have a label; and that the presence is one."""
    assert isinstance(found, ConceptMasks)
    assert 0 <= found.presence <= 1
    assert tuple(found.masks.size) == tuple(size)
    scores = [mask.score for mask in found.masks]
    assert all(score is not None and 0 <= score <= 1 for score in scores)
    assert scores == sorted(scores, key=lambda score: -(score or 0.0))
    assert all(mask.area and mask.label == label for mask in found.masks)


def assert_same(found: Sequence[ConceptMasks], expected: Sequence[ConceptMasks], *, exact: bool = True) -> None:
    """Assert that the same was found: bit for bit, or up to a few pixels."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        if exact:
            assert_identical(one.masks, other.masks)
            assert one.presence == other.presence
            continue
        assert one.presence == pytest.approx(other.presence, abs=1e-3)
        assert len(one.masks) == len(other.masks)
        for mask, same in zip(one.masks, other.masks, strict=True):
            assert_alike(mask, same)
