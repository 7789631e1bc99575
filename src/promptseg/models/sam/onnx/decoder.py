"""ONNX graph of SAM's mask decoder up to scores, in the low-rank form of `folding`.

The published graph decodes one prompt at a time and spends nearly all of the time on the image: it projects 4096 image tokens for every
prompt, and a prompt has only about seven tokens. Here everything that depends only on the image comes from `context`. What a prompt changes
in the image tokens is kept as their attention weights and scales, and the tokens themselves are never computed.

The image is passed twice, block by block:

1. The first pass computes P0 and s1, and the attention of the second layer's tokens to the image.
2. The second pass computes P1 and s2, and the final attention of the tokens to the image.

An attention of the tokens takes its softmax in each block. When all blocks are known, they are weighted by their shares of the whole
softmax. Scores come first. Masks are computed later (`upscaling`), only for the prompts and candidates that are needed.

The results are those of the published decoder, up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .context import FINAL_TOKENS, FIRST_IMAGE, FIRST_TOKENS, SECOND_IMAGE, SECOND_TOKENS, Grid, context_shapes, image_positions
from .folding import Folded, Matrix
from .graph import Graph
from .image_block import Block
from .tokens import TokenSide
from .weights import HEADS, Weights, linear_layer


def decoder_graph(weights: Weights, side: int) -> bytes:
    """Return the graph that decodes prompts to scores and to the inputs of `upscaling`.

    Inputs: ``points`` (N, P, 2) in pixels of the model input, ``labels`` (N, P), and the context without ``upscaling``.

    Outputs, with B blocks of l image tokens:

    - ``scores``: (N, 4) predicted IoU of each candidate;
    - ``hyper``: (N, 4, 32), the weights of each candidate in the last layer of the upscaling;
    - ``weights_0``, ``weights_1``: (B, N, 8 T, l), the attention weights P0 and P1 of the image;
    - ``scale_0``, ``scale_1``: (B, N, 1, l), their scales s1 s2 and s2;
    - ``rows``: (N, 16 T, 256), what a weight of 1 adds to the first layer of the upscaling.
    """
    return _Decoder(weights, side).build()


class _Decoder:
    """Builder of the graph. Names with digits are those of `folding`: p0, s1 and d01 are P0, s1 and D01."""

    def __init__(self, weights: Weights, side: int) -> None:
        self.weights, self.grid, self.folded = weights, Grid.of(side), Folded(weights)
        self.positions = image_positions(weights, side).astype(np.float64)
        self.graph = Graph()
        self.tokens = TokenSide(self.graph, weights, side)
        self.shapes = {name: shape for name, shape in context_shapes(weights, side).items() if name != "upscaling"}
        for name, shape in self.shapes.items():
            self.graph.input(name, [*shape])
        self.turn = self.tokens.rows_shape(self.grid.block), self.tokens.ones()

    def build(self) -> bytes:
        tokens, folded = self.tokens, self.folded
        queries = self._first_layer()
        asked = tokens.positioned(queries)
        keys, v0 = tokens.heads(asked, f"{FIRST_IMAGE}.k_proj"), tokens.heads(queries, f"{FIRST_IMAGE}.v_proj")
        queries = self._add_and_norm(queries, tokens.self_attention(asked, queries, 1), 1, 1)
        p0, s1, attended = self._first_pass(keys, v0, queries)
        queries = self._add_and_norm(queries, attended, 1, 2)
        queries = self._add_and_norm(queries, tokens.mlp(queries, 1), 1, 3)
        v1 = tokens.heads(queries, f"{SECOND_IMAGE}.v_proj")
        p1, s12, s2, attended = self._second_pass(v0, v1, queries, p0, s1)
        queries = tokens.norm(self.graph.op("Add", queries, attended), "transformer.norm_final_attn")
        added = (tokens.rows(v0, folded.d02.through(folded.upscaling)), tokens.rows(v1, folded.d12.through(folded.upscaling)))
        return self.graph.build(
            **tokens.outputs(queries), weights_0=p0, weights_1=p1, scale_0=s12, scale_1=s2, rows=self.graph.op("Concat", *added, axis=1)
        )

    def _first_layer(self) -> str:
        """Return the tokens after the first layer. The image does not depend on the prompt there, so this is an attention like others."""
        tokens = self.tokens
        queries = tokens.norm(tokens.self_attention(tokens.tokens, tokens.tokens, 0), "transformer.layers.0.norm1")
        q = tokens.heads(tokens.positioned(queries), f"{FIRST_TOKENS}.q_proj", scaled=True)
        scores = self.graph.op("Softmax", self.graph.op("MatMul", q, "keys"), axis=-1)
        seen = self.graph.op("MatMul", scores, "values")
        queries = self._add_and_norm(queries, tokens.project(tokens.join(seen, self.folded.width // 2), f"{FIRST_TOKENS}.out_proj"), 0, 2)
        return self._add_and_norm(queries, tokens.mlp(queries, 0), 0, 3)

    def _first_pass(self, keys: str, v0: str, queries: str) -> tuple[str, str, str]:
        """Return P0 (B, N, 8 T, l), s1 (B, N, 1, l), and the second layer's attention of the tokens to the image, (N, T, 256).

        Args:
            keys: Keys (N, 8, T, 16) of the first layer's tokens, which the image asks.
            v0: Their values.
            queries: The second layer's tokens (N, T, 256), which ask the image.
        """
        folded, tokens = self.folded, self.tokens
        d0c, d01 = tokens.rows(v0, folded.d0c), tokens.rows(v0, folded.d01)
        gram = self._gram(d0c, d0c, 1)
        q = tokens.heads(tokens.positioned(queries), f"{SECOND_TOKENS}.q_proj", scaled=True)
        to_p0 = self._products_with_rows(q, f"{SECOND_TOKENS}.k_proj", d01)
        positions = self._positions(f"{SECOND_TOKENS}.k_proj", folded.b1)

        block = Block("first", *self.turn, self.grid.block)
        p0 = block.softmax_over_tokens(block.by_head(keys, self._part(block, "queries")))
        cross = block.add(block.by_head(v0, self._part(block, "cross_0")), block.product(gram, p0))
        s1 = block.scale(block.add(block.dot(cross, p0), self._part(block, "square_0")))
        scores = block.add(block.by_head(q, self._part(block, "keys_1")), block.product(to_p0, p0))
        scores = block.add(block.times(scores, s1), block.by_head(q, block.take(positions, positions.shape[1:])))
        attention, log_sum = block.attend(scores)
        attention = block.times(attention, s1)
        seen, rows = block.seen(attention, self._part(block, "values_1")), block.seen_rows(attention, p0)

        p0, s1, log_sum, seen, rows = self.graph.scan(block.graph, block.over, [p0, s1, log_sum, seen, rows])
        return p0, s1, self._attended(SECOND_TOKENS, folded.b1, log_sum, seen, {rows: d01})

    def _second_pass(self, v0: str, v1: str, queries: str, p0: str, s1: str) -> tuple[str, str, str, str]:
        """Return P1 (B, N, 8 T, l), s1 s2 and s2 (B, N, 1, l), and the final attention of the tokens to the image, (N, T, 256).

        Args:
            v0: Values (N, 8, T, 16) of the first layer's tokens.
            v1: Those of the second layer's tokens.
            queries: The second layer's tokens (N, T, 256), which are asked by the image and ask the image.
            p0: P0 from the first pass.
            s1: s1 from the first pass.
        """
        folded, tokens = self.folded, self.tokens
        d01, d01c, d02 = (tokens.rows(v0, rows) for rows in (folded.d01, folded.d01c, folded.d02))
        d1c, d12 = (tokens.rows(v1, rows) for rows in (folded.d1c, folded.d12))
        gram_0, gram_01, gram_1 = self._gram(d01c, d01c, 1), self._gram(d1c, d01c, 2), self._gram(d1c, d1c, 1)
        asked = tokens.positioned(queries)
        keys = tokens.heads(asked, f"{SECOND_IMAGE}.k_proj", scaled=True)
        keys_to_p0 = self._products_with_rows(keys, f"{SECOND_IMAGE}.q_proj", d01)
        q = tokens.heads(asked, f"{FINAL_TOKENS}.q_proj", scaled=True)
        to_p0, to_p1 = (self._products_with_rows(q, f"{FINAL_TOKENS}.k_proj", rows) for rows in (d02, d12))
        asking, asked_positions = self._positions(f"{SECOND_IMAGE}.q_proj", folded.b1), self._positions(f"{FINAL_TOKENS}.k_proj", folded.b2)

        block = Block("second", *self.turn, self.grid.block)
        b0, b1 = block.take(p0, ["N", "R", self.grid.block]), block.take(s1, ["N", 1, self.grid.block])
        scores = block.add(block.by_head(keys, self._part(block, "queries_1")), block.product(keys_to_p0, b0))
        p1 = block.softmax_over_tokens(block.add(block.times(scores, b1), block.by_head(keys, block.take(asking, asking.shape[1:]))))

        # The variance is a polynomial in s1, whose coefficients are products of the image and of the rows.
        square = block.add(block.by_head(v0, self._part(block, "cross_01")), block.product(gram_0, b0))
        square = block.add(block.dot(square, b0), self._part(block, "square_1"))
        linear = block.add(block.by_head(v1, self._part(block, "cross_1")), block.product(gram_01, b0))
        rest = block.dot(block.add(block.times(linear, b1), block.product(gram_1, p1)), p1)
        shifted = block.add(block.times(square, b1), self._part(block, "shift_1"))
        s2 = block.scale(block.add(block.times(shifted, b1), rest))

        scores = block.add(block.by_head(q, self._part(block, "keys_2")), block.product(to_p0, b0))
        scores = block.add(block.times(scores, b1), block.product(to_p1, p1))
        positions = block.by_head(q, block.take(asked_positions, asked_positions.shape[1:]))
        attention, log_sum = block.attend(block.add(block.times(scores, s2), positions))
        attention_1 = block.times(attention, s2)
        attention_0 = block.times(attention_1, b1)
        seen = block.seen(attention_0, self._part(block, "values_2"))
        rows = block.seen_rows(attention_0, b0), block.seen_rows(attention_1, p1)

        results = [p1, block.times(b1, s2), s2, log_sum, seen, *rows]
        p1, s12, s2, log_sum, seen, rows_0, rows_1 = self.graph.scan(block.graph, block.over, results)
        return p1, s12, s2, self._attended(FINAL_TOKENS, folded.b2, log_sum, seen, {rows_0: d02, rows_1: d12})

    def _attended(self, name: str, added: Matrix, log_sum: str, seen: str, rows: Mapping[str, str]) -> str:
        """Return an attention of the tokens to the image, (N, T, 256), from its results of all blocks.

        Args:
            name: Name of the attention.
            added: What the norm of the image adds to each image token, (256,).
            log_sum: Logarithms of the sums of each block's softmax, (B, N, 8 T, 1).
            seen: What was seen of the image without the prompt, in each head, (B, N, 8, T, 16).
            rows: By their names, how much was seen of each row that the prompt added (B, N, 8 T, 8 T): these rows (N, 8 T, 256).
        """
        graph, tokens = self.graph, self.tokens
        share = graph.op("Softmax", log_sum, axis=0)

        def over_blocks(value: str, share: str) -> str:
            return graph.op("ReduceSum", graph.op("Mul", value, share), np.array([0]), keepdims=0)

        from_rows = [graph.op("MatMul", over_blocks(much, share), row) for much, row in rows.items()]
        weight, bias = linear_layer(self.weights, f"{name}.v_proj")
        per_head = weight.reshape(self.folded.width, HEADS, self.folded.head).transpose(1, 0, 2)
        by_head = graph.op("MatMul", tokens.split_rows(graph.op("Sum", *from_rows), self.folded.width), per_head)
        joined = tokens.join(graph.op("Add", over_blocks(seen, tokens.split_rows(share, 1, blocks=True)), by_head), self.folded.width // 2)
        # The weights of a softmax sum to 1, so what is added to every value is added to the result.
        shifted = graph.op("Add", joined, (added @ weight.astype(np.float64) + bias).astype(np.float32))
        return tokens.project(shifted, f"{name}.out_proj")

    def _part(self, block: Block, name: str) -> str:
        """Return a block's part of a value of the context."""
        return block.take(name, self.shapes[name][1:])

    def _gram(self, first: str, second: str, factor: float) -> str:
        """Return the products of rows with rows, (N, 8 T, 8 T), over the width of a token."""
        scaled = self.graph.op("Mul", first, np.float32(factor / self.folded.width))
        return self.graph.op("MatMul", scaled, self.graph.transpose(second, 0, 2, 1))

    def _products_with_rows(self, queries: str, name: str, rows: str) -> str:
        """Return the products of queries (N, 8, T, 16) with the projection `name` of rows (N, 8 T, 256), as (N, 8 T, 8 T)."""
        weight = self.weights[f"{name}.weight"].reshape(self.folded.width, HEADS, self.folded.head).transpose(1, 2, 0)
        projected = self.graph.reshape(self.graph.op("MatMul", queries, weight), 0, -1, self.folded.width)
        return self.graph.op("MatMul", projected, self.graph.transpose(rows, 0, 2, 1))

    def _positions(self, name: str, added: Matrix) -> NDArray[np.float32]:
        """Return the projection `name` of what is the same in every image token of all images, (B, 8, 16, l).

        That are its position and what the norm has added to it.
        """
        weight, bias = (array.astype(np.float64) for array in linear_layer(self.weights, name))
        projected = (self.positions + added) @ weight + bias
        blocks = projected.reshape(self.grid.blocks, self.grid.block, HEADS, self.folded.head)
        arranged: NDArray[np.float32] = blocks.transpose(0, 2, 3, 1).astype(np.float32)
        return arranged

    def _add_and_norm(self, queries: str, added: str, layer: int, number: int) -> str:
        return self.tokens.norm(self.graph.op("Add", queries, added), f"transformer.layers.{layer}.norm{number}")
