"""Reader for the weights of MobileSAM's image encoder, a TinyViT, in an ONNX export.

torch's exporter folds batch normalization into convolutions, transposes linear weights, and renames the parameters that it changes. The
nodes keep the path of the module that they were exported from. This path and the node's operator identify the parameter.
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
from ....runtime.onnx_files import read_onnx

Array = NDArray[np.float32]

_ROLES = {("Conv", 1): "weight", ("Conv", 2): "bias", ("MatMul", 1): "weight", ("Mul", 0): "weight", ("Mul", 1): "weight"}
_ROLES |= {("Add", 0): "bias", ("Add", 1): "bias"}
"""Kind of parameter of a constant, by the operator that uses it and its position among the operands.

``Mul`` and ``Add`` are the last operators of norms and linear layers.
"""


def read_encoder_weights(path: Path) -> dict[str, Array]:
    """Return the parameters of the encoder in an ONNX file, by their names in a ``TinyViT`` with batch norms folded into convolutions.

    Linear weights are (out, in), as in torch. Shapes are not checked here.

    Raises:
        WeightsMismatchError: The file is not ONNX, or not an image encoder exported by torch.
    """
    graph = read_onnx(path).graph
    try:
        return _each_once(_parameters(graph))
    except Exception as error:  # Any error of numpy or onnx means that the graph is of another form.
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
    """Return the module that a node was exported from, such as ``"neck.1"`` for ``"/neck/neck.1/Mul"``.

    A final ``c``, the convolution beside a batch norm, is removed.
    """
    scopes = node.strip("/").split("/")[:-1]
    inner = [scope for scope, following in zip(scopes, [*scopes[1:], ""], strict=False) if not following.startswith(f"{scope}.")]
    return ".".join(inner).removesuffix(".c")


def _as_in_torch(operator: str, array: Array) -> Array:
    """Return a parameter in the shape that torch uses.

    Linear weights are transposed. Weights of channel norms, which the graph stores in a shape for broadcasting, are flattened.
    """
    shaped: Array = {"Conv": array, "MatMul": array.T}.get(operator, array.reshape(-1))
    return shaped


def _attention_biases(module: str, table: Array) -> Array:
    """Return attention biases as torch stores them, (heads, places), from the table (heads, places, places) of the export.

    torch stores one bias for each offset between two places of a window; the table repeats it for every pair of places.

    Raises:
        ValueError: The table is not made of one bias for each offset in a square window.
    """
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
