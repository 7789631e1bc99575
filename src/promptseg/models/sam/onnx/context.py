"""ONNX graphs of everything that a decoder computes once for each image: products of the image with folded weights.

Image tokens come in blocks of whole rows of the grid, so that what `decoder` and `upscaling` compute for a block stays in the processor's
cache. All products are linear in the image. An earlier mask adds an embedding to the image that is a matrix times few channels. So the
products with a mask are those without it, plus these channels times smaller matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .folding import Folded, Matrix, Rows
from .graph import Graph
from .weights import HEADS, Weights, linear_layer

FIRST_TOKENS, FIRST_IMAGE = "transformer.layers.0.cross_attn_token_to_image", "transformer.layers.0.cross_attn_image_to_token"
SECOND_TOKENS, SECOND_IMAGE = "transformer.layers.1.cross_attn_token_to_image", "transformer.layers.1.cross_attn_image_to_token"
FINAL_TOKENS = "transformer.final_attn_token_to_image"
"""Names of the attentions between tokens and image: those of the tokens to the image, and of the image to the tokens."""
UPSCALED = 4
"""Side of an image token in low-resolution logits."""

_BLOCK = 256
"""Image tokens in a block, at most."""


@dataclass(frozen=True)
class Grid:
    """Grid of image tokens, in blocks of whole rows.

    Attributes:
        side: Number of rows and of columns.
        rows: Number of rows in a block.
    """

    side: int
    rows: int

    @classmethod
    def of(cls, side: int) -> Grid:
        """Return a grid whose blocks have as many rows as divide it and fit into the cache."""
        return cls(side, max((rows for rows in range(1, side + 1) if side % rows == 0 and rows * side <= _BLOCK), default=1))

    @property
    def tokens(self) -> int:
        """Number of image tokens."""
        return self.side * self.side

    @property
    def block(self) -> int:
        """Number of image tokens in a block."""
        return self.rows * self.side

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return self.side // self.rows


def image_positions(weights: Weights, side: int) -> NDArray[np.float32]:
    """Return random Fourier features of the centers of the image tokens (``PositionEmbeddingRandom``), (4096, 256)."""
    ticks = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)
    centers = np.stack(np.meshgrid(ticks, ticks), axis=-1) * 2 - 1
    angles = centers @ weights["pe_layer.positional_encoding_gaussian_matrix"] * np.float32(2 * np.pi)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1).reshape(side * side, -1).astype(np.float32)


def position_products(weights: Weights, folded: Folded, grid: Grid) -> dict[str, NDArray[np.float32]]:
    """Return what is added to ``keys_1``, ``queries_1`` and ``keys_2`` of any image once they are scaled, (B, 8, 16, l) each.

    It comes from the positions of the image tokens and from what the norms add to them.
    """
    positions = image_positions(weights, grid.side).astype(np.float64)

    def product(name: str, added: Matrix) -> NDArray[np.float32]:
        weight, bias = (array.astype(np.float64) for array in linear_layer(weights, name))
        blocks = ((positions + added) @ weight + bias).reshape(grid.blocks, grid.block, HEADS, folded.head)
        arranged: NDArray[np.float32] = blocks.transpose(0, 2, 3, 1).astype(np.float32)
        return arranged

    return {
        "keys_1": product(f"{SECOND_TOKENS}.k_proj", folded.b1),
        "queries_1": product(f"{SECOND_IMAGE}.q_proj", folded.b1),
        "keys_2": product(f"{FINAL_TOKENS}.k_proj", folded.b2),
    }


def context_shapes(weights: Weights, side: int) -> dict[str, list[int]]:
    """Return the shape of each value of the context by its name, for graphs that take them.

    With B blocks of l image tokens, they are:

    - ``keys``: (8, 16, 4096), ``values``: (8, 4096, 16), of the first attention to the image;
    - ``queries``: (B, 8, 16, l), of the image in the first layer; times the attention's scale;
    - ``keys_1``, ``queries_1``, ``keys_2``: (B, 8, 16, l), ``values_1``, ``values_2``: (B, 8, l, 16), parts of the later attentions;
    - ``cross_0``, ``cross_01``, ``cross_1``: (B, 8, 16, l), products with the rows d0c, d01c and d1c, for the scales of the norms;
    - ``square_0``, ``square_1``, ``shift_1``: (B, 1, l), terms of these scales;
    - ``upscaling``: (B, l, 256), the first layer of the upscaling.
    """
    context = _Context(weights, side)
    grid = context.grid
    return {
        **{name: product.shape for name, product in context.products.items()},
        **{name: [grid.blocks, 1, grid.block] for name in _TERMS},
    }


def context_graph(weights: Weights, side: int) -> bytes:
    """Return the graph of the context of an image without an earlier mask.

    Input: ``embedding`` (1, 256, 64, 64). Outputs: the values of `context_shapes`.
    """
    context = _Context(weights, side)
    image = context.image()
    blocks = context.blocks(image)
    products = {name: context.product(product, image, blocks) for name, product in context.products.items()}
    return context.graph.build(**products, **context.terms(blocks))


def mask_context_graph(weights: Weights, side: int) -> bytes:
    """Return the graph of the context of an image with an earlier mask.

    Inputs: ``mask`` (1, 1, 256, 256) logits, ``embedding`` (1, 256, 64, 64), and the products of the context without a mask, named
    ``image_`` and their name in `context_shapes`. Outputs: the values of `context_shapes`.
    """
    context = _Context(weights, side)
    graph, grid = context.graph, context.grid
    channels = graph.reshape(_mask_channels(graph, weights, grid), -1, grid.tokens)
    last = weights["mask_downscaling.6.weight"].astype(np.float64).reshape(context.folded.width, -1)
    instead = weights["mask_downscaling.6.bias"].astype(np.float64) - weights["no_mask_embed"]
    mask_blocks = context.blocks(channels)
    products = {}
    for name, product in context.products.items():
        added = _Product(last.T @ product.matrix, (instead @ product.matrix)[:, None], product.shape, product.whole, product.by_token)
        alone = graph.input(f"image_{name}", list(product.shape))
        products[name] = graph.op("Add", alone, context.product(added, channels, mask_blocks))
    mask = graph.op("Add", graph.op("MatMul", last.astype(np.float32), channels), instead.astype(np.float32)[:, None])
    return graph.build(**products, **context.terms(context.blocks(graph.op("Add", context.image(), mask))))


_TERMS = ("square_0", "square_1", "shift_1")


@dataclass(frozen=True)
class _Product:
    """A product of the image with folded weights.

    Attributes:
        matrix: (256, m), applied to an image token.
        constant: (m, 4096) or (m, 1), which is added.
        shape: Shape in the context, where m may be split into heads.
        whole: Whether it is not in blocks.
        by_token: Whether the numbers of one image token lie together, as the last dimension.
    """

    matrix: Matrix
    constant: Matrix
    shape: list[int]
    whole: bool = False
    by_token: bool = False


class _Context:
    """Builder of both graphs."""

    def __init__(self, weights: Weights, side: int) -> None:
        self.weights, self.folded, self.grid, self.graph = weights, Folded(weights), Grid.of(side), Graph()
        self.products = self._products()

    def image(self) -> str:
        """Return the image without an earlier mask, (256, 4096)."""
        width, side = self.folded.width, self.grid.side
        embedding = self.graph.reshape(self.graph.input("embedding", [1, width, side, side]), width, self.grid.tokens)
        return self.graph.op("Add", embedding, self.weights["no_mask_embed"][:, None])

    def blocks(self, value: str) -> str:
        """Return (m, 4096) in blocks, (B, m, l)."""
        return self.graph.transpose(self.graph.reshape(value, 0, self.grid.blocks, self.grid.block), 1, 0, 2)

    def product(self, product: _Product, whole: str, blocks: str) -> str:
        """Return a product of the image, which is given as a whole and in blocks."""
        constant = product.constant
        if not product.whole:
            constant = constant.reshape(len(constant), -1, min(constant.shape[1], self.grid.block)).transpose(1, 0, 2)
        value = self.graph.op("MatMul", product.matrix.T.astype(np.float32), whole if product.whole else blocks)
        if constant.any():
            value = self.graph.op("Add", value, constant.astype(np.float32))
        if not product.by_token:
            return self.graph.reshape(value, *product.shape)
        *first, tokens, numbers = product.shape
        last = len(product.shape) - 1
        return self.graph.transpose(self.graph.reshape(value, *first, numbers, tokens), *range(last - 1), last, last - 1)

    def terms(self, blocks: str) -> dict[str, str]:
        """Return the parts of the variances that depend only on the image, (B, 1, l) each.

        They are the mean squares of c(X) and of c(X1) with their products with the biases of the rows, which the attention weights of the
        eight heads take eight times; and the product of c(X1) with the bias of the second layer's rows.
        """
        folded, graph = self.folded, self.graph

        def mean(value: str) -> str:
            return graph.op("ReduceMean", value, np.array([1]), keepdims=1)

        def square(value: str) -> str:
            return mean(graph.op("Mul", value, value))

        def shift(value: str, rows: Rows) -> str:
            return graph.op("MatMul", (rows.bias[None] * (2 * HEADS / folded.width)).astype(np.float32), value)

        first = graph.op("Sub", blocks, mean(blocks))
        scaled = graph.op("Mul", first, folded.g1.astype(np.float32)[:, None])
        second = graph.op("Sub", scaled, mean(scaled))
        return {
            "square_0": graph.op("Add", square(first), shift(first, folded.d0c)),
            "square_1": graph.op("Add", square(second), shift(second, folded.d01c)),
            "shift_1": shift(second, folded.d1c),
        }

    def _products(self) -> dict[str, _Product]:
        folded, grid = self.folded, self.grid
        positions = image_positions(self.weights, grid.side).astype(np.float64)
        none = np.zeros((1, 1))

        def weight(name: str) -> Matrix:
            return self.weights[f"{name}.weight"].astype(np.float64)

        def constant(name: str, positioned: bool) -> Matrix:
            bias = self.weights[f"{name}.bias"].astype(np.float64)
            return (positions @ weight(name) + bias).T if positioned else bias[:, None]

        def by_head(matrix: Matrix, added: Matrix = none) -> _Product:
            return _Product(matrix, added, [grid.blocks, HEADS, folded.head, grid.block])

        def values(matrix: Matrix) -> _Product:
            return _Product(matrix, none, [grid.blocks, HEADS, grid.block, folded.head], by_token=True)

        def cross(matrix: Matrix, rows: Matrix) -> _Product:
            return by_head(matrix @ rows.reshape(-1, folded.width).T * (2 / folded.width))

        scale = folded.head**-0.5
        return {
            "keys": _Product(
                weight(f"{FIRST_TOKENS}.k_proj"), constant(f"{FIRST_TOKENS}.k_proj", True), [HEADS, folded.head, grid.tokens], True
            ),
            "values": _Product(
                weight(f"{FIRST_TOKENS}.v_proj"), constant(f"{FIRST_TOKENS}.v_proj", False), [HEADS, grid.tokens, folded.head], True, True
            ),
            "queries": by_head(weight(f"{FIRST_IMAGE}.q_proj") * scale, constant(f"{FIRST_IMAGE}.q_proj", True) * scale),
            "cross_0": cross(folded.x0c, folded.d0c.weight),
            "keys_1": by_head(folded.x1 @ weight(f"{SECOND_TOKENS}.k_proj")),
            "values_1": values(folded.x1 @ weight(f"{SECOND_TOKENS}.v_proj")),
            "queries_1": by_head(folded.x1 @ weight(f"{SECOND_IMAGE}.q_proj")),
            "cross_01": cross(folded.x1c, folded.d01c.weight),
            "cross_1": cross(folded.x1c, folded.d1c.weight),
            "keys_2": by_head(folded.x2 @ weight(f"{FINAL_TOKENS}.k_proj")),
            "values_2": values(folded.x2 @ weight(f"{FINAL_TOKENS}.v_proj")),
            "upscaling": _Product(folded.x2 @ folded.upscaling, none, [grid.blocks, grid.block, folded.width], by_token=True),
        }


def _mask_channels(graph: Graph, weights: Weights, grid: Grid) -> str:
    """Return the channels of an earlier mask at the image tokens, (1, 16, 64, 64); their embedding is one more linear layer."""
    side = UPSCALED * grid.side
    value = graph.input("mask", [1, 1, side, side])
    for convolution, norm in (("mask_downscaling.0", "mask_downscaling.1"), ("mask_downscaling.3", "mask_downscaling.4")):
        value = graph.op("Conv", value, weights[f"{convolution}.weight"], weights[f"{convolution}.bias"], strides=[2, 2])
        value = graph.transpose(value, 0, 2, 3, 1)
        value = graph.op("LayerNormalization", value, weights[f"{norm}.weight"], weights[f"{norm}.bias"], epsilon=1e-6)
        value = graph.op("Gelu", graph.transpose(value, 0, 3, 1, 2))
    return value
