"""Concepts by example, with a segmenter whose features are colors."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import promptseg as ps
from paint_segmenter import GREEN, RED, PaintSegmenter, painted
from promptseg import Mask, Prompt
from promptseg.concepts.exemplar import ExemplarSegmenter
from promptseg.errors import BackendError, ConfigError, InputError, PromptError
from promptseg.prompts import Concept
from promptseg.protocols import ConceptSegmenter, FeatureMap
from promptseg.results import Provenance
from promptseg.testing.fakes import FakeSegmenter

ONE = painted((16, 16, 40, RED))
OTHER = painted((72, 64, 40, RED), (16, 8, 24, GREEN))
MANY = painted(*((x, y, 16, RED) for x in (8, 40, 72, 104) for y in (8, 56, 104)), (32, 32, 16, GREEN), (64, 80, 16, GREEN))


@pytest.fixture
def paint() -> PaintSegmenter:
    return PaintSegmenter()


@pytest.fixture
def concepts(paint: PaintSegmenter) -> ExemplarSegmenter:
    return ExemplarSegmenter(paint)


def a_red_one(label: str | None = None) -> Concept:
    return Prompt.example(ONE, Prompt.point(30, 30), label=label)


def test_it_is_a_concept_segmenter_of_examples(concepts: ExemplarSegmenter) -> None:
    assert isinstance(concepts, ConceptSegmenter)
    assert concepts.accepts == {"example"}


def test_an_object_is_found_by_one_in_another_image(concepts: ExemplarSegmenter) -> None:
    (found,) = concepts.find(OTHER, [a_red_one("red")])
    assert [mask.box.tolist() for mask in found.masks] == [[72, 64, 112, 104]]
    assert found.masks.labels == ("red",)


def test_a_box_a_point_and_a_mask_of_one_object_are_one_example(concepts: ExemplarSegmenter) -> None:
    pixels = np.zeros((128, 128), bool)
    pixels[16:56, 16:56] = True
    by = [Prompt.point(30, 30), Prompt.box(16, 16, 56, 56), Prompt.mask(pixels)]
    first, *others = concepts.find(OTHER, [Prompt.example(ONE, prompt) for prompt in by])
    assert len(first.masks) == 1
    assert all(each.masks == first.masks and each.presence == first.presence for each in others)


def test_all_of_many_are_found_by_any_one(concepts: ExemplarSegmenter) -> None:
    for x, y in ((12, 12), (44, 60), (108, 108)):
        (found,) = concepts.find(MANY, [Prompt.example(None, Prompt.point(x, y))])
        assert len(found.masks) == 12
        assert all(MANY[mask.array][0].tolist() == list(RED) for mask in found.masks)


def test_a_negative_example_around_a_positive_one_leaves_it_whole(concepts: ExemplarSegmenter) -> None:
    around = np.zeros((128, 128), bool)
    around[8:64, 8:64] = True
    (found,) = concepts.find(OTHER, [a_red_one() + Prompt.example(ONE, Prompt.mask(around), positive=False)])
    assert [mask.box.tolist() for mask in found.masks] == [[72, 64, 112, 104]]


def test_nearly_the_same_mask_as_a_positive_and_a_negative_example_is_refused(concepts: ExemplarSegmenter) -> None:
    nearly = np.zeros((128, 128), bool)
    nearly[17:56, 16:56] = True
    with pytest.raises(PromptError, match=r"of the same thing, in the box \(16\.0, 16\.0, 56\.0, 56\.0\)"):
        concepts.find(OTHER, [a_red_one() + Prompt.example(ONE, Prompt.mask(nearly), positive=False)])


def test_an_image_of_another_size_is_searched(concepts: ExemplarSegmenter) -> None:
    (found,) = concepts.find(painted((200, 24, 64, RED), size=(160, 320)), [a_red_one()])
    assert [mask.box.tolist() for mask in found.masks] == [[200, 24, 264, 88]]


def test_a_negative_example_takes_off_what_is_like_it(concepts: ExemplarSegmenter) -> None:
    image = painted((16, 16, 32, RED), (72, 64, 40, (220, 120, 30)))
    orange = Prompt.example(image, Prompt.point(90, 80), positive=False)
    both, red = concepts.find(image, [a_red_one(), a_red_one() + orange])
    assert len(both.masks) == 2
    assert [mask.box.tolist() for mask in red.masks] == [[16, 16, 48, 48]]


def test_presence_is_higher_where_the_object_is(concepts: ExemplarSegmenter) -> None:
    (there,), (absent,) = concepts.find(OTHER, [a_red_one()]), concepts.find(painted((20, 20, 40, GREEN)), [a_red_one()])
    assert there.presence > absent.presence


def test_scores_are_from_0_to_1_best_first_and_above_the_threshold(concepts: ExemplarSegmenter, paint: PaintSegmenter) -> None:
    concept = Prompt.example(None, Prompt.point(12, 12))
    (found,) = concepts.find(MANY, [concept])
    scores = [mask.score or 0.0 for mask in found.masks]
    assert scores == sorted(scores, reverse=True)
    assert 0.2 < scores[-1] <= scores[0] <= 1
    assert not ExemplarSegmenter(paint, threshold=1.0).find(MANY, [concept])[0].masks


def test_more_instances_than_the_maximum_are_cut_and_said(paint: PaintSegmenter, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        (found,) = ExemplarSegmenter(paint, max_instances=5).find(MANY, [Prompt.example(None, Prompt.point(12, 12))])
    assert len(found.masks) == 5
    assert "instances of" in caplog.text
    assert "best 5" in caplog.text


def test_an_example_image_is_opened_once_for_many_images(concepts: ExemplarSegmenter, paint: PaintSegmenter) -> None:
    for _ in range(3):
        concepts.find(OTHER, [a_red_one()])
    assert len(paint.opened) == 4  # Three searched images, and the example once.


def test_an_example_of_the_searched_image_is_not_opened_again(concepts: ExemplarSegmenter, paint: PaintSegmenter) -> None:
    concepts.find(ONE, [a_red_one(), Prompt.example(None, Prompt.point(30, 30))])
    assert len(paint.opened) == 1


def test_several_threads_find_what_one_finds(concepts: ExemplarSegmenter) -> None:
    session = concepts.open(MANY)
    concept = Prompt.example(None, Prompt.point(12, 12))
    (expected,) = session.find([concept])
    with ThreadPoolExecutor(4) as pool:
        for (found,) in pool.map(lambda _: session.find([concept]), range(8)):
            assert found.masks == expected.masks
            assert found.presence == expected.presence


def test_a_segmenter_without_features_is_used_by_its_colors() -> None:
    (found,) = ExemplarSegmenter(FakeSegmenter()).find(OTHER, [Prompt.example(ONE, Prompt.box(16, 16, 56, 56))])
    assert max(mask.iou(Mask.from_array((OTHER == RED).all(axis=2))) for mask in found.masks) > 0.8


class Given:
    """Feature extractor that returns features of a shape."""

    provenance = Provenance("given", "given", "2", weights={"file": "0" * 64}, license="Apache-2.0")

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def features(self, image: Any) -> FeatureMap:
        height, width = np.asarray(image).shape[:2]
        values = np.ones(self.shape, np.float32)
        if values.ndim == 3:
            import cv2

            values = cv2.resize(np.asarray(image), self.shape[:0:-1], interpolation=cv2.INTER_AREA).astype(np.float32).transpose(2, 0, 1)
        return FeatureMap(values, (height, width))


def test_features_of_another_model_are_compared_instead(paint: PaintSegmenter) -> None:
    concepts = ExemplarSegmenter(paint, Given(3, 16, 16))
    (found,) = concepts.find(OTHER, [a_red_one()])
    assert [mask.box.tolist() for mask in found.masks] == [[72, 64, 112, 104]]
    own = concepts.provenance
    assert (own.backend, own.license, own.weights) == ("exemplar", "MIT AND Apache-2.0", {"given/file": "0" * 64})
    assert "features of given" in own.version


def test_features_that_are_not_spatial_are_refused(paint: PaintSegmenter) -> None:
    with pytest.raises(BackendError, match="rows, columns"):
        ExemplarSegmenter(paint, Given(384)).open(OTHER)


@pytest.mark.parametrize(
    ("concept", "words"),
    [
        (Concept("dog"), "reads no words"),
        (Concept("dog", a_red_one().examples), "label"),
        (Prompt.example(ONE, Prompt.point(30, 30), positive=False), "positive example"),
        (Prompt.example(None, Prompt.box(500, 500, 510, 510)), "outside the image"),
        (Prompt.example(None, Prompt.mask(np.ones((60, 60), bool))), "size"),
        (Prompt.example(ONE, Prompt.mask(np.ones((128, 128), bool))), "whole image"),
        (
            Prompt.example(ONE, Prompt.point(30, 30)) + Prompt.example(ONE, Prompt.point(31, 30), positive=False),
            "negative",
        ),
    ],
    ids=["phrase", "phrase and example", "negative alone", "outside", "mask of another size", "whole image", "contradiction"],
)
def test_a_concept_that_cannot_be_found_is_refused(concepts: ExemplarSegmenter, concept: Concept, words: str) -> None:
    with pytest.raises(PromptError, match=words):
        concepts.find(OTHER, [concept])


def test_an_empty_mask_is_no_example() -> None:
    with pytest.raises(PromptError, match="empty"):
        Prompt.example(ONE, Prompt.mask(np.zeros((128, 128), bool)))


def test_an_unreadable_image_is_refused() -> None:
    with pytest.raises(InputError):
        ExemplarSegmenter(FakeSegmenter()).find(b"no image", [a_red_one()])


@pytest.mark.parametrize("options", [{"threshold": 2}, {"max_instances": 0}, {"max_instances": 1001}, {"features": "dino"}])
def test_settings_are_checked(paint: PaintSegmenter, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        ExemplarSegmenter(paint, **options)


def test_the_backend_loads_by_name_and_checks_its_options(paint: PaintSegmenter) -> None:
    loaded = ps.load_concept("exemplar", segmenter=paint, threshold=0.3)
    assert isinstance(loaded, ExemplarSegmenter)
    assert loaded.threshold == 0.3
    for wrong in ({"segmenter": 3}, {"segmenter": paint, "features": 3}):
        with pytest.raises(ConfigError):
            ps.load_concept("exemplar", **wrong)


@pytest.mark.parametrize(("load", "name"), [(ps.load_concept, "exemplar"), (ps.load_video, "propagate")])
def test_what_works_with_any_segmenter_refuses_weights_of_its_own(load: Any, name: str, tmp_path: Any) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(b"weights")
    with pytest.raises(ConfigError, match=rf"{name} has no weights of its own, got .*weights\.pt: give those of its segmenter"):
        load(name, weights=path)


def test_a_model_of_another_kind_is_refused_with_what_to_load_instead() -> None:
    with pytest.raises(ConfigError, match=r"is a segmenter, not a concept model: .* load_concept\('exemplar', segmenter='mini-sam'\)"):
        ps.load_concept("mini-sam")
    with pytest.raises(ConfigError, match=r"'mini-sam' is a segmenter, not a model of features: use load_segmenter$"):
        ps.load_features("mini-sam")
