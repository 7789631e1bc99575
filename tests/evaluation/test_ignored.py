"""Void pixels and crowds are neither object nor background: nothing that is measured depends on them."""

import json

import numpy as np
import pytest
from PIL import Image

from promptseg import metrics
from promptseg.datasets.core import AnnotatedObject
from promptseg.datasets.formats.paired_masks import read_paired_masks
from promptseg.errors import InputError
from promptseg.evaluation.baselines import prompt_baseline
from promptseg.evaluation.failures import find_failures
from promptseg.evaluation.predictions import count_unmatched, match_masks, predict_by_clicks
from promptseg.evaluation.run import evaluate
from promptseg.evaluation.simulation import Clicks, PointGrid, generator, parse_prompt_protocol
from promptseg.evaluation.video import evaluate_video, read_sequences
from promptseg.masks import Mask, Masks
from promptseg.prompts import Prompt
from promptseg.testing import FakeSegmenter

SIZE = (40, 60)


def rectangle(x0, y0, x1, y1, size=SIZE):
    array = np.zeros(size, bool)
    array[y0:y1, x0:x1] = True
    return Mask.from_array(array)


TRUTH = rectangle(10, 10, 30, 20)  # 200 pixels
VOID = rectangle(30, 0, 40, 40)  # 400 pixels right of it
PREDICTION = rectangle(15, 10, 45, 20)  # 150 on the object, 100 on void, 50 beyond it


def test_the_iou_is_that_of_voc():
    """VOC: true positives / (true positives + false positives + false negatives), all counted on pixels that are not void."""
    assert metrics.iou(PREDICTION, TRUTH, ignored=VOID) == 150 / (150 + 50 + 50)
    found = metrics.measure(PREDICTION, TRUTH, ignored=VOID)
    assert (found.iou, found.dice) == (0.6, 2 * 150 / (200 + 200))
    assert (found.precision, found.recall) == (150 / 200, 150 / 200)


@pytest.mark.parametrize("metric", ["iou", "dice", "precision", "recall", "boundary_iou", "boundary_f"])
def test_no_metric_depends_on_what_lies_in_void(metric):
    measure = getattr(metrics, metric)
    on_void = [PREDICTION, rectangle(15, 10, 30, 20), Mask.from_array(PREDICTION.array | VOID.array)]
    beyond = rectangle(40, 10, 45, 20).array
    values = {measure(Mask.from_array(one.array | beyond), TRUTH, ignored=VOID) for one in on_void}
    assert len(values) == 1
    assert values.pop() < 1
    right = Mask.from_array(TRUTH.array | VOID.array)
    assert measure(right, TRUTH, ignored=VOID) == 1
    assert measure(right, TRUTH) < 1 or metric == "recall"
    assert measure(PREDICTION, TRUTH, ignored=rectangle(0, 0, 0, 0)) == measure(PREDICTION, TRUTH)


def test_where_all_is_void_nothing_was_to_be_found():
    assert metrics.iou(VOID, rectangle(32, 5, 35, 9), ignored=VOID) == 1


def test_void_of_another_size_is_refused():
    with pytest.raises(InputError, match=r"got \(40, 60\) and \(5, 5\)"):
        metrics.iou(PREDICTION, TRUTH, ignored=np.ones((5, 5), bool))


def test_baselines_count_without_void():
    filled = Prompt.box(10, 10, 40, 20)
    assert prompt_baseline(filled, TRUTH, VOID) == {"filled_box": 1.0}
    assert prompt_baseline(None, TRUTH, VOID) == {"whole_image": 200 / (40 * 60 - 400)}


def test_no_point_of_a_grid_is_on_void():
    void = rectangle(12, 0, 18, 40)
    truth = metrics.without(TRUTH, void)
    prompt = PointGrid(3).prompt(truth, generator(0, "a"), void)
    assert prompt.xy.tolist() == [[20, 11], [26, 11], [20, 15], [26, 15], [20, 18], [26, 18]]
    assert len(PointGrid(3).prompt(truth, generator(0, "a")).xy) == 9


