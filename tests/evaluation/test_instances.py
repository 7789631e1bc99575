"""Figures of instances, each computed by hand on a tiny case."""

import numpy as np
import pytest

from promptseg import Mask, Masks
from promptseg.datasets.core import AnnotatedObject
from promptseg.evaluation.instances import Found, average_precision, f1, hits, matched_ious, matthews, positive_micro_f1, roc_auc


def square(x, y, side, score=None):
    return Mask.from_crop(np.ones((side, side), bool), (x, y), (20, 20), score=score)


def test_average_precision_is_the_mean_of_the_best_precision_over_101_recalls():
    # Three masks: right, wrong, right; of two instances. Precision 1 up to a recall of .5, which is 51 of the recalls, then 2 / 3.
    assert average_precision([0.9, 0.8, 0.7], [True, False, True], 2) == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)


def test_average_precision_orders_masks_by_score():
    assert average_precision([0.7, 0.9, 0.8], [True, True, False], 2) == average_precision([0.9, 0.8, 0.7], [True, False, True], 2)


def test_average_precision_is_that_of_the_coco_api():
    from pycocotools.cocoeval import COCOeval

    random = np.random.default_rng(3)
    scores, found = random.random(40), random.random(40) < 0.4
    judge = COCOeval(iouType="segm")
    judge.params.imgIds, judge.params.catIds, judge.params.useCats = [1], [1], 1
    judge.params.maxDets, judge.params.areaRng, judge.params.areaRngLbl = [100], [[0, 1e10]], ["all"]
    judge.params.iouThrs = np.array([0.5])
    order = np.argsort(-scores, kind="stable")
    one = {
        "dtScores": scores[order],
        "dtMatches": found[order][None].astype(float),
        "dtIgnore": np.zeros((1, 40)),
        "gtIgnore": np.zeros(25),
    }
    judge.evalImgs, judge._paramsEval = [one], judge.params
    judge.accumulate()
    assert average_precision(scores, found, 25) == pytest.approx(judge.eval["precision"].mean())


@pytest.mark.parametrize(("found", "instances", "expected"), [([], 2, 0.0), ([False], 1, 0.0), ([True], 1, 1.0), ([False], 0, None)])
def test_average_precision_of_nothing_and_of_everything(found, instances, expected):
    assert average_precision([0.5] * len(found), found, instances) == expected


def test_f1_counts_masks_and_instances():
    assert f1(3, 4, 5) == pytest.approx(6 / 9)
    assert f1(0, 0, 0) is None


def test_auc_is_the_share_of_pairs_in_order_and_ties_count_half():
    # Pairs (present, absent): .9 > .4, .9 > .5, .5 > .4, and .5 = .5.
    assert roc_auc([0.9, 0.5, 0.4, 0.5], [True, True, False, False]) == pytest.approx(3.5 / 4)
    assert roc_auc([0.5, 0.5], [True, False]) == 0.5
    assert roc_auc([0.5, 0.7], [True, True]) is None


def test_matthews_by_hand():
    # 2 right yes, 1 right no, 1 wrong yes, 0 wrong no: (2 * 1 - 1 * 0) / sqrt(3 * 2 * 2 * 1).
    assert matthews([True, True, False, False], [True, True, True, False]) == pytest.approx(2 / 12**0.5)
    assert matthews([True, False], [True, True]) == 0
    assert matthews([True, True], [True, False]) is None


def test_masks_are_matched_by_iou_and_hits_by_score():
    ious = np.array([[0.6, 0.55], [0.9, 0.0], [0.8, 0.7]])
    assert matched_ious(ious).tolist() == [0.0, 0.9, 0.7]  # The second mask is nearer to the first instance than the first mask.
    assert hits(ious, 0.5).tolist() == [True, False, True]  # But it comes later, and the first instance is taken.
    assert hits(ious, 0.75).tolist() == [False, True, False]


def test_pmf1_counts_confident_masks_where_the_concept_is():
    there = Found(1.0, (0.9, 0.6, 0.2), (0.97, 0.52, 0.9), (True, True, True), (True, False, True), (0.97, 0.52))
    not_there = Found(0.0, (0.9,), (0.0,), (False,), (False,), (0.0,))
    # Of two confident masks for two instances, two are right at .5, and one from .55 to .95.
    assert positive_micro_f1([there, not_there], [2, 0]) == pytest.approx((2 * 2 / 4 + 9 * 2 * 1 / 4) / 10)
    assert positive_micro_f1([not_there], [0]) is None


def test_masks_are_compared_with_the_true_instances():
    truth = [AnnotatedObject("a#1", square(0, 0, 10)), AnnotatedObject("a#2", square(10, 10, 10))]
    found = Found.of(Masks([square(10, 10, 8, 0.3), square(0, 0, 10, 0.8), square(15, 0, 2, 0.6)]), truth, 0.7)
    assert (found.presence, found.scores) == (0.7, (0.8, 0.6, 0.3))
    assert found.ious == pytest.approx((1.0, 0.0, 0.64))
    assert (found.hits_50, found.hits_75) == ((True, False, True), (True, False, False))
    assert found.confident == (1.0, 0.0)


def test_masks_on_ignored_pixels_and_empty_masks_do_not_count():
    empty = Mask.from_array(np.zeros((20, 20), bool))
    found = Found.of(Masks([square(0, 0, 4, 0.8), square(10, 10, 4), empty]), [], 0.5, ignored=square(0, 0, 6))
    assert (found.scores, found.ious, found.hits_50) == ((0.0,), (0.0,), (False,))
