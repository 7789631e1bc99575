"""int8 by ONNX Runtime's dynamic quantization."""

import logging

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from promptseg.errors import ConfigError, WeightsMismatchError
from promptseg.runtime.onnx_quantize import quantized


@pytest.fixture
def graph(tmp_path):
    """A convolution and a matrix product, of random weights."""
    random = np.random.default_rng(0)
    kernel = numpy_helper.from_array(random.normal(size=(16, 16, 1, 1)).astype(np.float32), "kernel")
    matrix = numpy_helper.from_array(random.normal(size=(64, 64)).astype(np.float32), "matrix")
    nodes = [helper.make_node("Conv", ["x", "kernel"], ["c"]), helper.make_node("MatMul", ["c", "matrix"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 16, 64, 64]) for name in "xy")
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], [kernel, matrix]), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, str(tmp_path / "float32.onnx"))
    return tmp_path / "float32.onnx"


def test_weights_of_matrix_products_become_bytes_and_those_of_convolutions_stay(graph, tmp_path):
    tensors = {tensor.name: tensor for tensor in onnx.load_from_string(quantized(graph)).graph.initializer}
    assert tensors["kernel"].data_type == TensorProto.FLOAT
    assert tensors["matrix_quantized"].data_type == TensorProto.INT8
    assert "matrix" not in tensors
    assert [path.name for path in tmp_path.iterdir()] == ["float32.onnx"]
    # More than 7 bits would overflow on processors without VNNI.
    assert 32 < np.abs(numpy_helper.to_array(tensors["matrix_quantized"]).astype(int)).max() <= 64
    assert tensors["matrix_scale"].dims == [64]


def test_the_graph_computes_nearly_the_same(graph, tmp_path, run_graph):
    (tmp_path / "int8.onnx").write_bytes(quantized(graph))
    x = np.random.default_rng(1).normal(size=(1, 16, 64, 64)).astype(np.float32)
    exact, near = run_graph(graph, x=x)["y"], run_graph(tmp_path / "int8.onnx", x=x)["y"]
    assert 0 < np.abs(near - exact).max() < 0.1 * np.abs(exact).max()


def test_logging_is_not_set_up_for_the_whole_process(graph, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    quantized(graph)
    assert logging.getLogger().handlers == []


def test_a_file_that_is_no_graph_is_named(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"not a graph")
    with pytest.raises(WeightsMismatchError, match=r"a\.onnx is not an ONNX file"):
        quantized(tmp_path / "a.onnx")


def test_a_graph_that_is_quantized_already_is_refused(graph, tmp_path):
    (tmp_path / "int8.onnx").write_bytes(quantized(graph))
    with pytest.raises(ConfigError, match=r"int8\.onnx is quantized already: load it without quantize"):
        quantized(tmp_path / "int8.onnx")


def test_a_graph_without_weights_of_matrix_products_is_refused(graph):
    model = onnx.load(str(graph))
    del model.graph.node[1:]
    model.graph.node[0].output[0] = "y"
    onnx.save(model, str(graph))
    with pytest.raises(ConfigError, match=r"float32\.onnx has no matrix products with constant weights"):
        quantized(graph)
    with pytest.raises(ConfigError, match=r"^the encoder has no matrix products .*leave out int8$"):
        quantized(graph, "the encoder")


def test_weights_in_another_file_are_quantized_too(graph, tmp_path):
    expected = quantized(graph)
    model = onnx.load(str(graph))
    onnx.save(model, str(tmp_path / "apart.onnx"), save_as_external_data=True, location="apart.data", size_threshold=0)
    assert b"apart.data" not in quantized(tmp_path / "apart.onnx")
    matrices = [
        numpy_helper.to_array(next(t for t in onnx.load_from_string(g).graph.initializer if t.name == "matrix_quantized"))
        for g in (expected, quantized(tmp_path / "apart.onnx"))
    ]
    np.testing.assert_array_equal(*matrices)


def test_weights_that_are_nodes_are_quantized_too(graph):
    model = onnx.load(str(graph))
    matrix = model.graph.initializer.pop()
    expected = quantized(graph)
    model.graph.node.insert(0, helper.make_node("Constant", [], ["matrix"], value=matrix))
    onnx.save(model, str(graph))
    found = [
        {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(g).graph.initializer}
        for g in (expected, quantized(graph))
    ]
    np.testing.assert_array_equal(*(tensors["matrix_quantized"] for tensors in found))
