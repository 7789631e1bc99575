"""Rewriting of a decoder graph of transformers, so that it takes several prompts at once and gives all its candidates.

Exporters of transformers leave three things in their decoders that are mended here:

- Tokens of points and tokens of boxes are joined by a ``Concat``. Without a box, ``input_boxes`` is empty, but ONNX Runtime (1.32) leaves
  room for the tokens of a box all the same and fills it with whatever the memory holds. So the tokens of boxes are left out of the
  graph: where the model embeds corners of boxes as points with labels 2 and 3, a box comes as two points.
- The number of prompts may be fixed to one, only because one prompt was traced.
- The candidate for prompts that mean one object is computed, and then cut off by a ``Slice``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from graphlib import TopologicalSorter
from operator import or_
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from .layouts import HAS_MASK, INPUT_BOXES, INPUT_LABELS, INPUT_POINTS, MASK

SCORES, MASKS = "iou_scores", "pred_masks"
"""Names of the decoder's outputs: predicted IoUs (1, N, C), and logits (1, N, C, low_res, low_res)."""

_POINTS, _BOXES, _OTHER = 1, 2, 4
"""Bits that tell which inputs a value depends on."""
_ONLY_MOVED = ("Cast", "Expand", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Unsqueeze")
"""Operators that keep labels as they are, and change their number type or their place."""
_CANDIDATES = {SCORES: (2, -1), MASKS: (2, -3)}
"""Dimension of the candidates in each output, counted from the front and from the back."""


def prompt_graph(model: Any, *, boxes: bool) -> Any:
    """Return a decoder that gives scores and logits alone, of all candidates that it computes, and takes any number of prompts.

    Args:
        model: The decoder, an ``onnx.ModelProto`` with its weights. It is not changed.
        boxes: Whether the tokens of boxes stay in the graph.

    Returns:
        A new ``onnx.ModelProto``. Its outputs are scores and logits, in this order.
    """
    graph = onnx.ModelProto()
    graph.CopyFrom(model)
    _sort(graph.graph)
    if not boxes:
        _leave_out_boxes(graph.graph)
    makers = {name: node for node in graph.graph.node for name in node.output}
    scores, masks = (_before_cut(name, makers, graph.graph) for name in (SCORES, MASKS))
    _prune(graph.graph, [SCORES, MASKS] if scores is None or masks is None else [scores, masks])
    for index in reversed([index for index, tensor in enumerate(graph.graph.initializer) if tensor.name in (MASK, HAS_MASK)]):
        del graph.graph.initializer[index]  # An input with a value of its own may be left out. ONNX Runtime does not list it.
    for value in graph.graph.input:
        if value.name in (INPUT_POINTS, INPUT_LABELS):
            for index, name in ((1, "prompts"), (2, "points")):
                value.type.tensor_type.shape.dim[index].dim_param = name
    return graph


def pads_points(model: Any) -> bool:
    """Return whether a decoder adds a padding point to each prompt itself, so that the labels are concatenated with one, or padded."""
    reached = {INPUT_LABELS}
    for node in model.graph.node:
        if not reached & set(node.input):
            continue
        if node.op_type in ("Concat", "Pad"):
            return True
        if node.op_type in _ONLY_MOVED and node.input[0] in reached:
            reached |= set(node.output)
    return False


def _sort(graph: Any) -> None:
    """Put nodes into the order in which they are computed. ONNX asks for it, but converters to float16 append nodes at the end."""
    makers = {name: index for index, node in enumerate(graph.node) for name in node.output}
    before = {
        index: {makers[name] for name in (*node.input, *_captured(node)) if name in makers and makers[name] != index}
        for index, node in enumerate(graph.node)
    }
    order = TopologicalSorter(before).static_order()  # There is no circle, as `read_onnx` saw.
    _replace_nodes(graph, [graph.node[index] for index in order])


def _replace_nodes(graph: Any, nodes: Iterable[Any]) -> None:
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)


