"""ONNX graph of the upscaling of SAM's mask decoder: mask logits of one prompt, block by block, only where they are wanted."""

from __future__ import annotations

import numpy as np

from .context import UPSCALED, Grid
from .folding import Folded
from .graph import Graph, Value
from .weights import Weights, linear_layer, upscaling_layer


def upscaling_graph(weights: Weights, side: int) -> bytes:
    """Return the graph that computes mask logits of one prompt.

    Inputs: ``upscaling`` of the context; ``weights_0``, ``weights_1``, ``scale_0``, ``scale_1`` and ``rows`` of the decoder;
    ``prompt`` (1,) index of the prompt; ``hyper`` (K, 32) of the K candidates; and ``grid`` (2,) the numbers of rows and columns of
    image tokens to upscale, from the top-left corner. Tokens of the padding need no mask.

    Output: ``logits`` (K, 4 rows, 4 columns).

    The two transposed convolutions have stride and kernel 2. Each is computed as a linear layer whose outputs are 2 x 2 pixels. The first
    has been applied to the image in the context, and to the rows that a prompt adds in the decoder. The pixels keep their nested order to
    the end of a block and are moved to their places once, when they have K channels instead of 64.
    """
    graph, folded, grid = Graph(), Folded(weights), Grid.of(side)
    width, block = folded.width, grid.block
    prompt, hyper = graph.input("prompt", [1], integer=True), graph.input("hyper", ["K", width // 8])
    wanted = graph.input("grid", [2], integer=True)

    def sizes(*parts: Value) -> str:
        return graph.op("Concat", *parts, axis=0)

    zero, one, columns = np.array([0]), np.array([1]), graph.op("Slice", wanted, np.array([1]), np.array([2]))
    above = graph.op("Add", graph.op("Slice", wanted, zero, one), np.array([grid.rows - 1]))
    blocks = graph.op("Div", above, np.array([grid.rows]))
    tokens = graph.op("Mul", columns, np.array([grid.rows]))  # In a block.

    def of_prompt(name: str) -> str:
        """Return the prompt's part of a decoded value in the wanted blocks and columns, (b, 8 T or 1, tokens)."""
        value = graph.input(name, [grid.blocks, "N", "R" if name.startswith("weights") else 1, block])
        value = graph.op("Reshape", value, np.array([0, 0, -1, grid.rows, grid.side]))
        ends = sizes(blocks, graph.op("Add", prompt, one), columns)
        value = graph.op("Slice", value, sizes(zero, prompt, zero), ends, np.array([0, 1, 4]))
        return graph.op("Reshape", value, sizes(blocks, np.array([-1]), tokens))

    image = graph.reshape(graph.input("upscaling", [grid.blocks, block, width]), 0, grid.rows, grid.side, width)
    image = graph.op("Slice", image, np.array([0, 0]), sizes(blocks, columns), np.array([0, 2]))
    image = graph.op("Reshape", image, sizes(blocks, tokens, np.array([width])))
    rows = graph.op("Gather", graph.input("rows", ["N", "R", width]), prompt, axis=0)
    rows = sizes(graph.op("Squeeze", rows, zero), folded.upscaling_bias.astype(np.float32)[None])
    ones = graph.op("Expand", np.ones((1, 1), np.float32), sizes(one, tokens))

    body = Graph("upscaling_")
    over = {f"block_{name}": of_prompt(name) for name in ("weights_0", "weights_1", "scale_0", "scale_1")}
    over["block_image"] = image
    p0, p1, s12, s2 = (body.input(name, ["R", "l"]) for name in list(over)[:4])
    weighted = body.op("Concat", body.op("Mul", p0, s12), body.op("Mul", p1, s2), ones, axis=0)  # The last row takes the bias.
    scaled = body.op("Mul", body.input("block_image", ["l", width]), body.reshape(s12, -1, 1))
    value = body.reshape(body.op("Gemm", weighted, rows, scaled, transA=1), -1, width // 4)
    value = body.op("LayerNormalization", value, *linear_layer(weights, "output_upscaling.1"), epsilon=1e-6)
    value = body.op("Gelu", body.linear(body.op("Gelu", value), *upscaling_layer(weights, 3)))
    value = body.op("MatMul", hyper, body.transpose(body.reshape(value, -1, width // 8), 1, 0))
    value = body.op("Reshape", value, sizes(np.array([-1, grid.rows]), columns, np.array([2, 2, 2, 2])))
    value = body.transpose(value, 0, 1, 3, 5, 2, 4, 6)
    value = body.op("Reshape", value, sizes(np.array([-1, UPSCALED * grid.rows]), graph.op("Mul", columns, np.array([UPSCALED]))))
    (logits,) = graph.scan(body, over, [value])
    logits = graph.transpose(logits, 1, 0, 2, 3)
    pixels = graph.op("Mul", wanted, np.array([UPSCALED]))
    logits = graph.op("Reshape", logits, sizes(np.array([0, -1]), graph.op("Slice", pixels, one, np.array([2]))))
    return graph.build(logits=graph.op("Slice", logits, zero, graph.op("Slice", pixels, zero, one), one))
