"""Warping of masks by optical flow, and the forward-backward consistency check."""

import numpy as np
import pytest

from promptseg.tracking.flow import MAX_PIXELS, Flow, flow_about, flow_between, gray


def iou(first, second):
    return (first & second).sum() / (first | second).sum()


def shifted(by, size=(8, 12)):
    """Return a flow by which every pixel came from `by` columns further left."""
    height, width = size
    x = np.tile(np.arange(width, dtype=np.float32) - by, (height, 1))
    y = np.tile(np.arange(height, dtype=np.float32)[:, None], (1, width))
    return Flow(x, y, np.ones(size, bool))


def test_a_mask_moves_with_what_it_covers(scene, square):
    before, after = scene({"square": square(30, 40)}), scene({"square": square(34, 42)})
    flow = flow_between(gray(before.image), gray(after.image))
    moved = flow.move(before.things["square"])
    assert iou(before.things["square"], after.things["square"]) < 0.65
    assert iou(moved, after.things["square"]) > 0.8
    assert flow.consistency(moved) > 0.9


def test_without_motion_masks_stay_and_flow_is_consistent(scene, square):
    still = scene({"square": square(30, 40)})
    flow = flow_between(gray(still.image), gray(still.image))
    np.testing.assert_array_equal(flow.move(still.things["square"]), still.things["square"])
    assert flow.consistency(still.things["square"]) == 1


def test_flow_over_a_cut_is_hardly_consistent(scene):
    ground = scene({}).image
    flow = flow_between(gray(ground), gray(np.ascontiguousarray(ground[::-1, ::-1])))
    assert flow.consistent.mean() < 0.6


def test_the_consistency_of_a_mask_is_that_of_its_pixels():
    flow = shifted(0)
    flow.consistent[:, 6:] = False
    mask = np.zeros((8, 12), bool)
    mask[2:4, 4:12] = True
    assert flow.consistency(mask) == 0.25


def test_a_mask_that_leaves_the_frame_is_empty():
    mask = np.zeros((8, 12), bool)
    mask[:, :4] = True
    left, right = shifted(-3).move(mask), shifted(3).move(mask)
    assert left.any(0).tolist() == [True] + [False] * 11
    assert right.any(0).tolist() == [False] * 3 + [True] * 4 + [False] * 5
    assert not shifted(-4).move(mask).any()


def test_an_empty_mask_stays_empty_with_consistency_0():
    flow, nothing = shifted(0), np.zeros((8, 12), bool)
    assert not flow.move(nothing).any()
    assert flow.consistency(nothing) == 0


def test_the_motion_of_a_mask_is_the_median_of_its_pixels():
    flow, mask = shifted(3), np.zeros((8, 12), bool)
    assert flow.motion(mask) == 0
    mask[2:4, 4:12] = True
    flow.source_x[2, 4:6] -= 100
    assert flow.motion(mask) == 3
    y, x = np.mgrid[0:4, 0:6].astype(np.float32)
    assert Flow(x - 3, y - 4, np.ones((4, 6), bool), (5, 1)).motion(mask) == 5


@pytest.mark.parametrize("size", [(15, 64), (64, 15), (1, 1)])
def test_frames_too_small_for_flow_have_zero_flow(size):
    random = np.random.default_rng(0)
    flow = flow_between(*(random.integers(0, 255, size, np.uint8) for _ in range(2)))
    mask = random.random(size) > 0.5
    np.testing.assert_array_equal(flow.move(mask), mask)
    assert flow.consistent.all()


def test_brightness_weighs_the_channels_as_the_eye_does():
    image = np.array([[(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]], np.uint8)
    assert gray(image).tolist() == [[76, 150, 29, 255]]


def test_about_an_object_the_flow_is_that_of_the_whole_frame(scene, square):
    before, after = scene({"square": square(60, 40)}), scene({"square": square(64, 42)})
    mask = before.things["square"]
    grays = gray(before.image), gray(after.image)
    about, whole = flow_about(mask, *grays), flow_between(*grays)
    assert about.corner == (60 - 12, 40 - 12)
    assert about.consistent.shape == (48, 48)
    moved = about.move(mask)
    assert iou(moved, after.things["square"]) > 0.8
    assert iou(moved, whole.move(mask)) > 0.9
    assert about.consistency(moved) > 0.9


def test_a_window_ends_at_the_border_of_the_frame(scene, square):
    image = gray(scene({"square": square(0, 60)}).image)
    flow = flow_about(scene({"square": square(0, 60)}).things["square"], image, image)
    assert flow.window == (slice(48, 96), slice(0, 36))


def test_about_an_object_without_pixels_nothing_is_computed(monkeypatch):
    monkeypatch.delattr("cv2.DISOpticalFlow_create")
    nothing = np.zeros((96, 128), bool)
    flow = flow_about(nothing, *np.zeros((2, 96, 128), np.uint8))
    assert not flow.move(nothing).any()
    assert flow.consistency(nothing) == 0


def test_about_a_large_object_the_flow_is_computed_on_fewer_pixels(monkeypatch):
    import cv2

    ground = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (800, 1000), np.uint8), (0, 0), 6)
    ground = cv2.normalize(ground, None, 0, 255, cv2.NORM_MINMAX)
    mask = np.zeros((800, 1000), bool)
    mask[150:650, 200:700] = True
    sizes = []

    def watched(earlier, later):
        sizes.append(earlier.shape)
        return flow_between(earlier, later)

    monkeypatch.setattr("promptseg.tracking.flow.flow_between", watched)
    flow = flow_about(mask, ground, np.roll(ground, (6, 12), (0, 1)))
    ((rows, columns),) = sizes
    assert 0.95 * MAX_PIXELS < rows * columns <= 1.01 * MAX_PIXELS
    moved = flow.move(mask)
    assert iou(moved, np.roll(mask, (6, 12), (0, 1))) > 0.99
    assert flow.consistency(moved) > 0.99


@pytest.mark.parametrize("size", [(5, 900), (900, 5), (1, 1), (15, 15)])
def test_about_an_object_in_a_frame_too_small_for_flow_there_is_zero_flow(size):
    random = np.random.default_rng(0)
    mask = random.random(size) > 0.3
    mask[0, 0] = mask[-1, -1] = True
    flow = flow_about(mask, *(random.integers(0, 255, size, np.uint8) for _ in range(2)))
    np.testing.assert_array_equal(flow.move(mask), mask)
