"""Quantization of graphs to int8, with ONNX Runtime's dynamic quantization.

The weights of matrix products become int8, with a scale for each column, and the other operand is quantized while the graph runs.
Convolutions stay in float32: quantizing them would save little and damage the outlines of masks (docs/how-to/export.md has the figures).

Weights use 7 of the 8 bits. Processors with AVX2 or AVX-512 but without VNNI add pairs of products in 16 bits, and larger weights would
overflow: the error of mini-sam's embedding is 2.8 % with 8 bits there, and 1.1 % with 7. So one graph suits every processor.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from ..errors import BackendError, ConfigError
from .onnx_files import QUANTIZED, number_type, read_onnx


def quantized(path: Path, what: str = "") -> bytes:
    """Return the graph of a file, serialized, with the weights of its matrix products in int8. Nothing is written beside the file.

    Args:
        path: The file.
        what: What messages call it; default: its path.

    Raises:
        ConfigError: The graph is quantized already, or it has no matrix products with constant weights.
        WeightsMismatchError: The file is not ONNX, or is damaged.
        BackendError: ONNX Runtime cannot quantize it.
        OSError: The folder for temporary files cannot be written.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graph = read_onnx(path)
    if any(part in node.op_type for node in graph.graph.node for part in QUANTIZED):
        raise ConfigError(f"{path} is quantized already: load it without quantize")
    if number_type(graph) != "float32":
        raise ConfigError(f"{path} has its weights in {number_type(graph)}, and int8 is made of float32: take the files in float32")
    _name_weights(graph.graph)
    # ONNX Runtime logs with the functions of the logging module, which configure the root logger if it has no handler.
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "int8.onnx"
            quantize_dynamic(
                graph, target, op_types_to_quantize=["MatMul"], per_channel=True, reduce_range=True, weight_type=QuantType.QInt8
            )
            content = target.read_bytes()
    except OSError:
        raise
    except Exception as error:  # ONNX's and ONNX Runtime's exceptions share no base but Exception.
        raise BackendError(f"ONNX Runtime could not quantize {path.name}: {error}") from error
    finally:
        logging.getLogger().removeHandler(handler)
    if b"MatMulInteger" not in content:
        raise ConfigError(f"{what or path} has no matrix products with constant weights, so there is nothing to quantize: leave out int8")
    return content


def _name_weights(graph: Any) -> None:
    """Turn constants that are nodes into initializers, the only ones that ONNX Runtime quantizes. Exporters write either."""
    kept = []
    for node in graph.node:
        tensors = [attribute.t for attribute in node.attribute if attribute.name == "value"] if node.op_type == "Constant" else []
        if tensors:
            graph.initializer.add().CopyFrom(tensors[0])
            graph.initializer[-1].name = node.output[0]
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
