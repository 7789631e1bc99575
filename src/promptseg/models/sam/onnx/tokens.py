"""The token side of SAM's mask decoder as parts of an ONNX graph: prompt tokens, what they do among themselves, and the heads.

The architecture is that of ``PromptEncoder``, ``TwoWayTransformer`` and ``MaskDecoder`` in segment-anything (Kirillov et al., "Segment
Anything", 2023). Shapes in the docstrings are for SAM's token width (256). A prompt has T tokens: 5 output tokens and P points.
"""

from __future__ import annotations

import numpy as np

from .folding import Rows
from .graph import Graph
from .weights import HEADS, Weights, linear_layer

MASKS = 4
"""Number of mask tokens, and so of candidate masks."""
PATCH = 16
"""Side of an image token in pixels of the model input."""


def prompt_tokens(graph: Graph, weights: Weights, side: int) -> str:
    """Return the tokens of the prompts, (N, T, 256): the output tokens, then the embedding of each point's position and label.

    This is ``PromptEncoder._embed_points``. The graph gets the inputs ``points`` (N, P, 2) in pixels of the model input, and ``labels``
    (N, P).

    Args:
        graph: The graph.
        weights: The decoder's weights.
        side: Rows and columns of image tokens.
    """
    points, labels = graph.input("points", ["N", "P", 2]), graph.input("labels", ["N", "P"], integer=True)
    unit = graph.op("Div", graph.op("Add", points, np.float32(0.5)), np.float32(PATCH * side))
    centered = graph.op("Sub", graph.op("Mul", unit, np.float32(2)), np.float32(1))
    angles = graph.op("MatMul", centered, weights["pe_layer.positional_encoding_gaussian_matrix"])
    angles = graph.op("Mul", angles, np.float32(2 * np.pi))
    position = graph.op("Concat", graph.op("Sin", angles), graph.op("Cos", angles), axis=-1)
    kinds = np.concatenate([weights["not_a_point_embed.weight"], *(weights[f"point_embeddings.{i}.weight"] for i in range(4))])
    row = graph.op("Add", labels, np.int64(1))  # Padding (label -1) is row 0 and has no position.
    real = graph.op("Cast", graph.op("Greater", row, np.int64(0)), to=1)
    position = graph.op("Mul", position, graph.op("Unsqueeze", real, np.array([-1])))
    embedded = graph.op("Add", position, graph.op("Gather", kinds, row, axis=0))
    shape = graph.op("Concat", graph.op("Shape", labels, start=0, end=1), np.array([1, 1]), axis=0)
    return graph.op("Concat", graph.op("Expand", weights["output_tokens"], shape), embedded, axis=1)


