"""What a DETR finds in its output: labels, thresholds and duplicates."""

import numpy as np
import pytest

from promptseg.errors import BackendError
from promptseg.models.detr.output import DetrOutput, search

SCORES = np.array([[0.9, 0.2, 0.6], [0.1, 0.8, 0.05], [0.3, 0.3, 0.7]], np.float32)
ALL = np.ones(3, bool)
NAMES = {0: "dog", 1: "cat", 2: "ball"}


def found(labels=NAMES, usable=ALL, threshold=0.25, most=300):
    result = search(SCORES, labels, usable, threshold, most)
    return list(zip(result.rows.tolist(), result.labels, result.scores.tolist(), strict=True)), result.best


def test_every_score_above_the_threshold_is_a_detection_and_the_best_are_first():
    pairs, _ = found(threshold=0.5)
    assert pairs == [
        (0, "dog", pytest.approx(0.9)),
        (1, "cat", pytest.approx(0.8)),
        (2, "ball", pytest.approx(0.7)),
        (0, "ball", pytest.approx(0.6)),
    ]


def test_a_score_at_the_threshold_is_not_above_it():
    assert len(found(threshold=float(SCORES[2, 2]))[0]) == 2


def test_classes_of_one_label_give_one_detection_of_a_box():
    pairs, best = found({0: "pet", 1: "pet"})
    assert [(row, label) for row, label, _ in pairs] == [(0, "pet"), (1, "pet"), (2, "pet")]
    assert best == {"pet": pytest.approx(0.9)}


def test_classes_that_nobody_asked_for_take_no_places():
    assert [row for row, _, _ in found({1: "cat"}, most=2)[0]] == [1, 2]


def test_the_best_score_of_a_label_is_known_below_the_threshold():
    assert found(threshold=0.95) == ([], {"dog": pytest.approx(0.9), "cat": pytest.approx(0.8), "ball": pytest.approx(0.7)})


def test_boxes_without_an_area_count_for_nothing():
    pairs, best = found({0: "dog"}, usable=np.array([False, True, True]), threshold=0)
    assert [row for row, _, _ in pairs] == [2, 1]
    assert best == {"dog": pytest.approx(0.3)}
    assert found(usable=~ALL) == ([], {})


@pytest.mark.parametrize(
    ("scores", "boxes", "message"),
    [
        (np.zeros((2, 3)), np.zeros((3, 4)), r"scores \(2, 3\) and boxes \(3, 4\)"),
        (np.zeros((2, 3)), np.zeros((2, 5)), r"boxes \(2, 5\)"),
        (np.zeros((2, 2)), np.zeros((2, 4)), "scores of 2 classes, and has a name for class 2"),
        (np.full((2, 3), np.nan), np.zeros((2, 4)), "NaN or infinity"),
        (np.zeros((2, 3)), np.full((2, 4), np.inf), "NaN or infinity"),
    ],
)
def test_an_output_that_does_not_fit_is_refused(scores, boxes, message):
    with pytest.raises(BackendError, match=message):
        DetrOutput(scores, boxes).check((0, 2), "tiny")
