"""Objects of a scene compared with the true ones, on figures that can be counted by hand."""

import json

import numpy as np
import pytest

from promptseg import Mask
from promptseg.errors import ConfigError, InputError
from promptseg.evaluation.instances import average_precision, hits, matched_ious
from promptseg.evaluation.scene import SIZES, evaluate_scene
from promptseg.scene_masks import SceneMask, SceneMasks

SIZE = (100_000, 100_000)


def square(x, y, side, **about):
    return SceneMask(Mask.from_array(np.ones((side, side), bool), **about), (x, y))


def scene(*masks):
    return SceneMasks(masks, SIZE)


TRUTH = scene(square(10, 10, 20), square(90_000, 90_000, 50), square(500, 500, 200), square(2000, 10, 20))


def test_the_same_objects_match_whatever_their_order():
    found = evaluate_scene(TRUTH.where([3, 1, 0, 2]), TRUTH)
    assert (found.figures.matched, found.figures.precision, found.figures.recall, found.figures.mean_iou) == (4, 1, 1, 1)
    assert sorted(map(tuple, found.pairs.tolist())) == [(0, 3), (1, 1), (2, 0), (3, 2)]
    assert found.figures.average_precision is None  # Nothing has a score.


def test_missed_additional_and_moved_objects_are_counted():
    shifted = square(15, 10, 20)  # IoU 15 / 25.
    found = evaluate_scene(scene(shifted, square(4000, 4000, 10)), TRUTH).figures
    assert (found.truth, found.predicted, found.matched, found.duplicates) == (4, 2, 1, 0)
    assert (found.precision, found.recall, found.f1) == (1 / 2, 1 / 4, 2 / 6)
    assert found.mean_iou == pytest.approx(0.6)


def test_an_object_that_was_found_twice_is_a_duplicate_and_no_match():
    found = evaluate_scene(scene(square(10, 10, 20), square(11, 10, 20)), TRUTH).figures
    assert (found.matched, found.duplicates, found.precision) == (1, 1, 0.5)


def test_the_best_pair_is_matched_first():
    found = evaluate_scene(scene(square(14, 10, 20), square(11, 10, 20)), scene(square(10, 10, 20)))
    assert found.pairs.tolist() == [[1, 0]]


def test_below_the_iou_nothing_matches():
    assert evaluate_scene(scene(square(15, 10, 20)), TRUTH, iou=0.6).figures.matched == 1
    assert evaluate_scene(scene(square(15, 10, 20)), TRUTH, iou=0.61).figures.matched == 0


def test_figures_are_counted_by_size():
    predicted = scene(square(10, 10, 20), square(500, 500, 200), square(7000, 7000, 60))
    sizes = evaluate_scene(predicted, TRUTH).sizes
    assert list(sizes) == list(SIZES) == ["small", "medium", "large"]
    assert [(each.truth, each.predicted, each.matched) for each in sizes.values()] == [(2, 1, 1), (1, 1, 0), (1, 1, 1)]
    assert [each.recall for each in sizes.values()] == [0.5, 0, 1]


def test_a_pair_has_the_size_of_its_true_object():
    sizes = evaluate_scene(scene(square(0, 0, 33)), scene(square(0, 0, 31))).sizes
    assert (sizes["small"].matched, sizes["medium"].predicted, sizes["medium"].precision) == (1, 0, None)


@pytest.mark.parametrize(("side", "name"), [(31, "small"), (32, "medium"), (95, "medium"), (96, "large")])
def test_the_sizes_are_those_of_coco(side, name):
    sizes = evaluate_scene(scene(), scene(square(0, 0, side))).sizes
    assert [key for key, each in sizes.items() if each.truth] == [name]


def test_labels_matter_only_if_asked():
    predicted = scene(square(10, 10, 20, label="car"), square(500, 500, 200, label="roof"))
    truth = scene(square(10, 10, 20, label="tree"), square(500, 500, 200, label="roof"), square(0, 0, 5))
    assert evaluate_scene(predicted, truth).figures.matched == 2
    found = evaluate_scene(predicted, truth, by_label=True)
    assert found.figures.matched == 1
    assert {name: (each.truth, each.predicted, each.matched) for name, each in found.labels.items()} == {
        "(no label)": (1, 0, 0),
        "car": (0, 1, 0),
        "roof": (1, 1, 1),
        "tree": (1, 0, 0),
    }


def test_nothing_compared_with_nothing_has_no_figures():
    found = evaluate_scene(scene(), scene()).figures
    assert (found.truth, found.predicted, found.precision, found.recall, found.f1, found.mean_iou) == (0, 0, None, None, None, None)


def test_many_objects_match_as_by_the_matrix_of_all_pairs():
    random = np.random.default_rng(5)
    size = (400, 400)

    def squares(count):
        places, sides = random.integers(0, 340, (count, 2)), random.integers(5, 60, count)
        scores = random.random(count).round(3)
        made = [square(int(x), int(y), int(side), score=float(score)) for (x, y), side, score in zip(places, sides, scores, strict=True)]
        return SceneMasks(made, size)

    predicted, truth = squares(300), squares(250)
    ious = predicted.to_masks().iou_matrix(truth.to_masks())
    found = evaluate_scene(predicted, truth, iou=0.3)
    expected = matched_ious(np.where(ious >= 0.3, ious, 0))
    assert np.sort(found.ious) == pytest.approx(np.sort(expected[expected > 0]), abs=1e-6)
    order = np.argsort(-predicted.scores, kind="stable")
    expected = average_precision(predicted.scores[order], hits(ious[order], 0.3), len(truth))
    assert found.figures.average_precision == pytest.approx(expected)


def test_the_result_is_saved_and_shown(tmp_path):
    found = evaluate_scene(scene(square(10, 10, 20, score=0.5)), TRUTH)
    found.save(tmp_path / "scores.json")
    values = json.loads((tmp_path / "scores.json").read_text())
    assert values["format"] == "promptseg-scene-evaluation-1"
    assert values["sizes"]["small"]["recall"] == 0.5
    assert values == found.to_dict()
    assert [line.split()[:4] for line in str(found).splitlines()][:3] == [
        ["objects", "truth", "predicted", "matched"],
        ["all", "4", "1", "1"],
        ["small", "2", "1", "1"],
    ]


@pytest.mark.parametrize("iou", [0, -1, 1.5, float("nan"), "0.5"])
def test_an_iou_is_above_0_and_at_most_1(iou):
    with pytest.raises(ConfigError, match="iou is"):
        evaluate_scene(TRUTH, TRUTH, iou=iou)


def test_objects_of_two_rasters_are_not_compared():
    with pytest.raises(InputError, match=r"of \(10, 10\), the true ones of \(100000, 100000\)"):
        evaluate_scene(SceneMasks([], (10, 10)), TRUTH)
