"""Sessions of SAM 3 for concepts: encoded once, cached, equal in any number and on any thread, with examples of other images."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from promptseg.errors import BackendError, OutOfMemoryError, PromptError
from promptseg.masks import Mask
from promptseg.models.sam.cache import EmbeddingCache
from promptseg.prompts import Concept, Prompt
from promptseg.protocols import BatchSegmenter
from promptseg.testing import FakeSegmenter
from promptseg.testing.contracts.concept import assert_same

BOX, OTHER = Prompt.box(20, 24, 90, 80), Prompt.box(100, 10, 150, 60)
CONCEPTS = [
    Concept("dog"),
    Prompt.example(None, BOX),
    Concept("a cat"),
    Prompt.text("cat") + Prompt.example(None, BOX) + Prompt.example(None, OTHER, positive=False),
    Prompt.example(None, OTHER),
]


@pytest.fixture(scope="module")
def segmenter(sam3_segmenter):
    return sam3_segmenter(4)


@pytest.fixture
def encoded(segmenter, monkeypatch):
    """The sizes of the images that were encoded, in order."""
    sizes, encode = [], segmenter.model.encode
    monkeypatch.setattr(segmenter.model, "encode", lambda images: sizes.extend(image.shape[:2] for image in images) or encode(images))
    return sizes


def test_a_session_encodes_its_image_once(segmenter, encoded, photo):
    session = segmenter.open(photo())
    for concept in CONCEPTS:
        session.find([concept])
    assert encoded == [(120, 160)]


def test_an_embedding_of_the_cache_finds_the_same(segmenter, encoded, photo, tmp_path):
    expected = segmenter.find(photo(), CONCEPTS)
    for cache in (EmbeddingCache(), EmbeddingCache(memory_bytes=0, folder=tmp_path)):
        caching = segmenter.with_cache(cache)
        encoded.clear()
        for _ in range(2):
            assert_same(caching.find(photo(), CONCEPTS), expected)
        assert encoded == [(120, 160)]
    assert "cache" in caching.open(photo()).timings


def test_images_are_opened_together(segmenter, photo):
    images = [photo(), photo(121, 161, 1), photo()]
    for image, session in zip(images, segmenter.open_all(images), strict=True):
        assert_same(session.find(CONCEPTS), segmenter.find(image, CONCEPTS))


def test_concepts_together_find_what_they_find_one_by_one(segmenter, photo):
    session = segmenter.open(photo())
    assert_same(session.find(CONCEPTS), [session.find([concept])[0] for concept in CONCEPTS])


def test_questions_in_batches_find_what_they_find_one_by_one(segmenter, photo, monkeypatch):
    session = segmenter.open(photo())
    expected = session.find([*CONCEPTS, Concept("a dog")])
    monkeypatch.setattr(segmenter.model, "ask_batch", 3)
    assert_same(session.find([*CONCEPTS, Concept("a dog")]), expected, exact=False)


def test_two_threads_find_the_same_a_hundred_times(segmenter, photo):
    session, concepts = segmenter.open(photo()), [CONCEPTS[0], CONCEPTS[3]]
    expected = session.find(concepts)
    together = threading.Barrier(2)

    def search(_):
        together.wait(60)
        return [session.find(concepts) for _ in range(50)]

    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(search, range(2)):
            for one in found:
                assert_same(one, expected)


def test_a_box_changes_what_a_phrase_finds_and_so_does_its_sign(segmenter, photo):
    phrase, box = Concept("dog"), Prompt.example(None, BOX)
    negative = Prompt.example(None, BOX, positive=False)
    scores = [tuple(found.masks.scores) for found in segmenter.find(photo(), [phrase, phrase + box, phrase + negative, box])]
    assert len(set(scores)) == 4


def test_alternatives_of_a_phrase_are_searched_one_by_one(segmenter, photo):
    session = segmenter.open(photo())
    both, dog, cat = session.find([Concept("dog|cat"), Concept("dog"), Concept("cat")])
    assert both.presence == max(dog.presence, cat.presence)
    assert both.masks.scores[0] == max(dog.masks.scores[0], cat.masks.scores[0])
    assert set(both.masks.labels) == {"dog"}


def test_an_example_of_another_image_is_found_on_a_canvas(segmenter, encoded, photo):
    session = segmenter.open(photo())
    concept = Prompt.example(photo(60, 80, 1), Prompt.box(5, 5, 40, 40), label="thing")
    first, second, plain = session.find([concept, concept, CONCEPTS[0]])
    assert encoded == [(120, 160), (56, 56)]
    assert_same([first], [second])
    assert_same([plain], session.find([CONCEPTS[0]]))
    assert tuple(first.masks.size) == (120, 160)
    assert set(first.masks.labels) <= {"thing"}
    assert first.presence == pytest.approx(max(first.masks.scores, default=0), abs=1e-6)


def test_a_canvas_is_cached_as_an_image(segmenter, encoded, photo):
    caching = segmenter.with_cache(EmbeddingCache())
    concept = Prompt.example(photo(60, 80, 1), Prompt.box(5, 5, 40, 40))
    assert_same(caching.find(photo(), [concept]), caching.find(photo(), [concept]))
    assert encoded == [(120, 160), (56, 56)]


class TestPoints:
    def test_an_example_by_a_point_is_the_box_that_a_segmenter_finds(self, sam3_segmenter, photo):
        loaded = []
        segmenter = sam3_segmenter(4, points=lambda: loaded.append(1) or FakeSegmenter(radius=10))
        assert not loaded
        point, box = Prompt.example(None, Prompt.point(50, 50)), Prompt.example(None, Prompt.box(40, 40, 61, 61))
        for _ in range(2):
            assert_same(*([found] for found in segmenter.find(photo(), [point, box])))
        assert loaded == [1]

    def test_without_a_segmenter_a_point_is_refused(self, segmenter, photo):
        with pytest.raises(PromptError, match=r"got Prompt\.point\(50, 50\): give a box"):
            segmenter.find(photo(), [Prompt.example(None, Prompt.point(50, 50))])

    def test_the_logits_of_the_tracker_are_its_box(self, segmenter, photo):
        logits = np.full((16, 16), -5, np.float32)
        logits[4:8, 4:8] = 5
        assert segmenter.box_at(photo(), Prompt.mask(logits)).tolist() == pytest.approx([40, 30, 80, 60], abs=6)

    def test_empty_logits_are_refused(self, segmenter, photo):
        with pytest.raises(PromptError, match="there is no object at"):
            segmenter.box_at(photo(), Prompt.mask(np.full((16, 16), -5, np.float32)))


def test_a_mask_as_an_example_is_its_box(segmenter, photo):
    pixels = np.zeros((120, 160), bool)
    pixels[24:80, 20:90] = True
    mask = Prompt.example(None, Prompt.mask(Mask.from_array(pixels)))
    assert_same(*([found] for found in segmenter.find(photo(), [mask, CONCEPTS[1]])))


def test_masks_of_a_wide_image_are_bounded_by_the_settings(sam3_segmenter, photo):
    segmenter = sam3_segmenter(4, nms=None, max_instances=2)
    (found,) = segmenter.find(photo(), CONCEPTS[:1])
    assert len(found.masks) == 2


def test_it_is_shown_by_name_and_opens_batches(segmenter):
    assert "tiny-sam3" in repr(segmenter)
    assert isinstance(segmenter, BatchSegmenter)


def test_questions_that_do_not_fit_together_are_asked_in_parts(sam3_segmenter, photo, monkeypatch):
    segmenter = sam3_segmenter(4)
    segmenter.model.ask_batch = 4
    session, concepts = segmenter.open(photo()), [Concept(phrase) for phrase in ("dog", "cat", "a dog", "a cat")]
    expected = session.find(concepts)
    forward = segmenter.model._module.detr_encoder.forward

    def limited(*arguments, vision_features, **named):
        if len(vision_features[0]) > 2:
            raise MemoryError
        return forward(*arguments, vision_features=vision_features, **named)

    monkeypatch.setattr(segmenter.model._module.detr_encoder, "forward", limited)
    assert_same(session.find(concepts), expected, exact=False)
    assert segmenter.model.ask_batch == 2


@pytest.mark.parametrize(
    ("failure", "error", "message"),
    [
        (RuntimeError("broken"), BackendError, "torch failed: broken"),
        (MemoryError(), OutOfMemoryError, "a question does not fit beside the model"),
    ],
    ids=["broken", "full"],
)
def test_what_the_model_cannot_compute_is_an_error_of_the_library(segmenter, photo, monkeypatch, failure, error, message):
    def fail(**_):
        raise failure

    session = segmenter.open(photo())
    monkeypatch.setattr(segmenter.model._module.detr_encoder, "forward", fail)
    with pytest.raises(error, match=message):
        session.find(CONCEPTS[:1])


def test_numbers_that_are_none_are_an_error(sam3_segmenter, photo):
    segmenter = sam3_segmenter(4)
    segmenter.model._module.detr_decoder.box_head.layer3.bias.data.fill_(float("nan"))
    with pytest.raises(BackendError, match="NaN or infinity in float32"):
        segmenter.find(photo(), CONCEPTS[:1])