def _leave_out_boxes(graph: Any) -> None:
    """Take the tokens that depend on boxes alone out of each concatenation with tokens that depend on points alone."""
    known = {INPUT_POINTS: _POINTS, INPUT_LABELS: _POINTS, INPUT_BOXES: _BOXES}
    depends = {value.name: known.get(value.name, _OTHER) for value in graph.input}
    depends |= {tensor.name: 0 for tensor in graph.initializer}
    for node in graph.node:
        kinds = [depends.get(name, 0) for name in node.input]
        # Shapes are concatenated along axis 0, and tokens along another.
        joins = node.op_type == "Concat" and next((each.i for each in node.attribute if each.name == "axis"), 0) != 0
        if joins and _POINTS in kinds and _BOXES in kinds and max(kinds) < _OTHER:
            kept = [name for name, kind in zip(node.input, kinds, strict=True) if kind != _BOXES]
            del node.input[:]
            node.input.extend(kept)
            kinds = [_POINTS]
        for name in node.output:
            depends[name] = reduce(or_, [*kinds, *(depends.get(inner, 0) for inner in _captured(node))], 0)


def _before_cut(output: str, makers: Mapping[str, Any], graph: Any) -> str | None:
    """Return the value from which a decoder cuts its first candidate, or None if it cuts nothing."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    name, cut = output, False
    while name in makers:
        node = makers[name]
        if node.op_type == "Slice":
            start = _slice_from(node, makers, constants, _CANDIDATES[output])
            if start not in (0, 1) or (start == 1 and cut):
                break
            cut = cut or start == 1
        elif node.op_type not in ("Cast", "Identity"):
            break
        name = node.input[0]
    return name if cut else None


def _slice_from(node: Any, makers: Mapping[str, Any], constants: Mapping[str, Any], axes: Sequence[int]) -> int | None:
    """Return where a slice begins: 0 if it cuts nothing, 1 if it cuts the first along one of `axes`, and None if it does anything else."""
    values = [_constant(name, makers, constants) for name in node.input[1:]]
    if any(value is None or len(value) != 1 for value in values) or len(values) < 3:
        return None
    (start, stop, along), step = ([int(value[0]) for value in values[:3] if value is not None], 1)
    if len(values) > 3 and values[3] is not None:
        step = int(values[3][0])
    if step != 1 or stop < np.iinfo(np.int32).max:
        return None
    return start if start == 0 or (start == 1 and along in axes) else None


def _constant(name: str, makers: Mapping[str, Any], constants: Mapping[str, Any]) -> Sequence[Any] | None:
    """Return a constant of one dimension, from an initializer or a node; None for any other value."""
    tensor = constants.get(name)
    if tensor is None and name in makers and makers[name].op_type == "Constant":
        tensor = next((each.t for each in makers[name].attribute if each.name == "value"), None)
    if tensor is None or len(tensor.dims) != 1 or tensor.dims[0] > 8:
        return None
    values: Sequence[Any] = numpy_helper.to_array(tensor).tolist()
    return values


def _prune(graph: Any, outputs: Sequence[str]) -> None:
    """Keep what a graph needs for these outputs, and nothing else."""
    needed, kept = set(outputs), []
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed |= {*node.input, *_captured(node)}
    _replace_nodes(graph, kept[::-1])
    for values in (graph.initializer, graph.input):
        for index in reversed([index for index, value in enumerate(values) if value.name not in needed]):
            del values[index]
    del graph.output[:], graph.value_info[:]
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)


def _captured(node: Any) -> Iterator[str]:
    """Yield names that graphs inside a node may take from the graph around them."""
    for attribute in node.attribute:
        for inner in _inner(attribute):
            for each in inner.node:
                yield from each.input
                yield from _captured(each)
            yield from (value.name for value in inner.output)


def _inner(attribute: Any) -> Iterable[Any]:
    return [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]