def test_no_click_corrects_what_lies_on_void():
    class Session:
        """Predicts the object with all of the void pixels, and one wrong column beyond them."""

        clicks = ()

        def segment(self, prompts):
            self.clicks = [(x, y, bool(on)) for (x, y), on in zip(prompts[0].xy.tolist(), prompts[0].foreground, strict=True)]
            return [Mask.from_array(TRUTH.array | VOID.array | rectangle(40, 10, 41, 20).array)]

    session = Session()
    (found,) = predict_by_clicks(session, Clicks(2), [AnnotatedObject("a", TRUTH)], VOID)
    assert found.click_ious == (200 / 210, 200 / 210)
    assert session.clicks == [(14, 14, True), (40, 10, False)]


def test_masks_are_matched_by_what_is_not_void_and_those_on_void_are_not_counted():
    objects = [AnnotatedObject("a", TRUTH), AnnotatedObject("b", rectangle(41, 10, 60, 20))]
    half, over = rectangle(10, 10, 20, 20), Mask.from_array(TRUTH.array | VOID.array)
    found = Masks([half, over, rectangle(31, 25, 45, 35), rectangle(0, 30, 5, 40)])
    predictions = match_masks(found, objects, VOID)
    assert predictions[0].mask is over
    assert match_masks(found, objects)[0].mask is half
    assert count_unmatched(found, predictions, VOID) == 2  # `half` and the last; the third is mostly void.


@pytest.fixture
def folder(tmp_path, photo):
    """One image whose object 1 has a void border of 4 pixels."""
    values = np.zeros(SIZE, np.uint8)
    values[6:24, 6:34] = 255
    values[10:20, 10:30] = 1
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    Image.fromarray(photo(*SIZE)).save(tmp_path / "images" / "a.png")
    Image.fromarray(values).save(tmp_path / "masks" / "a.png")
    return tmp_path


class Wide(FakeSegmenter):
    """Predicts the box of a prompt, larger by 3 pixels on each side: on void pixels only."""

    def open(self, image):
        session = super().open(image)

        class Larger:
            size, timings, provenance, image = session.size, session.timings, session.provenance, session.image

            def segment(self, prompts, *, candidates=False):
                grown = [Prompt.box(*(p.xyxy + np.array([-3, -3, 3, 3]))) if p.xyxy is not None else p for p in prompts]
                return session.segment(grown, candidates=candidates)

        return Larger()


def test_an_evaluation_leaves_void_out_of_rows_means_baselines_and_says_so(folder):
    run = evaluate(read_paired_masks(folder / "images", folder / "masks"), model=Wide(), prompt="box")
    (row,) = run.rows
    assert (row.iou, row.boundary_f, row.area) == (1, 1, 200)
    assert row.baselines["filled_box"] == 1
    assert row.mask.area > 200  # As it was predicted.
    assert run.images[0].ignored == 18 * 28 - 200
    assert run.images[0].iou == 1
    assert "304 ignored pixels (void or crowds) of 1 image are left out" in str(run)
    assert json.loads(json.dumps(run.to_dict()))["per_image"][0]["ignored"] == 304


@pytest.mark.parametrize("protocol", ["box", "point", "point:random", "grid:5", "clicks:6", "everything:4"])
def test_every_protocol_evaluates_without_void(protocol, folder):
    values = np.asarray(Image.open(folder / "masks" / "a.png")).copy()
    values[12:16, 14:22] = 255  # Within the object, too.
    Image.fromarray(values).save(folder / "masks" / "a.png")
    run = evaluate(read_paired_masks(folder / "images", folder / "masks"), model=FakeSegmenter(), prompt=protocol)
    void = np.asarray(Image.open(folder / "masks" / "a.png")) == 255
    (row,) = run.rows
    assert not any(void[int(y), int(x)] for x, y, _ in row.points)
    mask, truth = row.mask.array & ~void, np.asarray(Image.open(folder / "masks" / "a.png")) == 1
    assert row.iou == pytest.approx((mask & truth).sum() / (mask | truth).sum())
    assert run.prompt == parse_prompt_protocol(protocol).name


def test_failures_are_described_without_void(folder):
    dataset = read_paired_masks(folder / "images", folder / "masks")
    run = evaluate(dataset, model=FakeSegmenter(), prompt="box")
    traits = find_failures(run, dataset).traits[run.rows[0].name]
    assert traits.area == 200 / (40 * 60)
    assert traits.contrast is None  # Around the object is nothing but void.


