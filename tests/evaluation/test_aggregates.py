"""Aggregates of given rows, computed by hand."""

import pytest

from promptseg.evaluation.aggregates import Aggregates
from promptseg.evaluation.rows import ObjectRow


def row(number=0, **more):
    values = dict.fromkeys(("iou", "dice", "precision", "recall", "boundary_iou", "boundary_f"), 0.5)
    values |= {
        "name": f"a#{number}",
        "image": "a",
        "group": f"g{number}",
        "label": None,
        "area": 100,
        "height": 40,
        "width": 60,
        "truth": "0",
    }
    return ObjectRow(**values | more)


def aggregates(*rows, prompt="box"):
    return Aggregates("model", prompt, 0, "data", rows, ())


def test_the_bias_of_scores_above_the_iou_is_positive():
    calibration = aggregates(row(0, score=0.9, iou=0.5), row(1, score=0.7, iou=0.9)).calibration
    assert calibration["bias"] == pytest.approx(0.1)
    assert calibration["error"] == pytest.approx(0.3)
    assert calibration["correlation"] == pytest.approx(-1)


def test_an_object_that_never_reaches_the_goal_counts_with_the_maximum_number_of_clicks():
    clicks = aggregates(row(0, click_ious=(0.5, 0.86)), row(1, click_ious=(0.5, 0.6, 0.7, 0.8)), prompt="clicks:4").clicks
    assert clicks["to_85"] == {"mean": 3, "reached": 0.5}
    assert clicks["to_90"] == {"mean": 4, "reached": 0}


def test_an_object_without_an_error_left_keeps_its_last_iou():
    clicks = aggregates(row(0, click_ious=(0.6, 0.8)), row(1, click_ious=(0.2, 0.4, 0.6)), prompt="clicks:3").clicks
    assert clicks["iou_mean_after"] == pytest.approx([0.4, 0.6, 0.7])