class TokenSide:
    """Builder of what tokens do among themselves.

    Args:
        graph: The graph.
        weights: The decoder's weights.
        tokens: The tokens of the prompts, (N, T, 256).

    Attributes:
        width: Width of a token.
        head: Width of a head of the attentions between tokens and image, which SAM downsamples by two.
    """

    def __init__(self, graph: Graph, weights: Weights, tokens: str) -> None:
        self.graph, self.weights, self.tokens = graph, weights, tokens
        self.width = weights["no_mask_embed"].size
        self.head = self.width // 2 // HEADS
        self._batch, self._length = (graph.op("Shape", tokens, start=start, end=start + 1) for start in (0, 1))

    def positioned(self, queries: str) -> str:
        """Return tokens plus the tokens of the prompts, which tell them apart in every attention."""
        return self.graph.op("Add", queries, self.tokens)

    def self_attention(self, asked: str, values: str, layer: int) -> str:
        """Return the attention of tokens to each other, (N, T, 256)."""
        name, head = f"transformer.layers.{layer}.self_attn", self.width // HEADS
        q, k, v = (
            self.heads(asked, f"{name}.q_proj", scaled=True),
            self.heads(asked, f"{name}.k_proj"),
            self.heads(values, f"{name}.v_proj"),
        )
        return self.project(self.join(self.attention(q, k, v), HEADS * head), f"{name}.out_proj")

    def attention(self, q: str, k: str, v: str) -> str:
        """Return the attention of heads (N, 8, T, head) to others, (N, 8, T, head)."""
        keys = self.graph.transpose(k, 0, 1, 3, 2)
        return self.graph.op("MatMul", self.graph.op("Softmax", self.graph.op("MatMul", q, keys), axis=-1), v)

    def mlp(self, queries: str, layer: int) -> str:
        """Return the perceptron of a layer."""
        hidden = self.graph.op("Relu", self.project(queries, f"transformer.layers.{layer}.mlp.lin1"))
        return self.project(hidden, f"transformer.layers.{layer}.mlp.lin2")

    def add_and_norm(self, queries: str, added: str, name: str) -> str:
        """Return the layer norm of a sum."""
        return self.graph.op("LayerNormalization", self.graph.op("Add", queries, added), *linear_layer(self.weights, name), epsilon=1e-5)

    def norm(self, value: str, name: str) -> str:
        """Return a layer norm."""
        return self.graph.op("LayerNormalization", value, *linear_layer(self.weights, name), epsilon=1e-5)

    def outputs(self, queries: str) -> dict[str, str]:
        """Return ``scores`` (N, 4) and ``hyper`` (N, 4, 32) from the final tokens."""
        graph = self.graph
        hyper = [
            graph.op("Unsqueeze", self._perceptron(self._token(queries, 1 + mask), f"output_hypernetworks_mlps.{mask}"), np.array([1]))
            for mask in range(MASKS)
        ]
        scores = self._perceptron(self._token(queries, 0), "iou_prediction_head")
        return {"scores": scores, "hyper": graph.op("Concat", *hyper, axis=1)}

    def project(self, value: str, name: str) -> str:
        """Return a linear layer."""
        return self.graph.linear(value, *linear_layer(self.weights, name))

    def heads(self, value: str, name: str, *, scaled: bool = False) -> str:
        """Return a linear layer split into heads, (N, 8, T, head); if `scaled`, times the scale of attention scores."""
        head = self.weights[f"{name}.bias"].size // HEADS
        projected = self.project(value, name)
        if scaled:
            projected = self.graph.op("Mul", projected, np.float32(head**-0.5))
        return self.graph.transpose(self.graph.reshape(projected, 0, 0, HEADS, head), 0, 2, 1, 3)

    def join(self, value: str, width: int) -> str:
        """Join the heads, (N, 8, T, head) → (N, T, width)."""
        return self.graph.reshape(self.graph.transpose(value, 0, 2, 1, 3), 0, 0, width)

    def rows(self, values: str, rows: Rows) -> str:
        """Return what values (N, 8, T, 16) of tokens add to the image, (N, 8 T, out)."""
        added = self.graph.linear(values, rows.weight.astype(np.float32), rows.bias.astype(np.float32))
        return self.graph.reshape(added, 0, -1, rows.bias.size)

    def split_rows(self, value: str, last: int, *, blocks: bool = False) -> str:
        """Split heads and tokens, (N, 8 T, last) → (N, 8, T, last); with `blocks`, all dimensions after a first one."""
        first = [np.array([-1])] if blocks else []
        shape = self.graph.op("Concat", *first, self._batch, np.array([HEADS]), self._length, np.array([last]), axis=0)
        return self.graph.op("Reshape", value, shape)

    def rows_shape(self, last: int) -> str:
        """Return the shape (N, 8, T, last) as a value of the graph."""
        return self.graph.op("Concat", self._batch, np.array([HEADS]), self._length, np.array([last]), axis=0)

    def ones(self) -> str:
        """Return ones, (1, 8 T)."""
        rows = self.graph.op("Mul", self._length, np.array([HEADS]))
        return self.graph.op("Expand", np.ones((1, 1), np.float32), self.graph.op("Concat", np.array([1]), rows, axis=0))

    def _perceptron(self, token: str, name: str) -> str:
        """Return the output of a three-layer perceptron for one token (``MLP`` in segment-anything)."""
        for layer in range(3):
            token = self.graph.op("Gemm", token, *linear_layer(self.weights, f"{name}.layers.{layer}"), transB=1)
            if layer < 2:
                token = self.graph.op("Relu", token)
        return token

    def _token(self, queries: str, index: int) -> str:
        return self.graph.op("Gather", queries, np.int64(index), axis=1)
