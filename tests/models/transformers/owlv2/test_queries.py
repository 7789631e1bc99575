"""Which patch stands for the object of an example."""

import numpy as np

from promptseg.models.transformers.owlv2.queries import patch_of

BACKGROUND, OBJECT = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


def choose(box, boxes, embeddings):
    return patch_of(np.array(box, np.float32), np.array(boxes, np.float32), np.array(embeddings, np.float32))


def test_it_is_the_patch_whose_box_agrees_with_the_example():
    boxes = [[0, 0, 10, 10], [20, 20, 40, 40], [50, 50, 60, 60]]
    assert choose([21, 21, 41, 41], boxes, [OBJECT, OBJECT, OBJECT]) == 1


def test_of_patches_that_agree_it_is_the_one_that_is_least_like_the_rest():
    boxes = [[0, 0, 9, 9], [20, 20, 40, 40], [20, 20, 40, 39], [60, 0, 70, 9]]
    assert choose([20, 20, 40, 40], boxes, [BACKGROUND, BACKGROUND, OBJECT, BACKGROUND]) == 2


def test_a_patch_that_agrees_much_less_is_none_of_them():
    boxes = [[0, 0, 9, 9], [20, 20, 40, 40], [20, 20, 40, 30], [60, 0, 70, 9]]
    assert choose([20, 20, 40, 40], boxes, [BACKGROUND, BACKGROUND, OBJECT, BACKGROUND]) == 1


def test_without_a_box_that_touches_the_example_it_is_the_nearest():
    boxes = [[0, 0, 2, 2], [50, 50, 52, 52], [90, 90, 92, 92]]
    assert choose([60, 60, 70, 70], boxes, [OBJECT, BACKGROUND, OBJECT]) == 1
