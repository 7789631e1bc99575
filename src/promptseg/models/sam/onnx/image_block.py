"""What a pass over the image computes for one block of image tokens, as the body of a loop in an ONNX graph.

Shapes in the docstrings are for N prompts of T tokens in 8 heads, and a block of l image tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .graph import Graph, Value


class Block:
    """Builder of the body.

    Args:
        name: Name of the pass, which its values have as a prefix.
        shape: Value with the shape (N, 8, T, l).
        ones: Value of ones, (1, 8 T).
        block: Number of image tokens in the block.

    Attributes:
        graph: The body.
        over: Values that the loop goes over, by the input of the body that takes one entry of them.
    """

    def __init__(self, name: str, shape: str, ones: str, block: int) -> None:
        self.graph = Graph(f"{name}_")
        self.over: dict[str, Value] = {}
        self._name, self._shape, self._ones, self._block = name, shape, ones, block

    def take(self, value: Value, shape: Sequence[int | str]) -> str:
        """Return the entry of a value at this turn, which has a shape."""
        name = self.graph.input(f"{self._name}_block_{len(self.over)}", list(shape))
        self.over[name] = value
        return name

    def add(self, first: str, second: str) -> str:
        """Return a sum."""
        return self.graph.op("Add", first, second)

    def times(self, first: str, second: str) -> str:
        """Return a product, number by number."""
        return self.graph.op("Mul", first, second)

    def product(self, rows: str, block: str) -> str:
        """Return (N, 8 T, k) @ (N, k, l)."""
        return self.graph.op("MatMul", rows, block)

    def by_head(self, queries: str, keys: str) -> str:
        """Return the products of each head, (N, 8, T, 16) @ (8, 16, l), as (N, 8 T, l)."""
        return self._rows(self.graph.op("MatMul", queries, keys))

    def softmax_over_tokens(self, scores: str) -> str:
        """Return the softmax of (N, 8 T, l) over the tokens of each head.

        It is written out, because the ONNX operator transposes its input unless the axis is the last.
        """
        graph, axis = self.graph, np.array([2])
        scores = graph.op("Reshape", scores, self._shape)
        shifted = graph.op("Exp", graph.op("Sub", scores, graph.op("ReduceMax", scores, axis, keepdims=1)))
        return self._rows(graph.op("Div", shifted, graph.op("ReduceSum", shifted, axis, keepdims=1)))

    def dot(self, first: str, second: str) -> str:
        """Return the sums of products of two (N, 8 T, l) over the rows, (N, 1, l). The sum is a product with ones, which is faster."""
        return self.product(self._ones, self.times(first, second))

    def scale(self, variance: str) -> str:
        """Return the scale of a layer norm from the variance."""
        return self.graph.op("Reciprocal", self.graph.op("Sqrt", self.graph.op("Add", variance, np.float32(1e-5))))

    def attend(self, scores: str) -> tuple[str, str]:
        """Return the softmax of (N, 8 T, l) over the block, and the logarithm of the sum of its exponentials, (N, 8 T, 1)."""
        graph, axis = self.graph, np.array([2])
        weights = graph.op("Softmax", scores, axis=-1)
        top, greatest = (graph.op("ReduceMax", value, axis, keepdims=1) for value in (scores, weights))
        return weights, graph.op("Sub", top, graph.op("Log", greatest))

    def seen(self, weights: str, values: str) -> str:
        """Return what attention weights (N, 8 T, l) see in the values (8, l, 16) of each head, (N, 8, T, 16)."""
        return self.graph.op("MatMul", self.graph.op("Reshape", weights, self._shape), values)

    def seen_rows(self, weights: str, image_weights: str) -> str:
        """Return how much attention weights (N, 8 T, l) see of each row that the image tokens have added, (N, 8 T, 8 T)."""
        return self.graph.op("MatMul", weights, self.graph.transpose(image_weights, 0, 2, 1))

    def _rows(self, value: str) -> str:
        return self.graph.reshape(value, 0, -1, self._block)
