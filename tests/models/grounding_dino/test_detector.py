"""The detector with a model that looks its logits up: labels, scores and thresholds by phrase, passes, order, refusals."""

import numpy as np
import pytest

from promptseg.errors import ConfigError, InputError, PromptError

pytest.importorskip("tokenizers", reason="Grounding DINO's tokenizer comes with transformers, which is not installed")

from promptseg.models.grounding_dino.detector import GroundingDino
from promptseg.models.grounding_dino.preprocessing import InputSize
from promptseg.models.phrases import PhraseSettings
from promptseg.registry import backends

SIZE = InputSize(48, 80)

OPTIONS = backends()["grounding_dino"].options


def logit(probability):
    return float(np.log(probability / (1 - probability)))


@pytest.fixture
def model(numbers_model, vocabulary):
    """A model with two boxes: a red car, and a dog."""
    scores = {"red": (0.7, 0.1), "car": (0.9, 0.1), "dog": (0.3, 0.6), "camion": (0.8, 0.02), "x": (0.9, 0.9)}
    return numbers_model({vocabulary[word]: tuple(map(logit, each)) for word, each in scores.items()})


@pytest.fixture
def detect(model, tokenizer, photo):
    """A function that detects phrases on an image of 100 by 200 pixels and returns rows of label, score and box."""

    def run(*phrases, **settings):
        detector = GroundingDino(model, tokenizer, PhraseSettings.checked({**OPTIONS, **settings}), SIZE)
        found = detector.detect(photo(100, 200), phrases)
        assert found.size == (100, 200)
        rows = zip(found.labels, found.scores.tolist(), found.boxes.tolist(), strict=True)
        return [(label, round(score, 4), tuple(box)) for label, score, box in rows]

    return run


CAR, DOG = (50.0, 25.0, 150.0, 75.0), (0.0, 0.0, 100.0, 50.0)


def test_a_detection_is_a_box_with_one_phrase_as_written_and_its_score_best_first(detect):
    assert detect("Dog", "Red car.") == [("Red car.", 0.8, CAR), ("Dog", 0.6, DOG), ("Dog", 0.3, CAR), ("Red car.", 0.1, DOG)]


def test_phrases_that_share_a_word_are_told_apart(detect):
    assert detect("car", "red car", threshold=0.5) == [("car", 0.9, CAR), ("red car", 0.8, CAR)]


def test_no_label_is_a_mixture_or_empty(detect):
    assert {label for label, _, _ in detect("red", "red car", "car", "dog", threshold=0)} == {"red", "red car", "car", "dog"}


def test_what_is_found_of_a_phrase_does_not_depend_on_the_others(detect):
    alone = detect("red car")
    for phrases in (("red car", "car", "x"), ("x", "car", "dog", "red car"), ("x", "red car")):
        assert [row for row in detect(*phrases) if row[0] == "red car"] == alone


def test_scores_under_the_threshold_are_left_out(detect):
    assert detect("red car", "dog", threshold=0.29) == [("red car", 0.8, CAR), ("dog", 0.6, DOG), ("dog", 0.3, CAR)]
    assert detect("red car", "dog", threshold=0.81) == []


@pytest.mark.parametrize("phrases_per_pass", [None, 1])
def test_the_best_score_of_each_phrase_is_known_also_below_the_threshold(model, tokenizer, photo, phrases_per_pass):
    settings = PhraseSettings.checked({**OPTIONS, "threshold": 0.85, "phrases_per_pass": phrases_per_pass})
    found = GroundingDino(model, tokenizer, settings, SIZE).detect(photo(100, 200), ("red car", "dog", "car|camion"))
    assert found.labels == ("car",)
    assert found.best_scores == pytest.approx({"red car": 0.8, "dog": 0.6, "car": 0.9})


def test_a_phrase_can_have_a_threshold_of_its_own(detect):
    rows = detect("red car", "dog", "car", threshold=0.5, thresholds={"dog": 0.2, "car": 0.95})
    assert rows == [("red car", 0.8, CAR), ("dog", 0.6, DOG), ("dog", 0.3, CAR)]