class TestCrowds:
    def dataset(self, tmp_path, photo, *crowd):
        from promptseg.datasets.reading import open_dataset

        (tmp_path / "im").mkdir()
        Image.fromarray(photo(*SIZE)).save(tmp_path / "im" / "a.png")
        annotations = [
            {"id": number, "image_id": 1, "category_id": 1, "iscrowd": int(is_crowd), "bbox": [0, 0, 9, 9], "area": 9}
            | {"segmentation": one.to_coco_rle() if is_crowd else [[10, 10, 30, 10, 30, 20, 10, 20]]}
            for number, (one, is_crowd) in enumerate(crowd, 1)
        ]
        content = {"images": [{"id": 1, "file_name": "a.png", "height": 40, "width": 60}], "annotations": annotations}
        (tmp_path / "c.json").write_text(json.dumps({**content, "categories": [{"id": 1, "name": "cat"}]}))
        return open_dataset(tmp_path / "im", coco=tmp_path / "c.json")

    def test_where_all_objects_are_crowds_the_message_says_so(self, tmp_path, photo):
        data = self.dataset(tmp_path, photo, (VOID, True))
        with pytest.raises(InputError, match=r"no object to evaluate .*; 1 of its 1 image has ignored regions instead.*iscrowd to 0"):
            evaluate(data, model=FakeSegmenter())

    def test_an_object_within_a_crowd_is_left_out_and_named(self, tmp_path, photo):
        data = self.dataset(tmp_path, photo, (TRUTH, False), (rectangle(0, 0, 60, 40), True))
        with pytest.raises(InputError, match="no object to evaluate") as caught:
            evaluate(data, model=FakeSegmenter())
        assert "all pixels of the object are in ignored regions" in str(caught.value)

    def test_an_object_counts_where_no_crowd_covers_it(self, tmp_path, photo):
        data = self.dataset(tmp_path, photo, (TRUTH, False), (rectangle(20, 0, 60, 40), True))
        (row,) = evaluate(data, model=FakeSegmenter(), prompt="box").rows
        assert (row.area, row.box) == (100, (10, 10, 20, 20))


class TestVideo:
    def root(self, tmp_path, *labels):
        for name in ("JPEGImages", "Annotations", "predicted"):
            (tmp_path / name / "a").mkdir(parents=True)
        for frame, values in enumerate(labels):
            Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(tmp_path / "JPEGImages" / "a" / f"{frame:05}.jpg")
            Image.fromarray(values).save(tmp_path / "Annotations" / "a" / f"{frame:05}.png")
        return tmp_path

    def labels(self, truth, void):
        values = np.zeros(SIZE, np.uint8)
        values[void.array], values[truth.array] = 255, 1
        return values

    def test_void_of_davis_2017_is_left_out(self, tmp_path):
        root = self.root(tmp_path, self.labels(TRUTH, VOID), self.labels(rectangle(0, 0, 0, 0), VOID))
        for frame in range(2):
            Image.fromarray(PREDICTION.array.astype(np.uint8)).save(root / "predicted" / "a" / f"{frame:05}.png")
        (score,) = evaluate_video(root / "predicted", root)
        assert score.objects[1].j == (0.6, 0)
        (sequence,) = read_sequences(root)
        assert sequence.truth(1) == {}  # Nothing but void, and not an object 255.
        assert sequence.ignored(1).area == 400

    def test_a_prediction_that_differs_on_void_alone_is_right(self, tmp_path):
        root = self.root(tmp_path, self.labels(TRUTH, VOID))
        Image.fromarray((TRUTH.array | VOID.array).astype(np.uint8)).save(root / "predicted" / "a" / "00000.png")
        (score,) = evaluate_video(root / "predicted", root)
        assert (score.j, score.f, score.switches) == (1, 1, 0)

    def test_in_black_and_white_255_is_the_object(self, tmp_path):
        root = self.root(tmp_path, TRUTH.array * np.uint8(255), np.zeros(SIZE, np.uint8))
        (sequence,) = read_sequences(root)
        assert (sequence.truth(0)[1].area, sequence.truth(1), sequence.ignored(0)) == (200, {}, None)
