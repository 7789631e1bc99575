"""J, F and identity switches of videos; the published figures for given predictions."""

import csv

import numpy as np
import pytest
from PIL import Image

from promptseg.errors import InputError
from promptseg.evaluation.video import TrackingBaseline, evaluate_video, first_boxes, read_labels, read_sequences, track_sequence
from promptseg.testing import FakeSegmenter
from promptseg.tracking.session import PropagateSegmenter


def save(folder, name, values):
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).save(folder / name)


@pytest.fixture
def root(tmp_path):
    """Two objects at rest on three frames, of which the middle one has no annotation."""
    labels = np.zeros((32, 48), np.uint8)
    labels[4:12, 4:16], labels[18:28, 24:40] = 1, 2
    for frame in range(3):
        save(tmp_path / "data" / "JPEGImages" / "clip", f"{frame:05}.jpg", np.zeros((32, 48, 3)))
        if frame != 1:
            save(tmp_path / "data" / "Annotations" / "clip", f"{frame:05}.png", labels)
    return tmp_path / "data"


def predict(folder, *frames):
    for index, values in enumerate(frames):
        save(folder / "clip", f"{index:05}.png", values)
    return folder


def test_the_truth_scores_one(root, tmp_path):
    truth = np.asarray(Image.open(root / "Annotations" / "clip" / "00000.png"))
    (score,) = evaluate_video(predict(tmp_path / "p", truth, truth, truth), root)
    assert (score.j, score.f, score.switches) == (1, 1, 0)
    assert score.objects[1].frames == (0, 2)


def test_swapped_objects_are_switches_of_both(root, tmp_path):
    truth = np.asarray(Image.open(root / "Annotations" / "clip" / "00000.png"))
    (score,) = evaluate_video(predict(tmp_path / "p", truth, truth, np.array([0, 2, 1])[truth]), root)
    assert (score.j, score.switches) == (0.5, 2)


def clip_of(tmp_path, *frames):
    """Write one sequence of label images, and return its folder."""
    for index, values in enumerate(frames):
        save(tmp_path / "data" / "JPEGImages" / "clip", f"{index:05}.jpg", np.zeros((*values.shape, 3)))
        save(tmp_path / "data" / "Annotations" / "clip", f"{index:05}.png", values)
    return tmp_path / "data"


def test_switches_are_counted_against_the_last_frame_that_had_an_identity(tmp_path):
    """Object 1 is predicted on itself, on nothing, on itself, on 2, on nothing, on 2 twice, on itself: two switches. Object 2 has none."""
    truth = np.zeros((10, 40), np.uint8)
    truth[:, :10], truth[:, 20:30] = 1, 2
    one, two, nothing = (truth == 1), (truth == 2), np.zeros_like(truth, bool)
    shown = [one, nothing, one, two, nothing, two, two, one]
    predicted = [np.where(mask, 1, 0) for mask in shown]
    (score,) = evaluate_video(predict(tmp_path / "p", *predicted), clip_of(tmp_path, *[truth] * 8))
    assert {number: one.switches for number, one in score.objects.items()} == {1: 2, 2: 0}
    assert score.objects[1].j == (1, 0, 1, 0, 0, 0, 0, 1)
    assert score.switches == 2


@pytest.mark.parametrize(("columns", "switches"), [(10, 1), (5, 1), (4, 0)])
def test_a_prediction_is_another_object_from_half_of_the_iou_on(columns, switches, tmp_path):
    truth = np.zeros((10, 40), np.uint8)
    truth[:, :10], truth[:, 20:30] = 1, 2
    moved = np.zeros_like(truth)
    moved[:, 20 : 20 + columns] = 1  # An IoU of columns / 10 with object 2.
    (score,) = evaluate_video(predict(tmp_path / "p", truth, moved), clip_of(tmp_path, truth, truth))
    assert score.objects[1].switches == switches


def test_frames_without_prediction_count_as_empty(root, tmp_path):
    truth = np.asarray(Image.open(root / "Annotations" / "clip" / "00000.png"))
    (score,) = evaluate_video(predict(tmp_path / "p", truth), root)
    assert score.to_dict()["objects"]["2"] == {"j": 0.5, "f": 0.5, "frames": 2, "switches": 0}


