import numpy as np
import pytest

from promptseg.models.yolo.letterbox import Letterbox
from promptseg.models.yolo.prototypes import masks_in_boxes


def masks(prototypes, coefficients, boxes, letterbox):
    return list(masks_in_boxes(*(np.asarray(value, np.float32) for value in (prototypes, coefficients, boxes)), letterbox))


def test_a_mask_fills_its_box_where_the_sum_is_positive():
    letterbox = Letterbox.fit((64, 64), (64, 64))
    (mask,) = masks(np.ones((1, 16, 16)), [[1]], [[10, 20, 30, 50]], letterbox)
    assert mask.size == (64, 64)
    assert mask.box.tolist() == [10, 20, 30, 50]
    assert mask.area == 20 * 30


def test_a_sum_that_is_nowhere_positive_gives_an_empty_mask():
    letterbox = Letterbox.fit((64, 64), (64, 64))
    assert masks(np.ones((1, 16, 16)), [[-1]], [[10, 20, 30, 50]], letterbox)[0].area == 0


def test_the_coefficients_weigh_the_prototypes():
    letterbox = Letterbox.fit((64, 64), (64, 64))
    left, right = np.zeros((2, 16, 16))
    left[:, :8], right[:, 8:] = 1, 1
    for coefficients, (x0, x1) in (((1, -1), (0, 32)), ((-1, 1), (32, 64))):
        (mask,) = masks([left, right], [coefficients], [[0, 0, 64, 64]], letterbox)
        assert mask.box.tolist() == [x0, 0, x1, 64]


def test_padding_is_not_part_of_a_mask():
    letterbox = Letterbox.fit((32, 64), (64, 64))
    prototype = np.full((1, 16, 16), -1.0)
    prototype[:, 4:8] = 1  # The upper half of the image, which lies in rows 16 to 48 of the model input.
    (mask,) = masks(prototype, [[1]], [[0, 0, 64, 32]], letterbox)
    assert mask.box.tolist() == [0, 0, 64, 16]


def test_a_box_at_the_border_of_the_image_and_one_of_less_than_a_pixel():
    letterbox = Letterbox.fit((64, 64), (64, 64))
    edge, speck = masks(np.ones((1, 16, 16)), [[1], [1]], [[60.5, 0, 64, 64], [10.2, 10.2, 10.8, 10.8]], letterbox)
    assert edge.box.tolist() == [61, 0, 64, 64]
    assert speck.area == 0


def test_no_boxes_give_no_masks():
    assert masks(np.ones((1, 16, 16)), np.zeros((0, 1)), np.zeros((0, 4)), Letterbox.fit((64, 64), (64, 64))) == []


@pytest.mark.parametrize("size", [(480, 640), (333, 500), (1080, 810), (61, 640), (50, 37)])
def test_masks_are_those_of_ultralytics_in_the_size_of_the_image(size, ultralytics_tasks):
    import torch
    import ultralytics.utils.ops as ops

    random = np.random.default_rng(1)
    letterbox = Letterbox.fit(size, (320, 320), 32)
    rows, columns = (side // 4 for side in letterbox.input_size)
    prototypes = random.normal(0, 1, (8, rows // 5 + 1, columns // 5 + 1)).repeat(5, 1).repeat(5, 2)[:, :rows, :columns]
    coefficients = random.normal(0, 1, (6, 8))
    corners = random.uniform(0, 1, (6, 2, 2))
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1) * [size[1], size[0], size[1], size[0]]
    inputs = [torch.tensor(value, dtype=torch.float32) for value in (prototypes, coefficients, boxes)]
    expected = ops.process_mask_native(*inputs, size).numpy().astype(bool)
    for mask, theirs in zip(masks(prototypes, coefficients, boxes, letterbox), expected, strict=True):
        assert (mask.array != theirs).sum() <= 0.001 * theirs.sum() + 2
