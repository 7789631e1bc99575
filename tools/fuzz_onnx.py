"""Fuzz targets of ONNX files."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from promptseg.errors import WeightsMismatchError
from promptseg.models.sam.onnx.layouts import read_pair
from promptseg.models.sam.onnx.tinyvit import read_encoder_weights
from promptseg.models.sam.onnx.weights import read_decoder_weights
from promptseg.runtime.onnx_files import check_onnx, read_onnx
from promptseg.testing.fuzzing import Target, mutate_bytes
from promptseg.testing.fuzzing.mutators import NUMBERS, TEXTS


def onnx_targets() -> list[Target]:
    """Return the targets of ONNX files."""
    return [
        Target("onnx files", lambda random: {"m.onnx": mutate_onnx(_model(), random), "w.data": bytes(64)}, _read_onnx),
        Target("onnx pairs", _make_pair, _read_pair),
    ]


def mutate_onnx(data: bytes, random: Random) -> bytes:
    """Return an ONNX file after one to four changes of the fields of its messages, or changes of its bytes."""
    if random.random() < 0.2:
        return mutate_bytes(data, random)
    model = onnx.ModelProto()
    model.ParseFromString(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        messages: list[Any] = [model]
        for message in messages:  # It grows.
            for field, value in message.ListFields():
                if field.message_type is not None:
                    messages += value if _is_repeated(field, value) else [value]
        _change_message(random.choice(messages), [node for node in messages if isinstance(node, onnx.NodeProto)], random)
    return bytes(model.SerializeToString())


def _is_repeated(field: Any, value: Any) -> bool:
    return field.message_type is not None and not hasattr(value, "ListFields")


def _change_message(message: Any, nodes: list[Any], random: Random) -> None:
    """Change one field of a message: remove, repeat or replace its values."""
    present = message.ListFields()
    fields = message.DESCRIPTOR.fields
    field = random.choice(present)[0] if present and random.random() < 0.7 else random.choice(fields)
    value = getattr(message, field.name)
    repeated = not isinstance(value, (int, float, str, bytes)) and not hasattr(value, "ListFields")
    action = random.randrange(4)
    if action == 0:
        message.ClearField(field.name)
    elif repeated:
        if action == 1 and len(value):
            del value[random.randrange(len(value))]
        elif field.message_type is not None:
            if len(value):
                value.add().CopyFrom(random.choice(list(value)))
            else:
                value.add()
        elif len(value) and action == 2:
            value[random.randrange(len(value))] = _other_value(field, value[0], nodes, random)
        else:
            value.append(_other_value(field, None, nodes, random))
    elif field.message_type is not None:
        value.SetInParent()
    else:
        setattr(message, field.name, _other_value(field, value, nodes, random))


def _other_value(field: Any, value: Any, nodes: list[Any], random: Random) -> Any:
    """Return a value that a field of numbers, text or bytes may have."""
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING and field.type == field.TYPE_BYTES:
        return mutate_bytes(value if isinstance(value, bytes) and value else bytes(16), random)
    if kind == field.CPPTYPE_STRING:
        names = [name for node in nodes for name in (*node.input, *node.output, node.op_type)]
        paths = ("../w.data", "w.data", "/etc/passwd", "m.onnx", "-1", "64", "9" * 30)
        return random.choice((random.choice(names or [""]), random.choice(paths), random.choice(TEXTS).encode("utf-8", "replace").decode()))
    if kind == field.CPPTYPE_ENUM:
        return random.choice(field.enum_type.values).number
    if kind in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return random.choice((0.0, -1.0, 1e38, float("nan"), float("inf")))
    bits = 31 if kind == field.CPPTYPE_INT32 else 63
    least = 0 if kind in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64) else -(1 << bits)
    near = value if isinstance(value, int) else 0
    whole = [number for number in NUMBERS if isinstance(number, int)] + [near + 1, near - 1, 2 * near, 3, 5, 1 << 40, 1 << 62]
    return min(max(random.choice(whole), least), (1 << bits) - 1)


@functools.cache
def _model() -> bytes:
    """Return a model with weights in it and beside it, an inner graph, a function and a sparse tensor, as an encoder has them."""
    value = helper.make_tensor_value_info
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(np.ones(3, np.float32), "k"))],
        "inner",
        [],
        [value("k", 1, None)],
    )
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(np.ones(1, np.float32), "s"), numpy_helper.from_array(np.zeros(1, np.int64), "i"), [4]
    )
    nodes = [
        helper.make_node("Conv", ["image", "w", "b"], ["c"], name="/patch_embed/seq/seq.0/c/Conv"),
        helper.make_node("Constant", [], ["bias"], value=numpy_helper.from_array(np.zeros((2, 4, 4), np.float32), "bias")),
        helper.make_node("Add", ["c", "bias"], ["a"], name="/layers.1/blocks.0/attn/Add"),
        helper.make_node("MatMul", ["a", "m"], ["d"], name="/layers.1/mlp/fc1/MatMul"),
        helper.make_node("If", ["flag"], ["e"], then_branch=inner, else_branch=inner),
        helper.make_node("Constant", [], ["z"], sparse_value=sparse),
        helper.make_node("f", ["d"], ["y"], domain="own"),
    ]
    outside = TensorProto(name="o", data_type=1, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, text in {"location": "w.data", "offset": "16", "length": "16"}.items():
        outside.external_data.add(key=key, value=text)
    weights = [
        numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in (("w", (2, 3, 1, 1)), ("b", (2,)), ("m", (4, 2)))
    ]
    graph = helper.make_graph(
        nodes, "g", [value("image", 1, [1, 3, 4, 4]), value("flag", 9, [])], [value("y", 1, None)], [*weights, outside]
    )
    version = helper.make_opsetid("", 17)
    function = helper.make_function("own", "f", ["p"], ["q"], [helper.make_node("Neg", ["p"], ["q"])], [version])
    return bytes(helper.make_model(graph, functions=[function], opset_imports=[version]).SerializeToString())


@functools.cache
def _decoder() -> bytes:
    """Return a model with the inputs of a decoder of the layout of SAM, and a few of its parameters."""
    value = helper.make_tensor_value_info
    inputs = [
        value("image_embeddings", 1, [1, 8, 4, 4]),
        value("point_coords", 1, [1, "n", 2]),
        value("point_labels", 1, [1, "n"]),
        value("mask_input", 1, [1, 1, 16, 16]),
        value("has_mask_input", 1, [1]),
        value("orig_im_size", 1, [2]),
    ]
    shapes = {
        "model.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix": (2, 4),
        "model.prompt_encoder.not_a_point_embed.weight": (1, 8),
        "model.mask_decoder.transformer.layers.0.self_attn.q_proj.bias": (8,),
        "onnx::MatMul_1": (8, 8),
        "model.mask_decoder.iou_prediction_head.layers.0.weight": (8, 8),
        "tokens": (1, 5, 8),
        "no_mask": (1, 8, 1, 1),
    }
    weights = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in shapes.items()]
    weights += [
        numpy_helper.from_array(np.ones((8, 8), np.uint8), "model.mask_decoder.output_hypernetworks_mlps.0.layers.0.weight_quantized"),
        numpy_helper.from_array(np.array(0.5, np.float32), "model.mask_decoder.output_hypernetworks_mlps.0.layers.0.weight_scale"),
        numpy_helper.from_array(np.array(3, np.uint8), "model.mask_decoder.output_hypernetworks_mlps.0.layers.0.weight_zero_point"),
    ]
    hyper = "model.mask_decoder.output_hypernetworks_mlps.0.layers.0.weight"
    nodes = [
        helper.make_node("MatMul", ["image_embeddings", "onnx::MatMul_1"], ["t"]),
        helper.make_node("Add", ["model.mask_decoder.transformer.layers.0.self_attn.q_proj.bias", "t"], ["u"]),
        helper.make_node("DequantizeLinear", [f"{hyper}_quantized", f"{hyper}_scale", f"{hyper}_zero_point"], [hyper]),
        helper.make_node("Transpose", [hyper], ["turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["u", "turned"], ["masks"]),
    ]
    graph = helper.make_graph(nodes, "g", inputs, [value("masks", 1, None)], weights)
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())


@functools.cache
def _encoder() -> bytes:
    value = helper.make_tensor_value_info
    nodes = [helper.make_node("Identity", ["image"], ["image_embeddings"])]
    graph = helper.make_graph(nodes, "g", [value("image", 1, [1, 3, 64, 64])], [value("image_embeddings", 1, None)])
    return bytes(helper.make_model(graph).SerializeToString())


def _make_pair(random: Random) -> dict[str, bytes]:
    return {"decoder.onnx": mutate_onnx(_decoder(), random), "encoder.onnx": _encoder()}


def _read_onnx(folder: Path) -> None:
    path = folder / "m.onnx"
    check_onnx(path)
    model = read_onnx(path)
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise AssertionError("weights beside the file were not read")
    _try(read_encoder_weights, path)
    _try(read_decoder_weights, path)


def _read_pair(folder: Path) -> None:
    pair = read_pair([folder / "encoder.onnx", folder / "decoder.onnx"])
    _try(lambda _: (pair.zero_features, pair.grid, pair.input_size), pair.decoder)
    _try(read_decoder_weights, folder / "decoder.onnx")


def _try(read: Callable[[Path], object], path: Path) -> None:
    """Read a file with a further reader, which may refuse it."""
    try:
        read(path)
    except WeightsMismatchError:
        return