@pytest.mark.parametrize(("whole", "frames"), [(True, (0, 1, 2, 3)), (False, (0, 1))], ids=["all annotated", "annotated in part"])
def test_an_object_without_annotation_counts_as_gone_only_where_all_frames_are_annotated(tmp_path, whole, frames):
    truth = np.zeros((32, 48), np.uint8)
    truth[4:12, 4:16] = 1
    other = np.zeros_like(truth)
    other[18:28, 24:40] = 2
    labels = [truth, truth, other, *([other] if whole else [])]
    for frame in range(4):
        save(tmp_path / "JPEGImages" / "clip", f"{frame:05}.jpg", np.zeros((32, 48, 3)))
    for frame, values in enumerate(labels):
        save(tmp_path / "Annotations" / "clip", f"{frame:05}.png", values)
    (score,) = evaluate_video(predict(tmp_path / "p", truth, truth, truth + other, other), tmp_path)
    assert score.objects[1].frames == frames
    assert score.objects[1].j == ((1, 1, 0, 1) if whole else (1, 1))
    assert score.objects[2].frames == ((2, 3) if whole else (2,))


def test_a_tracker_is_told_the_first_boxes_alone(root):
    (sequence,) = read_sequences(root)
    assert {number: (frame, prompt.xyxy.tolist()) for number, (frame, prompt) in first_boxes(sequence).items()} == {
        1: (0, [4, 4, 16, 12]),
        2: (0, [24, 18, 40, 28]),
    }


@pytest.mark.parametrize("wrap", [lambda tracker: tracker, TrackingBaseline, lambda tracker: TrackingBaseline(tracker, use_flow=True)])
def test_objects_at_rest_are_tracked_and_held(root, wrap):
    (score,) = evaluate_video(wrap(PropagateSegmenter(FakeSegmenter())), root)
    assert score.j == 1


def test_every_frame_is_tracked(root):
    (sequence,) = read_sequences(root)
    tracked = track_sequence(PropagateSegmenter(FakeSegmenter()), sequence, first_boxes(sequence))
    assert [(found.frame, found.object_ids) for found in tracked] == [(0, (1, 2)), (1, (1, 2)), (2, (1, 2))]


def test_a_label_image_of_black_and_white_is_one_object(tmp_path):
    save(tmp_path, "a.png", [[0, 255], [255, 0]])
    assert {number: mask.area for number, mask in read_labels(tmp_path / "a.png").items()} == {1: 2}


@pytest.mark.parametrize("names", [(), ("absent",)])
def test_absent_folders_and_sequences_are_refused(root, tmp_path, names):
    with pytest.raises(InputError, match="absent" if names else "not a folder of sequences"):
        read_sequences(root if names else tmp_path, names)


@pytest.mark.parametrize("sequence", ["blackswan", "bmx-trees", "car-shadow"])
def test_the_published_code_gives_the_same_figures(shared, sequence):
    with (shared / "data" / "davis_osvos_pred" / "REFERENCE.tsv").open() as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["sequence"] == sequence]
    (score,) = evaluate_video(shared / "data" / "davis_osvos_pred", shared / "data" / "davis2016", [sequence])
    (one,) = score.objects.values()
    np.testing.assert_allclose(one.j, [float(row["J"]) for row in rows], atol=1e-6)
    np.testing.assert_allclose(one.f, [float(row["F"]) for row in rows], atol=1e-6)


def test_a_box_of_a_truth_one_pixel_wider_than_the_frame_is_in_pixels_of_the_frame(tmp_path):
    labels = np.zeros((32, 48), np.uint8)
    labels[8:24, 12:48] = 1
    save(tmp_path / "data" / "JPEGImages" / "clip", "00000.jpg", np.zeros((32, 47, 3)))
    save(tmp_path / "data" / "Annotations" / "clip", "00000.png", labels)
    (sequence,) = read_sequences(tmp_path / "data")
    ((_, prompt),) = first_boxes(sequence).values()
    np.testing.assert_allclose(prompt.xyxy, [12 * 47 / 48, 8, 47, 24], rtol=1e-6)
