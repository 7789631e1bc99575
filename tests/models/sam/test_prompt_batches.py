import numpy as np
import pytest

from promptseg.errors import PromptError
from promptseg.masks import Mask
from promptseg.models.sam.geometry import ResizeLongestSide
from promptseg.models.sam.model import BACKGROUND, BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, FOREGROUND, PADDING
from promptseg.models.sam.prompt_batches import batch_prompts
from promptseg.prompts import Prompt

GEOMETRY = ResizeLongestSide((512, 1024))  # Twice as wide as high, at the scale of the model input: points keep their numbers.
LOGITS = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)


def only_batch(prompt):
    ((indices, batch),) = batch_prompts([prompt], GEOMETRY, 8)
    assert indices == [0]
    assert len(batch) == 1
    return batch


def test_a_point_is_followed_by_one_point_of_padding():
    batch = only_batch(Prompt.point(10, 20))
    assert batch.points.tolist() == [[[10, 20], [0, 0]]]
    assert batch.labels.tolist() == [[FOREGROUND, PADDING]]
    assert batch.points.dtype == np.float32
    assert batch.labels.dtype == np.int64
    assert batch.mask_logits is None


def test_a_box_is_two_points_without_padding():
    batch = only_batch(Prompt.box(10, 20, 30, 40))
    assert batch.points.tolist() == [[[10, 20], [30, 40]]]
    assert batch.labels.tolist() == [[BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]]


def test_a_model_may_want_padding_after_a_box_too():
    ((_, batch),) = batch_prompts([Prompt.box(10, 20, 30, 40)], GEOMETRY, 8, pad_boxes=True)
    assert batch.points.tolist() == [[[10, 20], [30, 40], [0, 0]]]
    assert batch.labels.tolist() == [[BOX_TOP_LEFT, BOX_BOTTOM_RIGHT, PADDING]]


def test_points_come_before_their_box_and_background_and_foreground_have_their_labels():
    batch = only_batch(Prompt.box(10, 20, 30, 40) + Prompt.point(1, 2, foreground=False) + Prompt.point(3, 4))
    assert batch.points.tolist() == [[[1, 2], [3, 4], [10, 20], [30, 40]]]
    assert batch.labels.tolist() == [[BACKGROUND, FOREGROUND, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]]


def test_an_earlier_mask_alone_goes_with_one_point_of_padding():
    batch = only_batch(Prompt.mask(LOGITS))
    assert batch.points.tolist() == [[[0, 0]]]
    assert batch.labels.tolist() == [[PADDING]]
    assert np.array_equal(batch.mask_logits, LOGITS)


def test_coordinates_are_those_of_the_model_input():
    ((_, batch),) = batch_prompts([Prompt.point(100, 50) + Prompt.box(0, 0, 200, 100)], ResizeLongestSide((100, 200)), 8)
    assert batch.points.tolist() == [[[512, 256], [0, 0], [1024, 512]]]


def test_a_mask_of_pixels_becomes_logits_of_the_model_input():
    pixels = np.zeros((512, 1024), bool)
    pixels[:256, :512] = True
    logits = only_batch(Prompt.mask(Mask.from_array(pixels))).mask_logits
    assert np.array_equal(logits, GEOMETRY.mask_to_logits(Mask.from_array(pixels)))


def test_logits_of_another_shape_are_refused_with_both():
    with pytest.raises(PromptError, match=r"\(256, 256\), the mask prompt has \(128, 256\)"):
        list(batch_prompts([Prompt.mask(LOGITS[:128])], GEOMETRY, 8))


def test_only_prompts_of_one_length_go_together_because_padding_would_change_their_masks():
    prompts = [
        Prompt.point(1, 1),
        Prompt.points([(2, 2), (3, 3)]),
        Prompt.box(4, 4, 5, 5),
        Prompt.point(6, 6),
        Prompt.box(7, 7, 8, 8) + Prompt.point(9, 9),
    ]
    groups = {tuple(indices): batch.points.shape[1] for indices, batch in batch_prompts(prompts, GEOMETRY, 8)}
    # A point with its padding point has as many tokens as a box.
    assert groups == {(0, 2, 3): 2, (1, 4): 3}


def test_a_batch_is_never_larger_than_asked_for_and_no_prompt_is_lost():
    prompts = [Prompt.point(i, i) for i in range(7)]
    found = list(batch_prompts(prompts, GEOMETRY, 3))
    assert [indices for indices, _ in found] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [batch.points[:, 0, 0].tolist() for _, batch in found] == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_prompt_with_an_earlier_mask_comes_alone_with_its_own_mask():
    other = LOGITS + 1
    prompts = [Prompt.point(0, 0), Prompt.point(1, 1) + Prompt.mask(LOGITS), Prompt.point(2, 2), Prompt.point(3, 3) + Prompt.mask(other)]
    found = {tuple(indices): batch.mask_logits for indices, batch in batch_prompts(prompts, GEOMETRY, 8)}
    assert set(found) == {(0, 2), (1,), (3,)}
    assert found[0, 2] is None
    assert np.array_equal(found[1,], LOGITS)
    assert np.array_equal(found[3,], other)
