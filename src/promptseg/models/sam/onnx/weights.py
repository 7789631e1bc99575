"""Reader for the weights of SAM's prompt encoder and mask decoder in a published ONNX export, quantized or not.

The export of segment-anything (``scripts/export_onnx_model.py``) keeps most parameter names as names of initializers. Many weights of
linear layers lose their names, and some are transposed. They are identified by the bias that is added to their product. Weights of channel
norms are identified by their shape and order.

``quantize_dynamic`` of ONNX Runtime stores a weight ``w`` as bytes ``w_quantized`` with ``w_scale`` and ``w_zero_point``. They are
dequantized here, each to within half a quantization step of the original.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from ....errors import WeightsMismatchError
from ....runtime.onnx_files import read_onnx

Weights = Mapping[str, NDArray[np.float32]]
"""Parameters by their names in segment-anything's state dict, without the prefixes ``prompt_encoder.`` and ``mask_decoder.``.

Linear weights of the transformer are (in, out).
"""

HEADS = 8
"""Number of heads in every attention. It cannot be read from the weights."""

_PARAMETER = re.compile(r"(?:model\.)?(?:prompt_encoder|mask_decoder)\.(.+)")
_LINEAR = ("transformer.", "iou_prediction_head.", "output_hypernetworks_mlps.")
"""Prefixes of the linear layers."""
_FREQUENCIES = "pe_layer.positional_encoding_gaussian_matrix"
_CHANNEL_NORMS = ("mask_downscaling.1", "mask_downscaling.4", "output_upscaling.1")
_QUANTIZED = "_quantized"
_MAX_STEPS = 8
"""Maximum number of steps of dequantization. Exports have two."""
_NAMED = 4
"""Maximum number of parameters named in an error message."""


def read_decoder_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the parameters of the prompt encoder and mask decoder in an ONNX file of segment-anything's layout.

    Two are constants that the export computed: ``"output_tokens"`` (1, 5, 256), the IoU token and the four mask tokens, and
    ``"no_mask_embed"`` (256,).

    Raises:
        WeightsMismatchError: The file is not a mask decoder exported by segment-anything.
    """
    graph = read_onnx(path).graph
    try:
        return _decoder_weights(path, graph)
    except WeightsMismatchError:
        raise
    except Exception as error:  # Any error of numpy or onnx means that the graph is of another form.
        raise WeightsMismatchError(f"{path} is not a mask decoder as segment-anything exports it: {error}") from error


