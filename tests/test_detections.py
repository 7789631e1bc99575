import numpy as np
import pytest

from promptseg.detections import Detections
from promptseg.errors import InputError
from promptseg.masks import Mask, Masks

SIZE = (40, 60)
BOXES = [[1, 2, 30, 20], [5, 5, 10, 10], [0, 0, 60, 40]]


def _masks(count, size=SIZE):
    return Masks([Mask.from_array(np.arange(size[0] * size[1]).reshape(size) <= n) for n in range(count)], size)


def test_the_arrays_line_up():
    found = Detections(SIZE, BOXES, [0.9, 0.5, 0.1], ["cat", "dog", "cat"], _masks(3))
    assert len(found) == 3
    assert found.size == SIZE
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.boxes.tolist() == BOXES
    assert found.labels == ("cat", "dog", "cat")
    assert len(found.masks) == 3


def test_boxes_are_clipped_to_the_image():
    assert Detections(SIZE, [[-5, -5, 100, 90]], [0.5], ["a"]).boxes.tolist() == [[0, 0, 60, 40]]


@pytest.mark.parametrize("empty", [Detections.empty(SIZE), Detections(SIZE, np.zeros((0, 4)), np.zeros(0), [])])
def test_nothing_found_is_a_value_with_shapes(empty):
    assert len(empty) == 0
    assert empty.boxes.shape == (0, 4)
    assert empty.scores.shape == (0,)
    assert empty.labels == ()
    assert empty.masks is None


@pytest.mark.parametrize("boxes", [[1, 2, 3, 4], [[1, 2, 3]], [[[1, 2, 3, 4]]]])
def test_boxes_of_a_wrong_shape_are_refused_with_their_shape(boxes):
    with pytest.raises(InputError, match=r"\(N, 4\).*shape"):
        Detections(SIZE, boxes, [0.5], ["a"])


@pytest.mark.parametrize(("scores", "labels"), [([0.5], ["a", "b"]), ([0.5, 0.5], ["a"]), ([], [])])
def test_columns_of_different_lengths_are_refused_with_each_length(scores, labels):
    with pytest.raises(InputError, match=f"'boxes': 2, 'scores': {len(scores)}, 'labels': {len(labels)}"):
        Detections(SIZE, BOXES[:2], scores, labels)


def test_masks_count_too():
    with pytest.raises(InputError, match="'masks': 2"):
        Detections(SIZE, BOXES, [0.5] * 3, ["a"] * 3, _masks(2))


def test_masks_of_another_image_are_refused():
    with pytest.raises(InputError, match=r"\(40, 60\), got \(60, 40\)"):
        Detections(SIZE, BOXES, [0.5] * 3, ["a"] * 3, _masks(3, (60, 40)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(bad):
    with pytest.raises(InputError, match="finite"):
        Detections(SIZE, [[1, 2, bad, 4]], [0.5], ["a"])
    with pytest.raises(InputError, match="finite"):
        Detections(SIZE, [[1, 2, 3, 4]], [bad], ["a"])


def test_detections_do_not_change_with_the_arrays_they_were_made_from():
    boxes, scores = np.float32([[1, 2, 3, 4]]), np.float32([0.5])
    found = Detections(SIZE, boxes, scores, ["a"])
    boxes[:], scores[:] = 9, 9
    assert found.boxes.tolist() == [[1, 2, 3, 4]]
    assert found.scores.tolist() == [0.5]


def test_the_arrays_of_detections_cannot_be_written():
    found = Detections(SIZE, BOXES, [0.9, 0.5, 0.1], ["a", "b", "c"])
    for array in (found.boxes, found.scores):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("keep", [[True, False, True], [0, 2], np.array([0, 2])])
def test_where_keeps_rows_whole(keep):
    found = Detections(SIZE, BOXES, [0.75, 0.5, 0.25], ["cat", "dog", "bird"], _masks(3)).where(keep)
    assert found.boxes.tolist() == [BOXES[0], BOXES[2]]
    assert found.scores.tolist() == [0.75, 0.25]
    assert found.labels == ("cat", "bird")
    assert found.masks.areas.tolist() == [1, 3]


def test_where_may_reorder_or_keep_none():
    found = Detections(SIZE, BOXES, [0.75, 0.5, 0.25], ["cat", "dog", "bird"])
    assert found.where([2, 0]).labels == ("bird", "cat")
    assert len(found.where([])) == 0
    assert found.where([False] * 3).boxes.shape == (0, 4)


@pytest.mark.parametrize(
    "arguments",
    [
        ((10**9, 10**9), [], [], []),
        ((0, 5), [], [], []),
        (None, [], [], []),
        (SIZE, [[0, 0, 10**400, 1]], [0.5], ["a"]),
        (SIZE, [[0, 0, "5", 1]], [0.5], ["a"]),
        (SIZE, [[0, 0, True, 1]], [0.5], ["a"]),
        (SIZE, [[0, 0, 5, 1], [0]], [0.5, 0.5], ["a", "b"]),
        (SIZE, [[0, 0, 5, 1e300]], [0.5], ["a"]),
        (SIZE, [[0, 0, 5, 1]], [None], ["a"]),
        (SIZE, 5, [0.5], ["a"]),
        (SIZE, [[0, 0, 5, 1]], [0.5], ["a"], [1]),
    ],
    ids=repr,
)
def test_what_cannot_be_detections_is_refused(arguments):
    with pytest.raises(InputError):
        Detections(*arguments)


class TestBestScores:
    def test_they_are_those_of_the_boxes_unless_a_detector_knows_of_better_ones(self):
        boxes = [[0, 0, 5, 5]] * 3
        assert Detections((10, 10), boxes, [0.5, 0.75, 0.25], ["cat", "cat", "dog"]).best_scores == {"cat": 0.75, "dog": 0.25}
        given = Detections((10, 10), boxes[:1], [0.5], ["cat"], best_scores={"cat": 0.25, "dog": 0.125})
        assert given.best_scores == {"cat": 0.5, "dog": 0.125}

    def test_they_outlive_the_boxes(self):
        found = Detections((10, 10), [[0, 0, 5, 5]], [0.5], ["cat"])
        assert found.where([]).best_scores == {"cat": 0.5}
        assert Detections.empty((10, 10)).best_scores == {}

    @pytest.mark.parametrize("given", [{"cat": float("nan")}, {5: 0.5}, {"cat": "high"}, 5, {"cat": True}])
    def test_what_is_no_finite_number_by_label_is_refused(self, given):
        with pytest.raises(InputError, match="best scores of detections are finite numbers by label"):
            Detections((10, 10), [], [], [], best_scores=given)
