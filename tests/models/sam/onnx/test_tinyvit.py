"""Parameters of an image encoder are found by the paths of the nodes that use them. Other files are refused."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from promptseg.errors import WeightsMismatchError
from promptseg.models.sam.onnx.tinyvit import read_encoder_weights

RANDOM = np.random.default_rng(0)


def values(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def window(side, heads=2):
    """Attention biases of a square window: one for each offset of two places, and as a table of all pairs of places."""
    biases = values(heads, side * side)
    places = [(row, column) for row in range(side) for column in range(side)]
    table = np.stack([biases[:, [abs(r - y) * side + abs(c - x) for r, c in places]] for y, x in places], axis=1)
    return biases, table


@pytest.fixture
def saved(tmp_path):
    """Saves a graph: ``saved(("/path/Op", "Op", operands, ...))``; an array becomes an initializer with a meaningless name."""

    def save(*nodes):
        initializers, made = [], []
        for name, kind, *operands in nodes:
            named = []
            for operand in operands:
                if isinstance(operand, np.ndarray):
                    initializers.append(numpy_helper.from_array(operand, f"onnx::{kind}_{len(initializers)}"))
                    operand = initializers[-1].name
                named.append(operand)
            made.append(helper.make_node(kind, named, [f"{name}_output_0"], name=name))
        onnx.save(helper.make_model(helper.make_graph(made, "encoder", [], [], initializers)), str(tmp_path / "encoder.onnx"))
        return tmp_path / "encoder.onnx"

    return save


@pytest.fixture
def saved_table(tmp_path):
    """Saves a graph that adds a constant in an attention module."""

    def save(table):
        constant = helper.make_node("Constant", [], ["table"], value=numpy_helper.from_array(table))
        add = helper.make_node("Add", ["products", "table"], ["sum"], name="/layers.1/blocks.0/attn/Add")
        onnx.save(helper.make_model(helper.make_graph([constant, add], "encoder", [], [])), str(tmp_path / "encoder.onnx"))
        return tmp_path / "encoder.onnx"

    return save


def test_a_convolution_takes_the_place_of_the_pair_that_it_was_folded_from(saved):
    weight, bias = values(4, 3, 2, 2), values(4)
    found = read_encoder_weights(saved(("/layers.0/downsample/conv1/c/Conv", "Conv", "x", weight, bias)))
    assert list(found) == ["layers.0.downsample.conv1.weight", "layers.0.downsample.conv1.bias"]
    assert np.array_equal(found["layers.0.downsample.conv1.weight"], weight)
    assert np.array_equal(found["layers.0.downsample.conv1.bias"], bias)


def test_a_sequence_in_a_path_is_named_once(saved):
    found = read_encoder_weights(
        saved(("/patch_embed/seq/seq.0/c/Conv", "Conv", "x", values(4, 3, 2, 2)), ("/neck/neck.2/Conv", "Conv", "y", values(4, 4, 1, 1)))
    )
    assert list(found) == ["patch_embed.seq.0.weight", "neck.2.weight"]


def test_a_linear_layer_is_turned_as_torch_has_it(saved):
    weight, bias = values(3, 5), values(5)
    path = "/layers.1/blocks.0/mlp/fc1"
    found = read_encoder_weights(saved((f"{path}/MatMul", "MatMul", "x", weight), (f"{path}/Add", "Add", bias, "y")))
    assert np.array_equal(found["layers.1.blocks.0.mlp.fc1.weight"], weight.T)
    assert np.array_equal(found["layers.1.blocks.0.mlp.fc1.bias"], bias)


@pytest.mark.parametrize("shape", [(6,), (6, 1, 1)], ids=["of tokens", "of channels"])
def test_a_norm_ends_in_its_weight_and_its_bias(saved, shape):
    weight, bias = values(*shape), values(*shape)
    found = read_encoder_weights(saved(("/neck/neck.1/Mul", "Mul", weight, "x"), ("/neck/neck.1/Add_1", "Add", "y", bias)))
    assert np.array_equal(found["neck.1.weight"], weight.ravel())
    assert np.array_equal(found["neck.1.bias"], bias.ravel())


def test_the_order_of_the_nodes_does_not_matter(saved):
    nodes = [(f"/layers.2/blocks.{i}/local_conv/c/Conv", "Conv", "x", values(2, 1, 3, 3)) for i in range(4)]
    forwards, backward = read_encoder_weights(saved(*nodes)), read_encoder_weights(saved(*nodes[::-1]))
    assert set(forwards) == set(backward)
    assert all(np.array_equal(forwards[name], backward[name]) for name in forwards)


@pytest.mark.parametrize("side", [1, 2, 3, 7])
def test_attention_biases_are_read_out_of_the_table_of_all_pairs(saved_table, side):
    biases, table = window(side)
    found = read_encoder_weights(saved_table(table))
    assert list(found) == ["layers.1.blocks.0.attn.attention_biases"]
    assert np.array_equal(found["layers.1.blocks.0.attn.attention_biases"], biases)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (values(2, 9, 9), r"the attention biases of layers\.1\.blocks\.0\.attn are not those of a square window"),
        (np.zeros((2, 8, 8), np.float32), "are not those of a square window"),
        (values(2, 9, 4), r"adds a constant of shape \(2, 9, 4\), not one bias for each pair of places"),
        (values(9), r"of shape \(9,\)"),
        (np.zeros((2, 0, 0), np.float32), "not an image encoder"),
    ],
    ids=["unlike", "not square", "no pairs", "one axis", "empty"],
)
def test_another_table_is_refused(saved_table, table, message):
    with pytest.raises(WeightsMismatchError, match=message):
        read_encoder_weights(saved_table(table))


def test_a_parameter_that_is_there_twice_is_refused_with_its_name(saved):
    node = ("/neck/neck.0/Conv", "Conv", "x", values(4, 3, 1, 1))
    with pytest.raises(WeightsMismatchError, match=r"encoder\.onnx is not an image encoder .*: it has two of neck\.0\.weight"):
        read_encoder_weights(saved(node, node))


@pytest.mark.parametrize("name", ["/iou_prediction_head/layers.0/Gemm", "/Gemm", "/MatMul", "", "MatMul"])
def test_a_node_that_tells_no_parameter_is_refused_with_its_name(saved, name):
    kind = "MatMul" if "MatMul" in name else "Gemm"
    with pytest.raises(WeightsMismatchError, match=rf"export.*: node '{name}' \({kind}\) has onnx::{kind}_0 as its operand 1$"):
        read_encoder_weights(saved((name, kind, "x", values(4, 4))))


@pytest.mark.parametrize("content", [b"not a graph at all", b"PK\x03\x04"], ids=repr)
def test_a_file_that_is_not_onnx_is_refused_with_its_path(tmp_path, content):
    (tmp_path / "encoder.onnx").write_bytes(content)
    with pytest.raises(WeightsMismatchError, match=r"encoder\.onnx is not an ONNX file"):
        read_encoder_weights(tmp_path / "encoder.onnx")


@pytest.mark.weights
def test_the_published_decoder_is_refused_as_an_encoder(mini_sam):
    from promptseg import registry

    with pytest.raises(WeightsMismatchError, match=r"sam\.onnx is not an image encoder as torch exports it"):
        read_encoder_weights(registry.fetch("mini-sam").files["sam.onnx"])
