"""int8 by ONNX Runtime's dynamic quantization."""

import logging

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from promptseg.errors import BackendError
from promptseg.export.quantize import quantize


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
    quantize(graph, tmp_path / "int8.onnx")
    kinds = {tensor.name: tensor.data_type for tensor in onnx.load(str(tmp_path / "int8.onnx")).graph.initializer}
    assert kinds["kernel"] == TensorProto.FLOAT
    assert kinds["matrix_quantized"] == TensorProto.UINT8
    assert "matrix" not in kinds
    assert sorted(path.name for path in tmp_path.iterdir()) == ["float32.onnx", "int8.onnx"]


def test_the_graph_computes_nearly_the_same(graph, tmp_path, run_graph):
    quantize(graph, tmp_path / "int8.onnx")
    x = np.random.default_rng(1).normal(size=(1, 16, 64, 64)).astype(np.float32)
    exact, near = run_graph(graph, x=x)["y"], run_graph(tmp_path / "int8.onnx", x=x)["y"]
    assert 0 < np.abs(near - exact).max() < 0.1 * np.abs(exact).max()


def test_logging_is_not_set_up_for_the_whole_process(graph, tmp_path, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    quantize(graph, tmp_path / "int8.onnx")
    assert logging.getLogger().handlers == []


def test_a_file_that_is_no_graph_is_named(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"not a graph")
    with pytest.raises(BackendError, match=r"could not quantize a\.onnx"):
        quantize(tmp_path / "a.onnx", tmp_path / "b.onnx")
