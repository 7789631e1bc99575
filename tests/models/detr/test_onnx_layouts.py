"""Layouts of detectors in ONNX, by the names and shapes of their inputs and outputs."""

import numpy as np
import pytest

from promptseg.errors import BackendError, WeightsMismatchError
from promptseg.models.detr.onnx_layouts import OnnxDetr, recognize
from promptseg.runtime.onnx import Value

FLOAT, WHOLE = "tensor(float)", "tensor(int64)"
IMAGE = Value((1, 3, 64, 96), FLOAT)
BOXES, LOGITS = Value((1, 12, 4), FLOAT), Value((1, 12, 91), FLOAT)
MASKS = Value((1, 12, 16, 24), FLOAT)
TEXT = dict.fromkeys(("input_ids", "token_type_ids", "attention_mask"), Value((1, None), WHOLE))
AUTHORS = {"images": IMAGE, "orig_target_sizes": Value((1, 2), WHOLE)}


@pytest.mark.parametrize(
    ("inputs", "outputs", "layout", "classes"),
    [
        ({"input": IMAGE}, {"dets": BOXES, "labels": LOGITS}, "rf_detr", 91),
        ({"input": IMAGE}, {"masks": BOXES, "labels": LOGITS, "dets": BOXES}, "rf_detr", 91),
        ({"pixel_values": IMAGE}, {"logits": LOGITS, "pred_boxes": BOXES}, "transformers", 91),
        ({"image": IMAGE}, {"logits": LOGITS, "pred_boxes": BOXES}, "transformers", 91),
        ({"pixel_values": IMAGE, "pixel_mask": Value((1, 64, 96), WHOLE)}, {"logits": LOGITS, "pred_boxes": BOXES}, "transformers", 91),
        (AUTHORS, {"labels": Value((1, 12), WHOLE), "boxes": BOXES, "scores": Value((1, 12), FLOAT)}, "d_fine", None),
        ({"pixel_values": IMAGE, **TEXT}, {"logits": LOGITS, "pred_boxes": BOXES}, "grounding_dino", None),
    ],
)
def test_a_layout_is_recognized(inputs, outputs, layout, classes):
    found = recognize(inputs, outputs, "a.onnx")
    assert (found.layout, found.classes, found.size) == (layout, classes, (64, 96))


@pytest.mark.parametrize(
    ("inputs", "outputs", "name"),
    [
        ({"input": IMAGE}, {"dets": BOXES, "labels": LOGITS, "masks": MASKS}, "masks"),
        ({"input": IMAGE}, {"dets": BOXES, "labels": LOGITS, "4245": MASKS}, "4245"),  # RF-DETR's own code before 1.5.
        ({"input": IMAGE}, {"dets": BOXES, "labels": LOGITS, "4245": LOGITS}, None),
        ({"input": IMAGE}, {"dets": BOXES, "labels": LOGITS}, None),
        ({"pixel_values": IMAGE}, {"logits": LOGITS, "pred_boxes": BOXES, "pred_masks": MASKS}, "pred_masks"),
        ({"pixel_values": IMAGE}, {"logits": LOGITS, "pred_boxes": BOXES, "enc_outputs": MASKS}, None),
    ],
)
def test_masks_are_found_among_the_outputs(inputs, outputs, name):
    assert recognize(inputs, outputs, "a.onnx").masks == name


