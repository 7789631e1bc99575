"""Detections from scores of boxes and phrases: thresholds, order, best scores, pixels."""

import numpy as np
import pytest

from promptseg.errors import ConfigError, PromptError
from promptseg.models.phrases import PhraseSettings, ScoredBoxes, asked_phrases, detections, to_pixels

OPTIONS = {"threshold": 0.05, "thresholds": None, "phrases_per_pass": None}
BOXES = np.array([[0, 0, 10, 10], [5, 5, 20, 20], [3, 3, 3, 9]], np.float32)


def found(scores, settings=None, phrases=(0, 1), asked=("car|camion", "dog")):
    passes = [ScoredBoxes(BOXES, phrases, np.array(scores, np.float32))]
    return detections((30, 40), asked_phrases(asked, "Model"), passes, settings or PhraseSettings())


def test_a_box_that_matches_two_phrases_gives_two_detections_best_first():
    result = found([[0.5, 0.8], [0.6, 0.01], [0, 0]])
    assert result.labels == ("dog", "car", "car")
    assert result.scores.tolist() == pytest.approx([0.8, 0.6, 0.5])
    assert result.boxes.tolist() == [[0, 0, 10, 10], [5, 5, 20, 20], [0, 0, 10, 10]]


def test_a_box_without_an_area_is_no_detection_and_no_best_score():
    result = found([[0.5, 0.02], [0.2, 0.03], [0.9, 0.9]])
    assert result.labels == ("car", "car")
    assert result.best_scores == pytest.approx({"car": 0.5, "dog": 0.03})


def test_phrases_have_thresholds_of_their_own():
    result = found([[0.5, 0.4], [0.3, 0.2], [0, 0]], PhraseSettings.checked({**OPTIONS, "threshold": 0.1, "thresholds": {"car": 0.45}}))
    assert result.labels == ("car", "dog", "dog")


def test_a_score_at_the_threshold_exactly_is_found():
    assert len(found([[0.5, 0], [0.25, 0], [0, 0]], PhraseSettings(threshold=0.5))) == 1


def test_a_pass_tells_of_its_own_phrases_alone():
    result = found([[0.5], [0.3], [0]], phrases=(1,))
    assert set(result.labels) == {"dog"}
    assert result.best_scores == pytest.approx({"dog": 0.5})


def test_no_phrases_at_all_are_asked_for_by_the_name_of_the_model():
    with pytest.raises(PromptError, match="OWLv2 has no fixed classes"):
        asked_phrases(None, "OWLv2")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("threshold", 2),
        ("threshold", "x"),
        ("thresholds", [0.5]),
        ("thresholds", {"car": -1}),
        ("thresholds", {"": 0.5}),
        ("phrases_per_pass", 0),
    ],
)
def test_a_setting_out_of_its_range_is_refused(option, value):
    with pytest.raises(ConfigError, match=option.removesuffix("s")):
        PhraseSettings.checked({**OPTIONS, option: value})


def test_boxes_are_converted_to_pixels_of_the_image():
    boxes = to_pixels(np.array([[0.5, 0.25, 0.2, 0.1], [0.0, 1.0, 0.5, 0.5]], np.float32), (200, 100), (100, 200))
    np.testing.assert_allclose(boxes, [[80, 20, 120, 30], [0, 75, 50, 100]], rtol=1e-6)
    assert boxes.dtype == np.float32


def test_boxes_of_a_padded_input_are_clipped_to_the_image():
    boxes = to_pixels(np.array([[0.5, 0.5, 3, 3], [-1, -1, 0.5, 0.5], [0.5, 0.75, 0.2, 0.2]], np.float32), (200, 200), (100, 200))
    np.testing.assert_allclose(boxes, [[0, 0, 200, 100], [0, 0, 0, 0], [80, 100, 120, 100]], rtol=1e-6)