def linear_layer(weights: Weights, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weight and bias of a layer."""
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def upscaling_layer(weights: Weights, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a transposed convolution of stride and kernel 2 as a linear layer: weight (in, 2 * 2 * out) and bias."""
    weight = weights[f"output_upscaling.{index}.weight"].transpose(0, 2, 3, 1)
    return weight.reshape(len(weight), -1), np.tile(weights[f"output_upscaling.{index}.bias"], 4)


def _decoder_weights(path: Path, graph: Any) -> dict[str, NDArray[np.float32]]:
    constants = _constants(graph)
    weights, nameless = {}, []
    for name, array in constants.items():
        match = _PARAMETER.fullmatch(name)
        if match is None:
            nameless.append(array)
        elif not (match[1].startswith(_LINEAR) and array.ndim == 2):
            weights[match[1]] = array
    users = _users(graph)
    weights |= _linear_weights(graph, users, constants)
    weights |= _channel_norms(graph, users, constants)
    width = weights["not_a_point_embed.weight"].size if "not_a_point_embed.weight" in weights else 0
    computed = {(1, 5, width): "output_tokens", (1, width, 1, 1): "no_mask_embed"}
    weights |= {computed[array.shape]: array for array in nameless if array.shape in computed}
    _check(path, weights)
    weights["no_mask_embed"] = weights["no_mask_embed"].reshape(-1)
    if any(tensor.name.endswith(_FREQUENCIES + _QUANTIZED) for tensor in graph.initializer):
        weights[_FREQUENCIES] = _exact_frequencies(weights[_FREQUENCIES], nameless)
    return {name: np.ascontiguousarray(array, np.float32) for name, array in weights.items()}


def _constants(graph: Any) -> dict[str, NDArray[np.float32]]:
    """Return the float32 constants of the graph by name. Quantized ones are dequantized, under their original names."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    constants = {name: array for name, array in stored.items() if array.dtype == np.float32}
    for name in [name.removesuffix(_QUANTIZED) for name in stored if name.endswith(_QUANTIZED)]:
        if f"{name}_scale" not in constants or f"{name}_zero_point" not in stored:
            continue
        scale, zero = constants.pop(f"{name}_scale"), stored[f"{name}_zero_point"].astype(np.float32)
        array = stored[name + _QUANTIZED].astype(np.float32)
        if scale.size > 1:  # One scale for each channel: the columns of a matrix, the first dimension of a convolution.
            channels = (1, -1) if array.ndim == 2 else (-1, *(1,) * (array.ndim - 1))
            scale, zero = scale.reshape(channels), zero.reshape(channels)
        constants[name] = (array - zero) * scale
    return constants


def _users(graph: Any) -> dict[str, list[Any]]:
    """Return, for each value of the graph, the nodes that take it as an input."""
    users = defaultdict(list)
    for node in graph.node:
        for operand in node.input:
            users[operand].append(node)
    return users


def _linear_weights(graph: Any, users: Mapping[str, Sequence[Any]], constants: Weights) -> dict[str, NDArray[np.float32]]:
    """Return the weights of linear layers, each named after the bias that is added to its product."""
    weights = {}
    for node in graph.node:
        if node.op_type not in ("MatMul", "MatMulInteger", "Gemm"):
            continue
        weight = constants.get(node.input[1].removesuffix(_QUANTIZED))
        bias = "".join(node.input[2:]) if node.op_type == "Gemm" else _added_to(node.output[0], users)
        match = _PARAMETER.fullmatch(bias or "")
        if weight is not None and match is not None and match[1].endswith(".bias"):
            name = match[1].removesuffix("bias") + "weight"
            out_in = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
            weights[name] = weight if out_in is not name.startswith("transformer.") else weight.T
    return weights


def _channel_norms(graph: Any, users: Mapping[str, Sequence[Any]], constants: Weights) -> dict[str, NDArray[np.float32]]:
    """Return weights and biases of the channel norms.

    In the graph they have shape (C, 1, 1); a multiplication by the weight is followed by an addition of the bias. The norms are named by
    their order in the graph.
    """

    def is_channels(name: str) -> bool:
        return name in constants and constants[name].shape == (constants[name].size, 1, 1)

    found = []
    for node in graph.node:
        weights = list(filter(is_channels, node.input))
        bias = _added_to(node.output[0], users) or ""
        if node.op_type == "Mul" and weights and is_channels(bias):
            found.append((constants[weights[0]].reshape(-1), constants[bias].reshape(-1)))
    named = zip(_CHANNEL_NORMS, found, strict=False)
    return {f"{name}.{part}": array for name, norm in named for part, array in zip(("weight", "bias"), norm, strict=True)}


def _added_to(value: str, users: Mapping[str, Sequence[Any]]) -> str | None:
    """Return the name of the value that is added to a value, after the steps of dequantization. None if nothing is added."""
    for _ in range(_MAX_STEPS):
        if len(users.get(value, ())) != 1:
            return None
        (node,) = users[value]
        if node.op_type == "Add":
            first, second = node.input
            return str(second if first == value else first)
        if node.op_type not in ("Cast", "Mul"):
            return None
        value = node.output[0]
    return None


def _exact_frequencies(rounded: NDArray[np.float32], constants: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the frequencies of the position encoding before quantization, if the file allows to recover them; otherwise `rounded`.

    Quantization changes a frequency by up to half a step, which moves a point by pixels. A graph that was simplified before quantization
    also holds the position encoding of the image tokens, sine and cosine (width, grid, grid), as a constant that was not quantized.
    """
    width = 2 * rounded.shape[1]
    found = []
    for array in constants:
        shape = array.shape[-3:]
        if array.ndim > 3 and shape == (width, shape[2], shape[2]) and array.size == width * shape[2] ** 2 > width:
            found.append(array.reshape(shape))
    if len(found) != 1:
        return rounded
    sine, cosine = np.split(found[0].astype(np.float64), 2)
    phase = cosine + 1j * sine
    radians = 4 * np.pi / phase.shape[-1]  # Phase step from one position to the next, for a frequency of 1.
    exact = rounded.astype(np.float64)
    for row, axis in ((0, 2), (1, 1)):  # x, y
        later, earlier = (np.take(phase, range(start, start + phase.shape[axis] - 1), axis) for start in (1, 0))
        step = (later * earlier.conj()).mean(axis=(1, 2)) * np.exp(-1j * radians * exact[row])
        exact[row] += np.angle(step) / radians
    return exact.astype(np.float32)


def _check(path: Path, weights: Weights) -> None:
    """Check that the parameters are exactly those of a decoder with two layers, whose attentions to the image have half its width.

    Raises:
        WeightsMismatchError: Parameters are missing, unknown, or of another width.
    """
    expected = _expected()
    for fault, names in (("lacks", expected - set(weights)), ("also has", set(weights) - expected)):
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            raise WeightsMismatchError(
                f"{path} is not a mask decoder as segment-anything exports it: it {fault} {', '.join(sorted(names)[:_NAMED])}{more}"
            )
    width, inner = weights["transformer.final_attn_token_to_image.q_proj.weight"].shape
    if inner * 2 != width or width % 16:
        raise WeightsMismatchError(
            f"{path} is not a mask decoder as segment-anything exports it: "
            f"its tokens have {width} features and attend to the image by {inner}, expected half as many, for 8 heads"
        )


def _expected() -> set[str]:
    linear, norms = [], ["transformer.norm_final_attn", *_CHANNEL_NORMS]
    attentions = ["transformer.final_attn_token_to_image"]
    for layer in ("transformer.layers.0", "transformer.layers.1"):
        attentions += [f"{layer}.{name}" for name in ("self_attn", "cross_attn_token_to_image", "cross_attn_image_to_token")]
        linear += [f"{layer}.mlp.lin1", f"{layer}.mlp.lin2"]
        norms += [f"{layer}.norm{number}" for number in range(1, 5)]
    linear += [f"{attention}.{projection}_proj" for attention in attentions for projection in ("q", "k", "v", "out")]
    heads = ["iou_prediction_head", *(f"output_hypernetworks_mlps.{mask}" for mask in range(4))]
    linear += [f"{head}.layers.{layer}" for head in heads for layer in range(3)]
    linear += [f"mask_downscaling.{index}" for index in (0, 3, 6)] + [f"output_upscaling.{index}" for index in (0, 3)]
    points = ["not_a_point_embed.weight", *(f"point_embeddings.{kind}.weight" for kind in range(4))]
    return {f"{name}.{part}" for name in linear + norms for part in ("weight", "bias")} | {
        _FREQUENCIES,
        "output_tokens",
        "no_mask_embed",
        *points,
    }
