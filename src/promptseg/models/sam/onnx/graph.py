"""Builder for ONNX graphs: operators are method calls, numpy arrays become constants."""

from __future__ import annotations

from typing import Any, Union

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Value = Union[str, NDArray[Any], np.generic]
"""Operand of an operator: the name of a value in the graph, or a numpy array that becomes a constant."""

OPSET = 20


class Graph:
    """An ONNX graph under construction."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._constants: list[onnx.TensorProto] = []

    def input(self, name: str, shape: list[int | str], *, integer: bool = False) -> str:
        """Add an input to the graph and return its name. A string in `shape` is a dimension of any length."""
        kind = TensorProto.INT64 if integer else TensorProto.FLOAT
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def op(self, kind: str, *operands: Value, **attributes: Any) -> str:
        """Add an operator with one output and return the name of the output."""
        output = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, [self._name(operand) for operand in operands], [output], **attributes))
        return output

    def reshape(self, value: str, *shape: int) -> str:
        """Add a reshape and return its output. In `shape`, 0 keeps a dimension and -1 is inferred."""
        return self.op("Reshape", value, np.array(shape, np.int64))

    def transpose(self, value: str, *order: int) -> str:
        """Add a permutation of the dimensions and return its output."""
        return self.op("Transpose", value, perm=list(order))

    def linear(self, value: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """Add ``value @ weight + bias``, with `weight` (in, out), and return its output."""
        return self.op("Add", self.op("MatMul", value, weight), bias)

    def build(self, **outputs: str) -> bytes:
        """Return the serialized ONNX model, with the given values of the graph as its named outputs."""
        for name, value in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [name]))
        graph = helper.make_graph(
            self._nodes,
            "promptseg",
            self._inputs,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            self._constants,
        )
        # IR version 9 is the oldest with this opset, so older runtimes can read the file.
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9, producer_name="promptseg")
        serialized: bytes = onnx.shape_inference.infer_shapes(model).SerializeToString()
        return serialized

    def _name(self, operand: Value) -> str:
        if isinstance(operand, str):
            return operand
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.array(operand, order="C"), name))
        return name
