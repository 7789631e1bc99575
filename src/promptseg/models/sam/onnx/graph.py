"""A small builder for ONNX graphs: operators as calls, numpy arrays as constants."""

from __future__ import annotations

from typing import Any, Union

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Value = Union[str, NDArray[Any], np.generic]
"""An operand: the name of a value in the graph, or a numpy array that becomes a constant."""

OPSET = 20


class Graph:
    """An ONNX graph under construction."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._constants: list[onnx.TensorProto] = []

    def input(self, name: str, shape: list[int | str], *, integer: bool = False) -> str:
        """Declares an input; a string in its shape is a dimension of any length."""
        kind = TensorProto.INT64 if integer else TensorProto.FLOAT
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def op(self, kind: str, *operands: Value, **attributes: Any) -> str:
        """Adds an operator with one output and returns the output's name."""
        output = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, [self._name(operand) for operand in operands], [output], **attributes))
        return output

    def reshape(self, value: str, *shape: int) -> str:
        """Reshapes; 0 keeps a dimension, -1 takes what is left."""
        return self.op("Reshape", value, np.array(shape, np.int64))

    def transpose(self, value: str, *order: int) -> str:
        """Reorders the dimensions."""
        return self.op("Transpose", value, perm=list(order))

    def linear(self, value: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """``value @ weight + bias`` with `weight` (in, out)."""
        return self.op("Add", self.op("MatMul", value, weight), bias)

    def build(self, **outputs: str) -> bytes:
        """The serialized model, with values of the graph as its named outputs."""
        for name, value in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [name]))
        graph = helper.make_graph(
            self._nodes,
            "promptseg",
            self._inputs,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            self._constants,
        )
        # IR version 9 is the oldest that has this opset, so that older runtimes read the file.
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9, producer_name="promptseg")
        serialized: bytes = onnx.shape_inference.infer_shapes(model).SerializeToString()
        return serialized

    def _name(self, operand: Value) -> str:
        if isinstance(operand, str):
            return operand
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.array(operand, order="C"), name))
        return name
