import numpy as np
import pytest

from promptseg.errors import BackendError, WeightsMismatchError
from promptseg.models.yolo.output import Output, YoloMetadata, decode

TWO = YoloMetadata(("dog", "cat"), 32, (64, 64))


def output(*anchors):
    """Return predictions of two classes; each anchor is ``(cx, cy, w, h, dog, cat, …)``."""
    return Output(np.array(anchors, np.float32).T)


def found(*anchors, classes=(0, 1), threshold=0.25, iou=0.5, max_detections=300, metadata=TWO):
    return decode(output(*anchors), metadata, classes, threshold, iou, max_detections)


def test_a_box_is_made_of_its_center_and_size():
    assert found((20, 30, 10, 4, 0.9, 0.1)).boxes.tolist() == [[15, 28, 25, 32]]


def test_a_box_has_the_class_that_scores_highest():
    result = found((20, 30, 10, 4, 0.3, 0.8), (50, 30, 10, 4, 0.6, 0.5))
    assert result.classes.tolist() == [1, 0]
    assert result.scores.tolist() == pytest.approx([0.8, 0.6])


def test_a_box_whose_best_class_is_not_wanted_is_not_found_as_its_second_best():
    assert len(found((20, 30, 10, 4, 0.3, 0.8), classes=[0])) == 0


def test_boxes_are_best_first():
    result = found((10, 10, 4, 4, 0.5, 0), (30, 10, 4, 4, 0.9, 0), (50, 10, 4, 4, 0, 0.7))
    assert result.scores.tolist() == pytest.approx([0.9, 0.7, 0.5])


def test_a_score_must_exceed_the_threshold():
    assert len(found((20, 30, 10, 4, 0.25, 0))) == 0
    assert len(found((20, 30, 10, 4, 0.26, 0))) == 1


def test_of_boxes_that_overlap_the_best_of_each_class_stays():
    same = ((20, 30, 10, 10, 0.6, 0), (20, 30, 10, 10, 0.8, 0), (20, 30, 10, 10, 0, 0.7))
    result = found(*same)
    assert result.classes.tolist() == [0, 1]
    assert result.scores.tolist() == pytest.approx([0.8, 0.7])


def test_boxes_that_overlap_as_much_as_allowed_both_stay():
    halves = ((20, 30, 10, 10, 0.6, 0), (20, 30, 10, 5, 0.8, 0))  # IoU 0.5
    assert len(found(*halves, iou=0.5)) == 2
    assert len(found(*halves, iou=0.49)) == 1


def test_the_best_so_many_are_kept():
    anchors = [(10 * i, 10, 4, 4, i / 100, 0) for i in range(30, 80)]
    assert found(*anchors, max_detections=3).scores.tolist() == pytest.approx([0.79, 0.78, 0.77])


def test_nothing_over_the_threshold_is_no_box():
    result = found((20, 30, 10, 4, 0.1, 0.1))
    assert len(result) == 0
    assert result.boxes.shape == (0, 4)


def test_boxes_far_apart_in_one_class_all_stay_a_thousand_of_them():
    grid = [(8 * (i % 40) + 4, 8 * (i // 40) + 4, 6, 6, 0.9, 0) for i in range(1000)]
    assert len(found(*grid, max_detections=2000)) == 1000


def test_coefficients_stay_with_their_boxes():
    rows = output((20, 30, 10, 4, 0.5, 0, 1, 2), (50, 30, 10, 4, 0.9, 0, 3, 4))
    result = decode(Output(rows.predictions, np.zeros((2, 4, 4), np.float32)), TWO, [0], 0.25, 0.5, 300)
    assert result.coefficients.tolist() == [[3, 4], [1, 2]]


def test_an_end_to_end_model_gives_boxes_that_are_only_filtered():
    metadata = YoloMetadata(("dog", "cat"), 32, (64, 64), end_to_end=True)
    rows = np.array([[1, 2, 3, 4, 0.9, 1], [1, 2, 3, 4, 0.8, 1], [5, 6, 7, 8, 0.7, 0], [0, 0, 0, 0, 0, 0]], np.float32)
    result = decode(Output(rows), metadata, [1], 0.25, 0.5, 300)
    assert result.boxes.tolist() == [[1, 2, 3, 4]] * 2
    assert len(decode(Output(rows), metadata, [0, 1], 0.25, 0.5, 2)) == 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_an_error(value):
    with pytest.raises(BackendError, match="NaN or infinity"):
        found((20, value, 10, 4, 0.9, 0))


@pytest.mark.parametrize(
    ("shape", "prototypes", "end_to_end", "expected"),
    [((7, 10), 0, False, 6), ((6, 10), 3, False, 9), ((6,), 0, False, 6), ((10, 7), 0, True, 6), ((10, 6), 2, True, 8)],
)
def test_an_output_of_another_shape_is_refused_with_what_was_expected(shape, prototypes, end_to_end, expected):
    kind = Output(np.zeros(shape, np.float32), np.zeros((prototypes, 4, 4), np.float32) if prototypes else None)
    with pytest.raises(WeightsMismatchError, match=rf"is not a YOLO detector: its output has shape .*expected {expected} values per box"):
        kind.check(YoloMetadata(("dog", "cat"), 32, (64, 64), end_to_end=end_to_end), "tiny")


def test_an_output_of_the_right_shape_is_taken():
    Output(np.zeros((9, 10), np.float32), np.zeros((3, 4, 4), np.float32)).check(TWO, "tiny")
    Output(np.zeros((300, 6), np.float32)).check(YoloMetadata(("dog",), 32, (64, 64), end_to_end=True), "tiny")
