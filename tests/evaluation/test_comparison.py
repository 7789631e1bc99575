from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg.datasets.core import Finding
from promptseg.errors import ConfigError, InputError
from promptseg.evaluation.comparison import compare
from promptseg.evaluation.statistics import estimate
from promptseg.evaluation.train_overlap import training_images
from promptseg.testing import FakeSegmenter


@pytest.fixture
def run(dataset):
    return promptseg.evaluate(dataset, model=FakeSegmenter(radius=7.5), prompt="box", baselines=False)


def changed(run, ious, **fields):
    return replace(run, rows=tuple(replace(row, iou=iou) for row, iou in zip(run.rows, ious, strict=True)), **fields)


def test_differences_are_those_of_the_same_objects_whatever_their_order(run):
    ious = [0.9, 0.8, 1.0, 0.1, 1.0, 0.7]
    other = changed(run, ious, model="other")
    other = replace(other, rows=other.rows[::-1])
    (pair,) = compare([run, other]).pairs
    differences = [iou - row.iou for iou, row in zip(ious, run.rows, strict=True)]
    assert pair.name == "other by box"
    assert pair.mean == pytest.approx(np.mean(ious))
    assert pair.all.estimate == estimate(differences, [row.image for row in run.rows])
    assert (pair.all.wins, pair.all.losses, pair.all.ties) == (
        sum(d > 0 for d in differences),
        sum(d < 0 for d in differences),
        sum(d == 0 for d in differences),
    )


def test_the_paired_interval_of_a_small_even_gain_is_above_zero_where_the_means_overlap(run):
    random = np.random.default_rng(0)
    rows = [replace(run.rows[0], name=f"{i}#1", image=f"{i}", group=f"{i}", iou=float(random.uniform(0.1, 0.8))) for i in range(40)]
    first = replace(run, rows=tuple(rows))
    second = changed(first, [row.iou + 0.02 + 0.01 * random.normal() for row in rows])
    (pair,) = compare([first, second]).pairs
    assert pair.all.estimate.ci95[0] > 0
    assert second.metrics["iou"].ci95[0] < first.metrics["iou"].mean


def test_a_run_against_itself_has_no_difference(run):
    (pair,) = compare([run, run]).pairs
    assert (pair.all.estimate.mean, pair.all.estimate.ci95, pair.all.ties) == (0, (0, 0), 6)


def test_differences_are_broken_down_by_size_and_class(run):
    rows = [replace(row, area=50_000) if row.label == "1" else row for row in run.rows]
    first = replace(run, rows=tuple(rows))
    second = changed(first, [row.iou - 0.1 if row.label == "1" else row.iou + 0.2 for row in rows])
    (pair,) = compare([first, second]).pairs
    assert {name: round(one.estimate.mean, 6) for name, one in pair.by_size.items()} == {"large": -0.1, "small": 0.2}
    assert {name: (one.wins, one.losses) for name, one in pair.by_class.items()} == {"1": (0, 3), "2": (3, 0)}
    assert "class 2: +0.2000" in str(compare([first, second]))


def test_several_runs_are_each_compared_with_the_first(run):
    comparison = compare([run, run, changed(run, [0] * 6)], "iou")
    assert [pair.name for pair in comparison.pairs] == ["fake-segmenter by box (2)", "fake-segmenter by box (3)"]
    assert comparison.pairs[1].mean == 0


def test_runs_on_different_objects_are_refused_by_name(run):
    fewer = replace(run, rows=run.rows[1:], model="fewer")
    with pytest.raises(InputError, match=r"fewer by box lacks 0\.png#1") as caught:
        compare([run, fewer])
    assert "cannot be compared" in str(caught.value)
    with pytest.raises(InputError, match=r"fewer by box lacks 0\.png#1"):
        compare([fewer, run])
    many = replace(run, rows=run.rows[:1])
    with pytest.raises(InputError, match=r"lacks 0\.png#2, 1\.png#1, 1\.png#2 and 2 more"):
        compare([run, many])


def test_an_object_whose_truth_changed_is_another_object(run):
    other = replace(run, rows=(replace(run.rows[0], truth="another"), *run.rows[1:]))
    with pytest.raises(InputError, match=r"the true mask differs for 0\.png#1"):
        compare([run, other])


def test_images_that_a_model_was_trained_on_are_told_under_whatever_name(run, folder, tmp_path, photo):
    (tmp_path / "train").mkdir()
    Image.open(folder / "images" / "1.png").save(tmp_path / "train" / "renamed.bmp")
    Image.fromarray(photo(60, 80, seed=9)).save(tmp_path / "train" / "1.png")
    comparison = compare([run, run], trained_on=training_images([tmp_path / "train"]))
    assert comparison.overlap == {"1.png": (str(tmp_path / "train" / "renamed.bmp"),)}
    assert compare([run, run]).overlap == {}


def test_too_few_runs_and_unknown_metrics_are_refused(run):
    with pytest.raises(ConfigError, match="two runs or more, got 1"):
        compare([run])
    with pytest.raises(ConfigError, match="no metric 'f1'"):
        compare([run, run], "f1")


def test_runs_with_different_seeds_say_so(run):
    assert compare([run, replace(run, seed=7)]).pairs[0].name == "fake-segmenter by box, seed 7"


def test_what_a_run_tells_of_its_training_is_told_again(run):
    told = replace(run, findings=(Finding("0.png", "trained", "the model was trained on it"),))
    assert compare([run, told]).overlap == {"0.png": ()}


def test_names_stand_before_model_and_prompt(run):
    comparison = compare([run, replace(run, seed=7)], names=["a", "b"])
    assert (comparison.first, comparison.pairs[0].name) == ("a (fake-segmenter by box, seed 0)", "b (fake-segmenter by box, seed 7)")
