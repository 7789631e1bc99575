"""Reads the weights of SAM's prompt encoder and mask decoder back out of a published ONNX export.

The export of segment-anything (``scripts/export_onnx_model.py``) keeps most parameter names as names of initialisers. Those of linear
layers that were folded into ``MatMul`` and of channel norms are lost, but the nodes that use them still carry the module's path.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from ..errors import WeightsMismatchError

Weights = Mapping[str, NDArray[np.float32]]
"""Parameters under their names in segment-anything's state dict, without ``prompt_encoder.`` and ``mask_decoder.``; linear weights of the
transformer are (in, out)."""

_CHANNEL_NORMS = ("mask_downscaling.1", "mask_downscaling.4", "output_upscaling.1")


def read_decoder_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """The parameters of the prompt encoder and mask decoder in an ONNX file of segment-anything's layout.

    Two are stored as the export computed them: ``"output_tokens"`` (1, 5, 256), the IoU token and the four mask tokens, and
    ``"no_mask_embed"`` (256,).

    Raises:
        WeightsMismatchError: The file is not such an export.
    """
    graph = read_graph(path)
    try:
        initialisers = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        nodes = {node.name: node for node in graph.node}
        weights = {
            name.removeprefix("model.").removeprefix("mask_decoder.").removeprefix("prompt_encoder."): array
            for name, array in initialisers.items()
            if not name.startswith("onnx::")
        }
        for name, node in nodes.items():
            if node.op_type == "MatMul" and node.input[1].startswith("onnx::"):
                weights[name.strip("/").replace("/", ".").replace(".MatMul", ".weight")] = initialisers[node.input[1]]
        for norm in _CHANNEL_NORMS:
            prefix = f"/{norm.split('.')[0]}/{norm}"
            weights[f"{norm}.weight"] = initialisers[nodes[f"{prefix}/Mul"].input[0]].reshape(-1)
            weights[f"{norm}.bias"] = initialisers[nodes[f"{prefix}/Add_1"].input[1]].reshape(-1)
        weights["output_tokens"] = _only(initialisers, (1, 5, 256))
        weights["no_mask_embed"] = _only(initialisers, (1, 256, 1, 1)).reshape(-1)
    except (KeyError, IndexError, ValueError) as error:
        raise WeightsMismatchError(f"{path} is not a mask decoder as segment-anything exports it: missing {error}") from error
    return {name: array.astype(np.float32) for name, array in weights.items()}


def read_graph(path: Path) -> Any:
    """The ``onnx.GraphProto`` of a file.

    Raises:
        WeightsMismatchError: It is not an ONNX file.
    """
    try:
        return onnx.load(str(path)).graph
    except Exception as error:  # protobuf's DecodeError has moved between versions.
        raise WeightsMismatchError(f"{path} is not an ONNX file: {error}") from error


def _only(initialisers: Mapping[str, NDArray[np.float32]], shape: tuple[int, ...]) -> NDArray[np.float32]:
    found = [array for name, array in initialisers.items() if name.startswith("onnx::") and array.shape == shape]
    if len(found) != 1:
        raise ValueError(f"one constant of shape {shape}; it has {len(found)}")
    return found[0]
