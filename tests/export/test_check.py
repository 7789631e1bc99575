"""Agreement of an exported pair with its model."""

import numpy as np
import pytest

from promptseg.errors import BackendError

pytest.importorskip("torch", reason="the export needs torch")

from promptseg.export.check import ExportAgreement, agreement, compare
from promptseg.export.layout import Prediction


def prediction(inside=50, logit=8.0, nudge=0.0):
    """Make a 10 x 10 mask with so many pixels inside, and logits of plus and minus `logit`."""
    masks = np.where(np.arange(100) < inside, logit, -logit).reshape(1, 10, 10).astype(np.float32)
    low_res = masks[:, ::2, ::2].copy()
    low_res[0, 0, 0] += nudge
    return Prediction(masks, low_res)


def test_differences_are_reported_prompt_by_prompt():
    found = agreement([prediction(50), prediction(40, logit=20)], [prediction(50, nudge=0.25), prediction(30, logit=20)])
    assert found.iou == (1.0, 0.75)
    assert (found.worst_iou, found.mean_iou) == (0.75, 0.875)
    assert found.largest_logit == 20
    assert found.logit_difference == 0.25


def test_two_empty_masks_agree():
    assert agreement([prediction(0)], [prediction(0)]).iou == (1.0,)


@pytest.mark.parametrize(
    ("difference", "iou", "float32", "int8"),
    [
        (0.0, (1.0, 1.0), True, True),
        (0.0099, (1.0, 0.9991), True, True),
        (0.0101, (1.0, 1.0), False, True),
        (0.0, (1.0, 0.998), False, True),
        (3.0, (1.0, 0.81), False, True),
        (3.0, (1.0, 0.79), False, False),
        (float("nan"), (1.0, 1.0), False, False),
    ],
)
def test_float32_holds_to_logits_and_every_mask_and_int8_to_the_mean_of_masks(difference, iou, float32, int8):
    found = ExportAgreement(difference, 10.0, iou)
    assert (found.holds(int8=False), found.holds(int8=True)) == (float32, int8)


def test_nan_anywhere_agrees_with_nothing():
    found = agreement([prediction(), prediction()], [prediction(nudge=np.nan), prediction()])
    assert not found.holds(int8=False)
    assert not found.holds(int8=True)


def test_a_pair_that_does_not_load_is_named(tiny_layout, tmp_path):
    for name in ("encoder.onnx", "decoder.onnx"):
        (tmp_path / name).write_bytes(b"not a graph")
    with pytest.raises(BackendError, match=r"cannot run encoder\.onnx"):
        compare(tiny_layout(), tmp_path / "encoder.onnx", tmp_path / "decoder.onnx")
