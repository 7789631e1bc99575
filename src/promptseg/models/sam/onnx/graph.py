"""Builder for ONNX graphs: operators are method calls, numpy arrays become constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
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
        output = f"{self._prefix}{kind}_{len(self._nodes)}"
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

    def scan(self, body: Graph, over: Mapping[str, Value], results: Sequence[str]) -> list[str]:
        """Add a loop over the first dimension of values and return its outputs.

        Args:
            body: Graph of one turn. It may use values of this graph by their names.
            over: Values of this graph by the input of the body that takes one entry of them at each turn.
            results: Values of the body. The results of all turns are stacked along a new first dimension.
        """
        outputs = [f"{self._prefix}{body._prefix}{number}" for number in range(len(results))]
        self._nodes.append(
            helper.make_node(
                "Scan", [self._name(value) for value in over.values()], outputs, body=body._graph(results), num_scan_inputs=len(over)
            )
        )
        return outputs

    def build(self, **outputs: str) -> bytes:
        """Return the serialized ONNX model, with the given values of the graph as its named outputs."""
        for name, value in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [name]))
        graph = self._graph(list(outputs))
        # IR version 9 is the oldest with this opset, so older runtimes can read the file.
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9, producer_name="promptseg")
        serialized: bytes = onnx.shape_inference.infer_shapes(model).SerializeToString()
        return serialized

    def _graph(self, outputs: Sequence[str]) -> onnx.GraphProto:
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        return helper.make_graph(self._nodes, f"promptseg{self._prefix}", self._inputs, values, self._constants)

    def _name(self, operand: Value) -> str:
        if isinstance(operand, str):
            return operand
        name = f"{self._prefix}constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.array(operand, order="C"), name))
        return name
