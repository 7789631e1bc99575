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

from collections.abc import Sequence

import numpy as np

from .context import Grid, context_shapes, position_products
from .folding import Folded
from .graph import Graph
from .image_block import Block
from .stages import Stages
from .tokens import prompt_tokens
from .weights import Weights


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
    """Builder of the graph. Names with digits are those of `folding`."""

    def __init__(self, weights: Weights, side: int) -> None:
        self.grid, self.folded = Grid.of(side), Folded(weights)
        self.graph = Graph()
        self.stages = Stages(self.graph, weights, self.folded, prompt_tokens(self.graph, weights, side))
        self.shapes = {name: shape for name, shape in context_shapes(weights, side).items() if name != "upscaling"}
        for name, shape in self.shapes.items():
            self.graph.input(name, [*shape])
        self.positions = position_products(weights, self.folded, self.grid)
        self.turn = self.stages.side.rows_shape(self.grid.block), self.stages.side.ones()

    def build(self) -> bytes:
        first = self.stages.first()
        p0, s1, seen, rows = self._first_pass(**{name: first[name] for name in first if name != "queries"})
        second = self.stages.second(first["queries"], first["values_0"], seen, rows)
        taken = {name: second[name] for name in second if name != "queries"}
        p1, s12, s2, *seen_and_rows = self._second_pass(p0, s1, values_0=first["values_0"], **taken)
        outputs = self.stages.last(second["queries"], first["values_0"], second["values_1"], *seen_and_rows)
        return self.graph.build(**outputs, weights_0=p0, weights_1=p1, scale_0=s12, scale_1=s2)

    def _first_pass(self, *, keys: str, values_0: str, gram: str, asking: str, asking_rows: str) -> tuple[str, ...]:
        """Return P0 (B, N, 8 T, l), s1 (B, N, 1, l), what the tokens saw of the image (N, 8, T, 16), and of each row (N, 8 T, 8 T)."""
        block = Block("first", *self.turn, self.grid.block)
        p0 = block.softmax_over_tokens(block.by_head(keys, self._part(block, "queries")))
        cross = block.add(block.by_head(values_0, self._part(block, "cross_0")), block.product(gram, p0))
        s1 = block.scale(block.add(block.dot(cross, p0), self._part(block, "square_0")))
        scores = block.add(block.by_head(asking, self._part(block, "keys_1")), block.product(asking_rows, p0))
        scores = block.add(block.times(scores, s1), block.by_head(asking, self._positions(block, "keys_1")))
        attention, log_sum = block.attend(scores)
        attention = block.times(attention, s1)
        seen, rows = block.seen(attention, self._part(block, "values_1")), block.seen_rows(attention, p0)
        p0, s1, log_sum, seen, rows = self.graph.scan(block.graph, block.over, [p0, s1, log_sum, seen, rows])
        return p0, s1, *self._over_blocks(log_sum, seen, [rows])

    def _second_pass(
        self,
        p0: str,
        s1: str,
        *,
        values_0: str,
        values_1: str,
        keys: str,
        keys_rows: str,
        gram_0: str,
        gram_01: str,
        gram_1: str,
        asking: str,
        asking_rows_0: str,
        asking_rows_1: str,
    ) -> tuple[str, ...]:
        """Return P1 (B, N, 8 T, l), s1 s2 and s2 (B, N, 1, l), and what the tokens saw of the image and of the rows of both layers."""
        block = Block("second", *self.turn, self.grid.block)
        p0, s1 = block.take(p0, ["N", "R", self.grid.block]), block.take(s1, ["N", 1, self.grid.block])
        scores = block.add(block.by_head(keys, self._part(block, "queries_1")), block.product(keys_rows, p0))
        scores = block.add(block.times(scores, s1), block.by_head(keys, self._positions(block, "queries_1")))
        p1 = block.softmax_over_tokens(scores)

        # The variance is a polynomial in s1, whose coefficients are products of the image and of the rows.
        square = block.add(block.by_head(values_0, self._part(block, "cross_01")), block.product(gram_0, p0))
        square = block.add(block.dot(square, p0), self._part(block, "square_1"))
        linear = block.add(block.by_head(values_1, self._part(block, "cross_1")), block.product(gram_01, p0))
        rest = block.dot(block.add(block.times(linear, s1), block.product(gram_1, p1)), p1)
        shifted = block.add(block.times(square, s1), self._part(block, "shift_1"))
        s2 = block.scale(block.add(block.times(shifted, s1), rest))

        scores = block.add(block.by_head(asking, self._part(block, "keys_2")), block.product(asking_rows_0, p0))
        scores = block.add(block.times(scores, s1), block.product(asking_rows_1, p1))
        scores = block.add(block.times(scores, s2), block.by_head(asking, self._positions(block, "keys_2")))
        attention, log_sum = block.attend(scores)
        attention_1 = block.times(attention, s2)
        attention_0 = block.times(attention_1, s1)
        seen = block.seen(attention_0, self._part(block, "values_2"))
        rows = block.seen_rows(attention_0, p0), block.seen_rows(attention_1, p1)
        results = [p1, block.times(s1, s2), s2, log_sum, seen, *rows]
        p1, s12, s2, log_sum, seen, *blocks = self.graph.scan(block.graph, block.over, results)
        return p1, s12, s2, *self._over_blocks(log_sum, seen, blocks)

    def _over_blocks(self, log_sum: str, seen: str, rows: Sequence[str]) -> tuple[str, ...]:
        """Return what an attention saw in all blocks, from the logarithms of the sums (B, N, 8 T, 1) and what it saw in each block."""
        share = self.graph.op("Softmax", log_sum, axis=0)
        by_head = self.stages.side.split_rows(share, 1, blocks=True)

        def summed(value: str, share: str) -> str:
            return self.graph.op("ReduceSum", self.graph.op("Mul", value, share), np.array([0]), keepdims=0)

        return summed(seen, by_head), *(summed(value, share) for value in rows)

    def _part(self, block: Block, name: str) -> str:
        """Return a block's part of a value of the context."""
        return block.take(name, self.shapes[name][1:])

    def _positions(self, block: Block, name: str) -> str:
        """Return a block's part of what positions add to a value of the context."""
        return block.take(self.positions[name], self.shapes[name][1:])
