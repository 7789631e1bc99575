"""Thresholds of phrases, calibrated on images without the objects."""

import numpy as np
import pytest

from promptseg.calibration.thresholds import calibrate_thresholds
from promptseg.detections import Detections
from promptseg.errors import ConfigError, InputError, PromptError
from promptseg.pipeline.config import DetectStage

BOX = (0, 0, 5, 5)


class Listed:
    """Detector with given detections for each image, which is represented by its index."""

    def __init__(self, *found):
        self.found = found

    def detect(self, image, phrases=None):
        rows = [(label, score) for label, score in self.found[image] if any(label in phrase.split("|") for phrase in phrases)]
        return Detections((9, 9), [BOX] * len(rows), [score for _, score in rows], [label for label, _ in rows])


DETECTOR = Listed([("dog", 0.25), ("dog", 0.4), ("car", 0.1)], [("dog", 0.3)], [], [("dog", 0.2)])


def test_a_threshold_is_just_above_what_images_without_the_object_gave():
    scores = calibrate_thresholds(DETECTOR, range(4), ["dog", "car|automobile"])
    assert scores == {
        "dog": float(np.nextafter(np.float32(0.4), np.float32(1))),
        "car": float(np.nextafter(np.float32(0.1), np.float32(1))),
    }
    assert np.float32(scores["dog"]) > np.float32(0.4)


def test_a_share_of_false_alarms_lets_the_highest_go():
    scores = calibrate_thresholds(DETECTOR, range(4), ["dog"], false_alarms=0.25)
    assert scores["dog"] == pytest.approx(0.3)
    assert sum(any(np.float32(score) >= scores["dog"] for _, score in rows) for rows in DETECTOR.found) == 1


def test_a_share_allows_whole_images_only_rounded_down():
    scores = [calibrate_thresholds(DETECTOR, range(4), ["dog"], false_alarms=share) for share in (0.25, 0.45, 0.5)]  # 1, 1.8 and 2 images.
    assert [one["dog"] for one in scores] == pytest.approx([0.3, 0.3, 0.2])


def test_a_phrase_found_no_more_often_than_allowed_keeps_the_threshold_of_the_detector():
    assert list(calibrate_thresholds(DETECTOR, range(4), ["dog", "car"], false_alarms=0.25)) == ["dog"]
    assert calibrate_thresholds(DETECTOR, [2], ["dog", "car"]) == {}


def test_no_threshold_is_above_1():
    scores = calibrate_thresholds(Listed([("dog", 1.0), ("car", np.nextafter(np.float32(1), np.float32(0)))]), [0], ["dog", "car"])
    assert scores == {"dog": 1.0, "car": 1.0}
    assert DetectStage(model="any", thresholds=scores).thresholds == scores


def test_no_images_are_refused():
    with pytest.raises(InputError, match="no images"):
        calibrate_thresholds(DETECTOR, [], ["dog"])


def test_no_phrases_are_refused():
    with pytest.raises(PromptError):
        calibrate_thresholds(DETECTOR, [0], [])


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_out_of_range_is_refused_with_its_value(share):
    with pytest.raises(ConfigError, match=str(share)):
        calibrate_thresholds(DETECTOR, [0], ["dog"], false_alarms=share)
