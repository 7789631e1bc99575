"""Decoders of SAM 2 as two exporters write them: with all four masks, and with three."""

from promptseg.models.sam.mask_batch import Stability
from promptseg.models.sam.onnx.sam2 import _decoder_config


def test_of_four_masks_the_first_is_for_prompts_that_mean_one_object_unless_it_is_unstable():
    config = _decoder_config(4)
    assert (config.single_mask_index, config.multimask_indices, config.stability) == (0, (1, 2, 3), Stability(0.05, 0.98))


def test_of_three_masks_all_are_for_ambiguous_prompts_and_none_for_one_object():
    config = _decoder_config(3)
    assert (config.single_mask_index, config.multimask_indices, config.stability) == (None, (0, 1, 2), None)


def test_thresholds_are_those_of_sam_2():
    for candidates in (3, 4):
        config = _decoder_config(candidates)
        assert (config.pred_iou_thresh, config.logit_limit, config.takes_masks) == (0.8, 32.0, True)
