"""Algebra of the low-rank decoder: the layer norms of the image tokens, folded into the weights around them.

The decoder changes the image tokens X twice: it adds what they see in the prompt's tokens, and normalizes. What they see is of low rank.
With T tokens in 8 heads, an image token has 8 T attention weights P and adds ``P D``, where the rows of D are the projected values of the
tokens. And a layer norm is linear but for its scale s, one number for each image token. With c(x) = x - mean(x), and with g and b the
weight and bias of a norm, the image tokens are

- after the first layer ``s1 (X1 + P0 D01) + b1``, where ``X1 = c(X) g1`` and ``D01 = c(D0) g1``;
- after the second ``s1 s2 (X2 + P0 D02) + s2 P1 D12 + b2``, where ``X2 = c(X1) g2``, ``D02 = c(D01) g2`` and ``D12 = c(D1 + b1 / 8) g2``.

The scales follow from mean squares, and these from products of X with D and of D with itself. So nothing of the size of the image tokens is
computed for a prompt, which saves 60 % of the arithmetic. A bias is added to each row of D as one eighth, because the attention weights of
each head sum to 1.

Everything is folded in double precision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .weights import HEADS, Weights, upscaling_layer

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """How values of tokens become rows that are added to the image: ``value @ weight + bias``, with a weight for each head.

    Attributes:
        weight: (8, head, width).
        bias: (width,).
    """

    weight: Matrix
    bias: Matrix

    def centered(self) -> Rows:
        """Return the rows less their means."""
        return Rows(self.weight - self.weight.mean(-1, keepdims=True), self.bias - self.bias.mean())

    def times(self, factors: Matrix) -> Rows:
        """Return the rows times a vector (width,)."""
        return Rows(self.weight * factors, self.bias * factors)

    def through(self, matrix: Matrix) -> Rows:
        """Return the rows times a matrix (width, out)."""
        return Rows(self.weight @ matrix, self.bias @ matrix)


class Folded:
    """A decoder's weights with the norms of the image folded in. Names follow the module's docstring.

    Args:
        weights: The decoder's weights.

    Attributes:
        width: Width of a token.
        head: Width of a head of the attentions between tokens and image.
        g1: Weight of the first norm, (width,).
        b1: Bias of the first norm, (width,).
        b2: Bias of the second norm, (width,).
        upscaling: The first layer of the upscaling, (width, width).
        upscaling_bias: Its bias and what ``b2`` gives through it, (width,).
        x0c: Matrix from image tokens to ``c(X)``, (width, width); `x1`, `x1c` and `x2` are those to ``X1``, ``c(X1)`` and ``X2``.
        d0c: Rows ``c(D0)``; `d01`, `d01c`, `d02`, `d1c` and `d12` likewise.
    """

    def __init__(self, weights: Weights) -> None:
        self.width = weights["no_mask_embed"].size
        self.head = self.width // 2 // HEADS
        (self.g1, self.b1), (g2, self.b2) = (
            tuple(weights[f"transformer.layers.{layer}.norm4.{part}"].astype(np.float64) for part in ("weight", "bias")) for layer in (0, 1)
        )
        first, second = (self._rows(weights, f"transformer.layers.{layer}.cross_attn_image_to_token.out_proj") for layer in (0, 1))
        self.x0c = np.eye(self.width) - 1 / self.width
        self.x1 = self.x0c * self.g1
        self.x1c = self.x1 @ self.x0c
        self.x2 = self.x1c * g2
        self.d0c = first.centered()
        self.d01 = self.d0c.times(self.g1)
        self.d01c = self.d01.centered()
        self.d02 = self.d01c.times(g2)
        self.d1c = Rows(second.weight, second.bias + self.b1 / HEADS).centered()
        self.d12 = self.d1c.times(g2)
        self.upscaling, bias = (array.astype(np.float64) for array in upscaling_layer(weights, 0))
        self.upscaling_bias = self.b2 @ self.upscaling + bias

    def _rows(self, weights: Weights, name: str) -> Rows:
        weight, bias = (weights[f"{name}.{part}"].astype(np.float64) for part in ("weight", "bias"))
        return Rows(weight.reshape(HEADS, self.head, self.width), bias / HEADS)
