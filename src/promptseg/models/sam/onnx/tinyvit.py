"""Reads the weights of MobileSAM's image encoder, a TinyViT, back out of an ONNX export.

torch's exporter folds batch normalization into convolutions and transposes linear weights, and what it changes it names anew. The nodes
keep the path of the module that they were exported from: what a node's constant is follows from that path and the node's operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from ....errors import WeightsMismatchError
from .weights import read_graph

Array = NDArray[np.float32]

_ROLES = {("Conv", 1): "weight", ("Conv", 2): "bias", ("MatMul", 1): "weight", ("Mul", 0): "weight", ("Mul", 1): "weight"}
_ROLES |= {("Add", 0): "bias", ("Add", 1): "bias"}
"""What a constant is, by the operator that uses it and the place among its operands. ``Mul`` and ``Add`` end norms and linear layers."""


def read_encoder_weights(path: Path) -> dict[str, Array]:
    """The parameters of the encoder in an ONNX file, under their names in a ``TinyViT`` whose convolutions have their batch norm folded in.

    Linear weights are (out, in), as torch has them. The shapes are the file's: what they should be is for the model to say.

    Raises:
        WeightsMismatchError: The file is not ONNX, or not such an export.
    """
    graph = read_graph(path)
    try:
        return _each_once(_parameters(graph))
    except (ValueError, IndexError, TypeError) as error:
        raise WeightsMismatchError(f"{path} is not an image encoder as torch exports it: {error}") from error


def _each_once(parameters: Iterable[tuple[str, Array]]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for name, array in parameters:
        if name in found:
            raise ValueError(f"it has two of {name}")
        found[name] = array
    return found


def _parameters(graph: Any) -> Iterator[tuple[str, Array]]:
    learned = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
    constants = {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
    for node in graph.node:
        module = _module_of(node.name)
        for place, operand in enumerate(node.input):
            if operand in learned:
                role = _ROLES.get((node.op_type, place))
                if role is None or not module:
                    raise ValueError(f"node {node.name!r} ({node.op_type}) has {operand} as its operand {place}")
                yield f"{module}.{role}", _as_in_torch(node.op_type, numpy_helper.to_array(learned[operand]))
            elif operand in constants and node.op_type == "Add" and module.endswith(".attn"):
                yield f"{module}.attention_biases", _attention_biases(module, numpy_helper.to_array(constants[operand]))


def _module_of(node: str) -> str:
    """The module that a node was exported from: ``"neck.1"`` for ``"/neck/neck.1/Mul"``. ``c`` is the convolution beside a batch norm."""
    scopes = node.strip("/").split("/")[:-1]
    inner = [scope for scope, following in zip(scopes, [*scopes[1:], ""], strict=False) if not following.startswith(f"{scope}.")]
    return ".".join(inner).removesuffix(".c")


def _as_in_torch(operator: str, array: Array) -> Array:
    """Linear weights turned; those of channel norms, which the graph has ready for broadcasting, flat."""
    shaped: Array = {"Conv": array, "MatMul": array.T}.get(operator, array.reshape(-1))
    return shaped


def _attention_biases(module: str, table: Array) -> Array:
    """(heads, places) biases by how far apart two places of a window lie, of the (heads, places, places) that the export made of them."""
    if table.ndim != 3 or table.shape[1] != table.shape[2]:
        raise ValueError(f"{module} adds a constant of shape {table.shape}, not one bias for each pair of places")
    places = table.shape[1]
    side = isqrt(places)
    rows, columns = np.divmod(np.arange(places), side)
    apart = np.abs(rows[:, None] - rows) * side + np.abs(columns[:, None] - columns)
    biases: Array = table[:, 0]
    if side * side != places or not np.array_equal(biases[:, apart], table):
        raise ValueError(f"the attention biases of {module} are not those of a square window")
    return biases