def test_an_input_of_any_size_has_no_size():
    inputs = {"pixel_values": Value((None, 3, None, None), FLOAT)}
    assert recognize(inputs, {"logits": Value((None, None, None), FLOAT), "pred_boxes": BOXES}, "a.onnx").size is None


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ({"images": IMAGE}, {"output0": Value((1, 84, 8400), FLOAT)}, r"a\.onnx is not a detector .*runs as 'yolo=PATH'"),
        ({"x": Value((1, 4), FLOAT)}, {"y": Value((1, 4), FLOAT)}, "is not a detector that is read here: x tensor.float. 1 x 4 → y"),
        ({"input": Value((4, 3, 64, 64), FLOAT)}, {"dets": BOXES, "labels": LOGITS}, "4 x 3 x 64 x 64"),
        ({"input": Value((1, 3, 9999, 64), FLOAT)}, {"dets": BOXES, "labels": LOGITS}, "9999 x 64 pixels, expected at most 2048"),
        ({"pixel_values": IMAGE, "other": IMAGE}, {"logits": LOGITS, "pred_boxes": BOXES}, "is not a detector"),
        ({"images": IMAGE}, {"output0": BOXES, "output1": LOGITS}, r"told by the names of its outputs: labels and dets; scores and boxes"),
        ({"images": Value((1, 64, 64, 3), FLOAT)}, {"dets": BOXES, "labels": LOGITS}, "expected one image of 1 x 3 x height x width"),
        ({}, {}, "nothing → nothing"),
    ],
)
def test_other_graphs_are_refused(inputs, outputs, message):
    with pytest.raises(WeightsMismatchError, match=message):
        recognize(inputs, outputs, "a.onnx")


def run(outputs, inputs=AUTHORS, columns=3, **settings):
    described = recognize(inputs, {name: Value(np.shape(value), FLOAT) for name, value in outputs.items()}, "a.onnx")
    given = {}
    network = OnnxDetr(
        lambda values: given.update(values) or {name: np.asarray(value) for name, value in outputs.items()},
        described,
        inputs,
        "a.onnx",
        columns,
        **settings,
    )
    return network(np.zeros((3, 64, 96), np.float32)), given


def test_boxes_with_one_class_each_are_asked_for_relative_to_the_image():
    found, given = run(
        {"labels": [[2, 0, 7]], "boxes": [[[0, 0, 1, 0.5], [0.2, 0.2, 0.4, 0.6], [0, 0, 1, 1]]], "scores": [[0.9, 0.5, 0.4]]}
    )
    assert given["orig_target_sizes"].tolist() == [[1, 1]]
    np.testing.assert_allclose(found.boxes, [[0.5, 0.25, 1, 0.5], [0.3, 0.4, 0.2, 0.4], [0.5, 0.5, 1, 1]])
    np.testing.assert_allclose(found.scores, [[0, 0, 0.9], [0.5, 0, 0], [0, 0, 0]])  # No class 7.


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"labels": [[1, 2]], "boxes": [[[0, 0, 1, 1]]], "scores": [[0.5]]}, r"returned 2 labels, boxes \(1, 4\) and 1 scores"),
        ({"labels": [1], "boxes": [[[0, 0, 1, 1]]], "scores": [[0.5]]}, r"returned labels of shape \(1,\), expected 2 axes"),
    ],
)
def test_outputs_that_do_not_fit_one_another_are_refused(outputs, message):
    with pytest.raises(BackendError, match=message):
        run(outputs)


def test_scores_that_the_graph_made_of_logits_stay_as_they_are():
    outputs = {"labels": [[[0.2, 0.9]]], "dets": np.zeros((1, 1, 4))}
    found, _ = run(outputs, {"input": IMAGE}, probabilities=True)
    np.testing.assert_allclose(found.scores, [[0.2, 0.9]])
    found, _ = run(outputs, {"input": IMAGE})
    np.testing.assert_allclose(found.scores, [[0.549834, 0.710949]], atol=1e-5)


def test_masks_that_are_not_as_many_as_the_boxes_are_refused():
    outputs = {"labels": np.zeros((1, 2, 3)), "dets": np.zeros((1, 2, 4)), "masks": np.zeros((1, 1, 4, 4))}
    with pytest.raises(BackendError, match="1 masks for 2 boxes"):
        run(outputs, {"input": IMAGE})


def test_a_graph_in_half_precision_gets_its_own_type():
    _, given = run({"labels": np.zeros((1, 2, 3)), "dets": np.zeros((1, 2, 4))}, {"input": Value((1, 3, 64, 96), "tensor(float16)")})
    assert given["input"].dtype == np.float16
