"""Concepts on OWLv2: scores of phrases and examples, duplicates, negatives, presence; with a model that looks its numbers up."""

import numpy as np
import pytest

from promptseg import EmbeddingCache, Prompt
from promptseg.errors import ConfigError, PromptError
from promptseg.results import Provenance
from promptseg.testing import FakeSegmenter

pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("torch", reason="models of transformers need torch")

from promptseg.models.transformers.owlv2.concepts import Owlv2Concepts, Owlv2ConceptSettings
from promptseg.models.transformers.owlv2.model import ImageBoxes

OPTIONS = {"threshold": 0.1, "nms": 0.5, "max_instances": 300}
CATS = ((0, 0, 20, 20), (40, 40, 60, 60))
DOG = (60, 0, 90, 20)
WORDS = {"cat": (1.0, 0.0, 0.0), "dog": (0.0, 1.0, 0.0), "animal": (0.6, 0.6, 0.0), "house": (0.0, 0.0, 0.1)}


class Numbers:
    """`Owlv2` without a network: patches with two cats (one of them twice) and a dog, in any image of 100 x 100."""

    provenance = Provenance("numbers", "tests", "1", {"numbers": 64 * "0"}, "Apache-2.0")
    side = 10

    def __init__(self):
        self.encoded = 0

    def encode(self, pixels):
        self.encoded += 1
        return np.array([[1, 0, 0], [0.8, 0, 0], [0, 0.9, 0], [0.7, 0, 0.5], [0, 0, 0]], np.float32)

    def boxes(self, features):
        x = np.array([*CATS, DOG, (5, 5, 20, 20), (5, 99, 30, 100)], np.float32) / 100
        corners = np.concatenate([(x[:, :2] + x[:, 2:]) / 2, x[:, 2:] - x[:, :2]], axis=1)
        lengths = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6)
        return ImageBoxes(corners, features / lengths)

    def texts(self, phrases):
        return np.array([WORDS[phrase] for phrase in phrases], np.float32)

    def scores(self, features, queries):
        return np.clip(features @ queries.T, 0, 1)


@pytest.fixture
def model():
    return Numbers()


@pytest.fixture
def concepts(model):
    return Owlv2Concepts(model, FakeSegmenter(), Owlv2ConceptSettings.checked(OPTIONS))


@pytest.fixture
def image(photo):
    return photo(100, 100)


def boxes(found):
    return [tuple(box) for box in found.masks.boxes.tolist()]


def test_a_phrase_gives_a_mask_of_each_box_with_its_score(concepts, image):
    (found,) = concepts.find(image, [Prompt.text("cat")])
    assert boxes(found) == [*CATS]
    assert found.masks.scores.tolist() == pytest.approx([1.0, 0.8])
    assert found.masks.labels == ("cat", "cat")
    assert found.presence == pytest.approx(1.0)


def test_a_phrase_has_the_score_of_its_best_alternative(concepts, image):
    (found,) = concepts.find(image, [Prompt.text("cat|dog")])
    assert boxes(found) == [CATS[0], DOG, CATS[1]]
    assert set(found.masks.labels) == {"cat"}


def test_an_example_finds_what_its_box_shows(concepts, image):
    (found,) = concepts.find(image, [Prompt.example(None, Prompt.box(*DOG), label="dog")])
    assert boxes(found) == [DOG]
    assert found.masks.labels == ("dog",)
    assert found.masks.scores.tolist() == pytest.approx([0.9])  # Not rescaled: the best is not 1 because it is the best.


@pytest.mark.parametrize("kind", ["mask", "point"])
def test_an_example_may_be_a_mask_or_a_point(kind, model, image):
    concepts = Owlv2Concepts(model, FakeSegmenter(radius=10), Owlv2ConceptSettings())
    pixels = np.zeros((100, 100), bool)
    pixels[:20, 60:90] = True
    prompt = Prompt.mask(pixels) if kind == "mask" else Prompt.point(75, 10)
    (found,) = concepts.find(image, [Prompt.example(None, prompt)])
    assert boxes(found) == [DOG]


