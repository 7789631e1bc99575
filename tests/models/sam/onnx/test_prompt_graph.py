"""Rewriting of decoders of transformers, on graphs of a few nodes."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from promptseg.models.sam.onnx.prompt_graph import pads_points, prompt_graph

INPUTS = {
    "input_points": (TensorProto.FLOAT, [1, 1, "points", 2]),
    "input_labels": (TensorProto.INT64, [1, 1, "points"]),
    "input_boxes": (TensorProto.FLOAT, [1, "boxes", 4]),
    "image": (TensorProto.FLOAT, [1, 1, 1, 1]),
}
CONSTANTS = {
    "box_tokens": np.array([0, 0, 2, 2]),
    "axis": np.array([2]),
    "one": np.array([1]),
    "zero": np.array([0]),
    "end": np.array([np.iinfo(np.int64).max]),
}


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs.split(), [output], **attributes)


JOINED = [
    node("Unsqueeze", "input_boxes axis", "boxes4"),
    node("Reshape", "boxes4 box_tokens", "boxes"),
    node("Concat", "input_points boxes", "tokens", axis=2),
]


def decoder(tokens=JOINED, cut=1, order=slice(None)):
    """Make a decoder of which each candidate is a sum over all tokens, plus its number."""
    nodes = [
        *tokens,
        node("ReduceSum", "tokens axis", "summed", keepdims=1),  # (1, N, 1, 2)
        node("Mul", "summed image", "scaled"),
        node("Add", "scaled candidates", "all_masks"),  # (1, N, 4, 2)
        node("Slice", "all_masks zero end zero", "whole"),
        node("Slice", "whole start end axis", "pred_masks"),
        node("ReduceSum", "all_masks last", "all_scores", keepdims=0),
        node("Slice", "all_scores start end axis", "cut_scores"),
        node("Identity", "cut_scores", "iou_scores"),
        node("ReduceSum", "summed last", "object_score_logits", keepdims=0),
    ]
    constants = {
        **CONSTANTS,
        "start": np.array([cut]),
        "candidates": np.arange(4, dtype=np.float32).reshape(1, 1, 4, 1),
        "last": np.array([3]),
    }
    inputs = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in INPUTS.items()]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("iou_scores", "pred_masks", "object_score_logits")]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes[order], "decoder", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model, **inputs):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = {"image": np.ones((1, 1, 1, 1), np.float32), **inputs}
    return session.run(None, {value.name: given[value.name] for value in session.get_inputs()})


POINTS = np.array([[[[1, 2], [3, 4]]]], np.float32)


def test_without_the_tokens_of_boxes_a_prompt_of_points_is_no_longer_joined_with_garbage():
    model = prompt_graph(decoder(), boxes=False)
    assert [value.name for value in model.graph.input] == ["input_points", "image"]
    scores, masks = run(model, input_points=POINTS)
    np.testing.assert_array_equal(masks[0, 0], [[4, 6], [5, 7], [6, 8], [7, 9]])
    np.testing.assert_array_equal(scores[0, 0], [10, 12, 14, 16])


def test_onnx_runtime_leaves_room_for_the_tokens_of_boxes_that_are_not_there():
    """The reason for the rewriting: if this fails, it may go."""
    shape = onnx.ModelProto()
    shape.CopyFrom(decoder())
    shape.graph.output.append(helper.make_tensor_value_info("tokens", TensorProto.FLOAT, None))
    *_, tokens = run(shape, input_points=POINTS, input_labels=np.ones((1, 1, 2), np.int64), input_boxes=np.zeros((1, 0, 4), np.float32))
    assert tokens.shape[2] > POINTS.shape[2]


def test_the_number_of_prompts_becomes_open():
    two = np.concatenate([POINTS, POINTS + 1], axis=1)
    _, masks = run(prompt_graph(decoder(), boxes=False), input_points=two)
    np.testing.assert_array_equal(masks[0, :, 0], [[4, 6], [6, 8]])


def test_tokens_of_boxes_stay_if_they_are_asked_for():
    boxes = np.array([[[5, 6, 7, 8]]], np.float32)
    _, masks = run(prompt_graph(decoder(), boxes=True), input_points=POINTS, input_boxes=boxes)
    np.testing.assert_array_equal(masks[0, 0, 0], [16, 20])


@pytest.mark.parametrize(("cut", "candidates"), [(1, 4), (0, 4), (2, 2)], ids=["the first", "nothing", "two"])
def test_only_a_cut_of_the_first_candidate_is_undone(cut, candidates):
    scores, masks = run(prompt_graph(decoder(cut=cut), boxes=False), input_points=POINTS)
    assert (scores.shape[2], masks.shape[2]) == (candidates, candidates)


def test_nodes_may_stand_in_any_order():
    (_, masks) = run(prompt_graph(decoder(order=slice(None, None, -1)), boxes=False), input_points=POINTS)
    np.testing.assert_array_equal(masks[0, 0, 0], [4, 6])


def test_a_model_is_not_changed():
    model = decoder()
    before = model.SerializeToString()
    prompt_graph(model, boxes=False)
    assert model.SerializeToString() == before


@pytest.mark.parametrize(
    ("tokens", "pads"),
    [
        ([node("Unsqueeze", "input_labels one", "a"), node("Concat", "a more", "b", axis=2)], True),
        ([node("Cast", "input_labels", "a", to=1), node("Pad", "a more", "b")], True),
        ([node("Gather", "table input_labels", "a"), node("Concat", "a more", "b", axis=2)], False),
        ([node("Equal", "input_labels more", "a"), node("Concat", "a more", "b", axis=2)], False),
    ],
    ids=["concatenated", "padded", "looked up", "compared"],
)
def test_a_graph_pads_points_if_it_makes_the_labels_longer(tokens, pads):
    assert pads_points(decoder(tokens)) is pads
