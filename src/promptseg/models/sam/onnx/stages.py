"""The token side of SAM's mask decoder in three stages, between which the image is passed twice.

Names with digits are those of `folding`: p0, s1 and d01 are P0, s1 and D01. Shapes are for N prompts of T tokens in 8 heads.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .context import FINAL_TOKENS, FIRST_IMAGE, FIRST_TOKENS, SECOND_IMAGE, SECOND_TOKENS
from .folding import Folded, Matrix
from .graph import Graph
from .tokens import TokenSide
from .weights import HEADS, Weights, linear_layer


class Stages:
    """Builder of the stages.

    Args:
        graph: The graph. For the first stage it needs the values ``keys`` and ``values`` of the context.
        weights: The decoder's weights.
        folded: The same with norms folded in.
        tokens: The tokens of the prompts, (N, T, 256).

    Attributes:
        side: What the tokens do among themselves.
    """

    def __init__(self, graph: Graph, weights: Weights, folded: Folded, tokens: str) -> None:
        self.graph, self.weights, self.folded = graph, weights, folded
        self.side = TokenSide(graph, weights, tokens)

    def first(self) -> dict[str, str]:
        """Return what the first pass takes, and values for later stages.

        - ``keys``, ``values_0``: (N, 8, T, 16) of the first layer's tokens, which the image asks;
        - ``gram``: (N, 8 T, 8 T), products of the rows d0c with themselves, over the width;
        - ``asking``: (N, 8, T, 16) of the second layer's tokens, which ask the image; ``asking_rows``: (N, 8 T, 8 T), their products
          with d01;
        - ``queries``: (N, T, 256), the second layer's tokens.
        """
        side, folded = self.side, self.folded
        queries = self._first_layer()
        asked = side.positioned(queries)
        keys, v0 = side.heads(asked, f"{FIRST_IMAGE}.k_proj"), side.heads(queries, f"{FIRST_IMAGE}.v_proj")
        queries = side.add_and_norm(queries, side.self_attention(asked, queries, 1), "transformer.layers.1.norm1")
        d0c = side.rows(v0, folded.d0c)
        asking = side.heads(side.positioned(queries), f"{SECOND_TOKENS}.q_proj", scaled=True)
        return {
            "keys": keys,
            "values_0": v0,
            "gram": self._gram(d0c, d0c, 1),
            "asking": asking,
            "asking_rows": self._products_with_rows(asking, f"{SECOND_TOKENS}.k_proj", side.rows(v0, folded.d01)),
            "queries": queries,
        }

    def second(self, queries: str, v0: str, seen: str, rows: str) -> dict[str, str]:
        """Return what the second pass takes, and values for the last stage.

        - ``keys``, ``values_1``: (N, 8, T, 16) of the second layer's tokens, which the image asks; ``keys_rows``: (N, 8 T, 8 T), products
          of the keys with d01;
        - ``gram_0``, ``gram_01``, ``gram_1``: (N, 8 T, 8 T), products of the rows d01c with themselves, of d1c with d01c, twice, and of d1c
          with themselves, over the width;
        - ``asking``: (N, 8, T, 16) of the tokens, which ask the image; ``asking_rows_0`` and ``asking_rows_1``: (N, 8 T, 8 T), their
          products with d02 and d12;
        - ``queries``: (N, T, 256), the tokens.

        Args:
            queries: The tokens of the first stage.
            v0: Its ``values_0``.
            seen: What the tokens saw of the image without the prompt, (N, 8, T, 16).
            rows: How much they saw of each row of d01, (N, 8 T, 8 T).
        """
        side, folded = self.side, self.folded
        d01, d01c, d02 = (side.rows(v0, rows) for rows in (folded.d01, folded.d01c, folded.d02))
        attended = self._attended(SECOND_TOKENS, folded.b1, seen, {rows: d01})
        queries = side.add_and_norm(queries, attended, "transformer.layers.1.norm2")
        queries = side.add_and_norm(queries, side.mlp(queries, 1), "transformer.layers.1.norm3")
        asked = side.positioned(queries)
        keys, v1 = side.heads(asked, f"{SECOND_IMAGE}.k_proj", scaled=True), side.heads(queries, f"{SECOND_IMAGE}.v_proj")
        d1c, d12 = (side.rows(v1, rows) for rows in (folded.d1c, folded.d12))
        asking = side.heads(asked, f"{FINAL_TOKENS}.q_proj", scaled=True)
        return {
            "keys": keys,
            "values_1": v1,
            "keys_rows": self._products_with_rows(keys, f"{SECOND_IMAGE}.q_proj", d01),
            "gram_0": self._gram(d01c, d01c, 1),
            "gram_01": self._gram(d1c, d01c, 2),
            "gram_1": self._gram(d1c, d1c, 1),
            "asking": asking,
            "asking_rows_0": self._products_with_rows(asking, f"{FINAL_TOKENS}.k_proj", d02),
            "asking_rows_1": self._products_with_rows(asking, f"{FINAL_TOKENS}.k_proj", d12),
            "queries": queries,
        }

    def last(self, queries: str, v0: str, v1: str, seen: str, rows_0: str, rows_1: str) -> dict[str, str]:
        """Return ``scores`` (N, 4), ``hyper`` (N, 4, 32) and ``rows`` (N, 16 T, 256), what a weight of 1 adds to the first upscaling layer.

        Args:
            queries: The tokens of the second stage.
            v0: ``values_0`` of the first stage.
            v1: ``values_1`` of the second stage.
            seen: What the tokens saw of the image without the prompt, (N, 8, T, 16).
            rows_0: How much they saw of each row of d02, (N, 8 T, 8 T).
            rows_1: How much they saw of each row of d12, (N, 8 T, 8 T).
        """
        side, folded = self.side, self.folded
        attended = self._attended(FINAL_TOKENS, folded.b2, seen, {rows_0: side.rows(v0, folded.d02), rows_1: side.rows(v1, folded.d12)})
        queries = side.add_and_norm(queries, attended, "transformer.norm_final_attn")
        added = (side.rows(v0, folded.d02.through(folded.upscaling)), side.rows(v1, folded.d12.through(folded.upscaling)))
        return {**side.outputs(queries), "rows": self.graph.op("Concat", *added, axis=1)}

    def _first_layer(self) -> str:
        """Return the tokens after the first layer. The image does not depend on the prompt there, so this is an attention like others."""
        side = self.side
        queries = side.norm(side.self_attention(side.tokens, side.tokens, 0), "transformer.layers.0.norm1")
        q = side.heads(side.positioned(queries), f"{FIRST_TOKENS}.q_proj", scaled=True)
        seen = self.graph.op("MatMul", self.graph.op("Softmax", self.graph.op("MatMul", q, "keys"), axis=-1), "values")
        attended = side.project(side.join(seen, self.folded.width // 2), f"{FIRST_TOKENS}.out_proj")
        queries = side.add_and_norm(queries, attended, "transformer.layers.0.norm2")
        return side.add_and_norm(queries, side.mlp(queries, 0), "transformer.layers.0.norm3")

    def _attended(self, name: str, added: Matrix, seen: str, rows: Mapping[str, str]) -> str:
        """Return an attention of the tokens to the image, (N, T, 256).

        Args:
            name: Name of the attention.
            added: What the norm of the image adds to each image token, (256,).
            seen: What was seen of the image without the prompt, in each head, (N, 8, T, 16).
            rows: How much was seen of each row that the prompt added (N, 8 T, 8 T), with these rows (N, 8 T, 256).
        """
        graph, side = self.graph, self.side
        from_rows = graph.op("Sum", *(graph.op("MatMul", much, row) for much, row in rows.items()))
        weight, bias = linear_layer(self.weights, f"{name}.v_proj")
        per_head = weight.reshape(self.folded.width, HEADS, self.folded.head).transpose(1, 0, 2)
        by_head = graph.op("MatMul", side.split_rows(from_rows, self.folded.width), per_head)
        joined = side.join(graph.op("Add", seen, by_head), self.folded.width // 2)
        # The weights of a softmax sum to 1, so what is added to every value is added to the result.
        shifted = graph.op("Add", joined, (added @ weight.astype(np.float64) + bias).astype(np.float32))
        return side.project(shifted, f"{name}.out_proj")

    def _gram(self, first: str, second: str, factor: float) -> str:
        """Return the products of rows with rows, (N, 8 T, 8 T), over the width of a token."""
        scaled = self.graph.op("Mul", first, np.float32(factor / self.folded.width))
        return self.graph.op("MatMul", scaled, self.graph.transpose(second, 0, 2, 1))

    def _products_with_rows(self, queries: str, name: str, rows: str) -> str:
        """Return the products of queries (N, 8, T, 16) with the projection `name` of rows (N, 8 T, 256), as (N, 8 T, 8 T)."""
        weight = self.weights[f"{name}.weight"].reshape(self.folded.width, HEADS, self.folded.head).transpose(1, 2, 0)
        projected = self.graph.reshape(self.graph.op("MatMul", queries, weight), 0, -1, self.folded.width)
        return self.graph.op("MatMul", projected, self.graph.transpose(rows, 0, 2, 1))