def test_several_examples_are_one_query(concepts, image):
    both = Prompt.example(None, Prompt.box(*CATS[0])) + Prompt.example(None, Prompt.box(*DOG))
    (found,) = concepts.find(image, [both])
    assert boxes(found) == [CATS[0], DOG, CATS[1]]
    assert found.masks.scores.tolist() == pytest.approx([0.5, 0.45, 0.4])


def test_a_phrase_and_an_example_agree_in_the_mean(concepts, image):
    (found,) = concepts.find(image, [Prompt.text("animal") + Prompt.example(None, Prompt.box(*DOG))])
    assert boxes(found)[0] == DOG
    assert found.masks.scores[0] == pytest.approx((0.9 + 0.54) / 2)


def test_what_is_as_much_like_a_negative_example_is_left_out(concepts, image):
    unlike = Prompt.example(None, Prompt.box(*DOG), positive=False)
    (found,) = concepts.find(image, [Prompt.text("animal") + unlike])
    assert boxes(found) == [*CATS]


def test_the_presence_of_what_is_not_there_is_low_and_there_are_no_masks(concepts, image):
    (found,) = concepts.find(image, [Prompt.text("house")])
    assert len(found.masks) == 0
    assert found.presence == pytest.approx(0.05)


def test_at_most_so_many_instances_are_found(model, image):
    concepts = Owlv2Concepts(model, FakeSegmenter(), Owlv2ConceptSettings(max_instances=1))
    (found,) = concepts.find(image, [Prompt.text("cat")])
    assert boxes(found) == [CATS[0]]


def test_negative_examples_alone_are_refused(concepts, image):
    with pytest.raises(PromptError, match="needs a phrase or a positive example"):
        concepts.find(image, [Prompt.example(None, Prompt.box(*DOG), positive=False)])


def test_an_example_where_the_segmenter_finds_nothing_is_refused(concepts, image):
    with pytest.raises(PromptError, match="finds no object at the example"):
        concepts.find(image, [Prompt.example(None, Prompt.points([(50, 50), (50, 50)], [True, False]))])


def test_an_image_is_encoded_once_for_all_concepts(concepts, model, image):
    session = concepts.open(image)
    for _ in range(3):
        session.find([Prompt.text("cat"), Prompt.example(None, Prompt.box(*DOG)), Prompt.example(image, Prompt.box(*DOG))])
    assert model.encoded == 1


def test_the_query_of_another_image_is_kept(concepts, model, image, photo):
    session, other = concepts.open(image), photo(100, 100, 5)
    expected = session.find([Prompt.example(other, Prompt.box(*DOG))])
    again = concepts.open(image).find([Prompt.example(other, Prompt.box(*DOG))])
    assert again[0].masks == expected[0].masks
    assert model.encoded == 3
    concepts.open(image).find([Prompt.example(other, Prompt.box(*CATS[0]))])
    assert model.encoded == 5  # Another place in it is another query.


def test_embeddings_are_kept_in_a_cache(concepts, model, image):
    cached = concepts.with_cache(EmbeddingCache())
    first, second = (cached.find(image, [Prompt.text("cat")])[0] for _ in range(2))
    assert first.masks == second.masks
    assert model.encoded == 1


def test_the_provenance_names_both_models(model):
    segmenter = FakeSegmenter(provenance=Provenance("masks", "fake", "2", {"decoder": 64 * "1"}, "MIT"))
    provenance = Owlv2Concepts(model, segmenter).provenance
    assert provenance.weights == {"numbers": 64 * "0", "masks/decoder": 64 * "1"}
    assert provenance.license == "Apache-2.0 AND MIT"
    assert "masks by masks (2)" in provenance.version


def test_a_segmenter_without_boxes_is_refused(model):
    class Points(FakeSegmenter):
        accepts = frozenset({"point"})

    with pytest.raises(ConfigError, match="takes no boxes"):
        Owlv2Concepts(model, Points())


@pytest.mark.parametrize(
    ("option", "value"), [("threshold", 2), ("nms", -1), ("max_instances", 0), ("max_instances", 10**6), ("nms", None)]
)
def test_an_option_out_of_its_range_is_refused(option, value):
    with pytest.raises(ConfigError, match=f"option {option}"):
        Owlv2ConceptSettings.checked({**OPTIONS, option: value})