def test_the_threshold_of_a_phrase_with_alternatives_goes_by_its_label_or_by_all_of_it(detect):
    for name in ("car", "car|camion"):
        assert detect("car|camion", thresholds={name: 0.91}) == []
        assert detect("car|camion", thresholds={name: 0.9 - 1e-6}) == [("car", 0.9, CAR)]


def test_alternatives_are_one_label_with_the_best_of_their_scores(detect):
    assert detect("camion|car", threshold=0.5) == [("camion", 0.9, CAR)]


def test_a_phrase_given_twice_is_asked_once(detect, model):
    assert detect("dog", " dog ") == detect("dog")
    assert len(set(map(len, model.captions))) == 1


def test_many_phrases_take_several_passes_over_the_same_image(detect, model):
    phrases = [f"{a}{b} car" for a in "abcdefghij" for b in "abcdefghij"]
    rows = detect(*phrases, "dog", threshold=0.01)
    assert len(model.captions) == 2
    assert {label for label, _, _ in rows} == {*phrases, "dog"}
    assert [row for row in rows if row[0] == "dog"] == detect("dog", threshold=0.01)


def test_phrases_can_be_asked_one_by_one(detect, model, tokenizer):
    detect("dog", "red car", phrases_per_pass=1)
    assert [tokens[1:-2] for tokens in model.captions] == [tokenizer("dog"), tokenizer("red car")]


def test_boxes_without_area_are_left_out(numbers_model, tokenizer, vocabulary, photo):
    boxes = [(0.5, 0.5, 0, 0.5), (-2, 0.5, 0.1, 0.1), (0.5, 0.5, 0.1, 0.1)]
    model = numbers_model({vocabulary["dog"]: (5, 5, 5)}, boxes)
    found = GroundingDino(model, tokenizer, input_size=SIZE).detect(photo(100, 200), ["dog"])
    np.testing.assert_allclose(found.boxes, [[90, 45, 110, 55]], rtol=1e-6)


def test_nothing_found_is_no_detections_of_the_images_size(model, tokenizer, photo):
    found = GroundingDino(model, tokenizer, input_size=SIZE).detect(photo(100, 200), ["z"])
    assert (len(found), found.size) == (0, (100, 200))


@pytest.mark.parametrize("phrases", [None, [], "dog", [""], ["dog", "  "], ["dog|"], [3]], ids=repr)
def test_phrases_that_are_none_are_refused_before_the_image_is_read(phrases, model, tokenizer):
    with pytest.raises(PromptError):
        GroundingDino(model, tokenizer, input_size=SIZE).detect("no such image.jpg", phrases)


def test_an_image_that_cannot_be_read_is_refused(model, tokenizer):
    with pytest.raises(InputError, match="no such image"):
        GroundingDino(model, tokenizer, input_size=SIZE).detect("no such image.jpg", ["dog"])


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("threshold", 1.5, "in option threshold is a number from 0 to 1, got 1.5"),
        ("threshold", "high", "got 'high'"),
        ("threshold", float("nan"), "got nan"),
        ("thresholds", {"dog": -1}, "of 'dog' in option thresholds is a number from 0 to 1, got -1"),
        ("thresholds", {" ": 0.5}, "option thresholds: a phrase is text that is not blank"),
        ("thresholds", 0.5, "is a mapping from phrases to minimum scores.*got 0.5"),
        ("phrases_per_pass", 0, "a whole number of at least 1, got 0"),
        ("phrases_per_pass", True, "got True"),
    ],
)
def test_an_impossible_option_is_refused_with_its_value(option, value, message):
    with pytest.raises(ConfigError, match=message):
        PhraseSettings.checked({**OPTIONS, option: value})


def test_a_score_at_the_threshold_is_kept(model, tokenizer, photo):
    def scores(threshold):
        detector = GroundingDino(model, tokenizer, PhraseSettings(threshold), SIZE)
        return detector.detect(photo(100, 200), ["car"]).scores

    best = scores(0.5).max()
    assert scores(float(best)).tolist() == [best]
    assert len(scores(float(np.nextafter(best, np.float32(1))))) == 0
