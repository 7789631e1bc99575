"""SAM's prompt encoder and mask decoder as ONNX graphs that compute the published results with far less work.

The published graph decodes one prompt at a time and spends nearly all of the time on the image: it projects 4096 image tokens for every
prompt, and a prompt has only about seven tokens. Three changes reduce this work. The results are equal up to rounding.

1. Everything that depends only on the image is computed once for each image (`context_graph`): the image side of the first layer's
   attentions.
2. In the later layers the projections of the image are moved to the prompt side: ``softmax(q (x W)^T) = softmax((q W^T) x^T)`` and
   ``p (x W) = (p x) W``, where x has 4096 rows and q and p have about seven rows in each head.
3. Scores come first (`decoder_graph`). Masks are computed later (`upscaling_graph`), only for the prompts and candidates that are needed.

The architecture is that of ``MaskDecoder``, ``TwoWayTransformer`` and ``PromptEncoder`` in segment-anything (Kirillov et al., "Segment
Anything", 2023). Shapes in the docstrings are for SAM's token width (256) and grid of image tokens (64 x 64). The graphs
themselves take the width from the weights and the grid from an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .graph import Graph
from .weights import Weights

HEADS = 8
"""Number of heads in every attention. It cannot be read from the weights."""
MASKS = 4
"""Number of mask tokens, and so of candidate masks."""
PATCH = 16
"""Side of an image token in pixels of the model input."""
UPSCALED = 4
"""Side of an image token in low-resolution logits."""


def no_mask_graph(weights: Weights, grid: int) -> bytes:
    """Return the graph of the dense prompt embedding without an earlier mask: no inputs → ``dense`` (1, 256, 64, 64)."""
    graph = Graph()
    return graph.build(dense=graph.op("Expand", weights["no_mask_embed"].reshape(1, -1, 1, 1), np.array([1, 1, grid, grid])))


def mask_prompt_graph(weights: Weights, grid: int) -> bytes:
    """Return the graph that embeds an earlier mask: ``mask`` (1, 1, 256, 256) logits → ``dense`` (1, 256, 64, 64)."""
    graph = Graph()
    value = graph.input("mask", [1, 1, UPSCALED * grid, UPSCALED * grid])
    for convolution, norm in (("mask_downscaling.0", "mask_downscaling.1"), ("mask_downscaling.3", "mask_downscaling.4")):
        value = graph.op("Conv", value, weights[f"{convolution}.weight"], weights[f"{convolution}.bias"], strides=[2, 2])
        value = graph.transpose(value, 0, 2, 3, 1)
        value = graph.op("LayerNormalization", value, weights[f"{norm}.weight"], weights[f"{norm}.bias"], epsilon=1e-6)
        value = graph.op("Gelu", graph.transpose(value, 0, 3, 1, 2))
    return graph.build(dense=graph.op("Conv", value, weights["mask_downscaling.6.weight"], weights["mask_downscaling.6.bias"]))


def context_graph(weights: Weights, grid: int) -> bytes:
    """Return the graph of everything that depends only on the image (and an earlier mask).

    Inputs: ``embedding`` and ``dense``, both (1, 256, 64, 64).
    Outputs: ``image`` (4096, 256); for each head the first layer's ``keys`` (8, 16, 4096) and ``values`` (8, 4096, 16), to which the tokens
    attend, and ``queries`` (8, 16, 4096) of the image.
    """
    graph = Graph()
    sizes = _Sizes.of(weights, grid)
    shape: list[int | str] = [1, sizes.width, grid, grid]
    summed = graph.op("Add", graph.input("embedding", shape), graph.input("dense", shape))
    image = graph.transpose(graph.reshape(summed, sizes.width, sizes.image_tokens), 1, 0)
    positioned = graph.op("Add", image, image_positions(weights, grid))

    def project(value: str, name: str, *order: int) -> str:
        projected = graph.linear(value, *_linear(weights, f"transformer.layers.0.{name}"))
        return graph.transpose(graph.reshape(projected, sizes.image_tokens, HEADS, sizes.cross_head), *order)

    queries = project(positioned, "cross_attn_image_to_token.q_proj", 1, 2, 0)
    return graph.build(
        image=image,
        keys=project(positioned, "cross_attn_token_to_image.k_proj", 1, 2, 0),
        values=project(image, "cross_attn_token_to_image.v_proj", 1, 0, 2),
        queries=graph.op("Mul", queries, np.float32(sizes.cross_head**-0.5)),
    )


def decoder_graph(weights: Weights, grid: int) -> bytes:
    """Return the graph that decodes prompts to scores and to the inputs of `upscaling_graph`.

    Inputs: ``points`` (N, P, 2) in pixels of the model input, ``labels`` (N, P) and the four outputs of `context_graph`.
    Outputs: ``scores`` (N, 4), ``hyper`` (N, 4, 32) and ``image_out`` (N, 4096, 256).
    """
    return _Decoder(weights, grid).build()


def upscaling_graph(weights: Weights, grid: int) -> bytes:
    """Return the graph that computes mask logits of one prompt.

    Inputs: ``image_out`` (N, 4096, 256), ``prompt`` (1,) index of the prompt, ``hyper`` (K, 32) of the K candidates, and ``grid`` (2,) the
    numbers of rows and columns of image tokens to upscale, from the top-left corner. Tokens of the padding need no mask.
    Output: ``logits`` (K, 4 rows, 4 columns).

    The two transposed convolutions have stride and kernel 2. Each is computed as a linear layer whose outputs are 2 x 2 pixels. The pixels
    keep this nested order to the end and are moved to their places once, when they have K channels instead of 64.
    """
    graph = Graph()
    sizes = _Sizes.of(weights, grid)
    image_out = graph.input("image_out", ["N", sizes.image_tokens, sizes.width])
    image = graph.op("Gather", image_out, graph.input("prompt", [1], integer=True), axis=0)
    hyper = graph.input("hyper", ["K", sizes.width // 8])
    wanted = graph.input("grid", [2], integer=True)
    image = graph.op("Slice", graph.reshape(image, grid, grid, sizes.width), np.array([0, 0]), wanted, np.array([0, 1]))
    value = graph.op("Gemm", graph.reshape(image, -1, sizes.width), *_upscaling(weights, 0))
    value = graph.reshape(value, -1, sizes.width // 4)
    value = graph.op("LayerNormalization", value, weights["output_upscaling.1.weight"], weights["output_upscaling.1.bias"], epsilon=1e-6)
    value = graph.op("Gelu", graph.linear(graph.op("Gelu", value), *_upscaling(weights, 3)))
    value = graph.reshape(value, -1, sizes.width // 8)
    value = graph.op("MatMul", hyper, graph.transpose(value, 1, 0))
    nested = graph.op("Concat", np.array([-1]), wanted, np.array([2, 2, 2, 2]), axis=0)
    value = graph.transpose(graph.op("Reshape", value, nested), 0, 1, 3, 5, 2, 4, 6)
    placed = graph.op("Concat", np.array([-1]), graph.op("Mul", wanted, np.array([UPSCALED])), axis=0)
    return graph.build(logits=graph.op("Reshape", value, placed))


def image_positions(weights: Weights, grid: int) -> NDArray[np.float32]:
    """Return random Fourier features of the centers of the image tokens (``PositionEmbeddingRandom``), (4096, 256)."""
    ticks = (np.arange(grid, dtype=np.float32) + np.float32(0.5)) / np.float32(grid)
    centers = np.stack(np.meshgrid(ticks, ticks), axis=-1) * 2 - 1
    angles = centers @ weights["pe_layer.positional_encoding_gaussian_matrix"] * np.float32(2 * np.pi)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1).reshape(grid * grid, -1).astype(np.float32)


@dataclass(frozen=True)
class _Sizes:
    """Sizes of a decoder.

    Attributes:
        width: Width of a token.
        cross_head: Width of a head of the cross-attentions, which SAM downsamples by two.
        image_tokens: Number of image tokens.
    """

    width: int
    cross_head: int
    image_tokens: int

    @classmethod
    def of(cls, weights: Weights, grid: int) -> _Sizes:
        width = weights["no_mask_embed"].size
        return cls(width, width // 2 // HEADS, grid * grid)


class _Decoder:
    """Builder of the two-way transformer.

    In its methods, `queries` are the tokens of the prompts, (N, T, 256), and `image` those of the image, (4096, 256) or (N, 4096, 256).
    """

    def __init__(self, weights: Weights, grid: int) -> None:
        self.weights = weights
        self.graph = Graph()
        self.positions = image_positions(weights, grid)
        self.input_size = PATCH * grid
        sizes = _Sizes.of(weights, grid)
        self.width, self.cross_head, self.image_tokens = sizes.width, sizes.cross_head, sizes.image_tokens
        graph = self.graph
        points, labels = graph.input("points", ["N", "P", 2]), graph.input("labels", ["N", "P"], integer=True)
        self.image = graph.input("image", [self.image_tokens, self.width])
        self.first_keys = graph.input("keys", [HEADS, self.cross_head, self.image_tokens])
        self.first_values = graph.input("values", [HEADS, self.image_tokens, self.cross_head])
        self.first_queries = graph.input("queries", [HEADS, self.cross_head, self.image_tokens])
        self.batch = graph.op("Shape", labels, start=0, end=1)
        self.tokens = self._prompt_tokens(points, labels)
        self.length = graph.op("Shape", self.tokens, start=1, end=2)

    def build(self) -> bytes:
        graph = self.graph
        queries = self._norm(self._self_attention(self.tokens, self.tokens, 0), 0, 1)
        queries = self._norm(graph.op("Add", queries, self._first_tokens_to_image(queries)), 0, 2)
        queries = self._norm(graph.op("Add", queries, self._mlp(queries, 0)), 0, 3)
        image = self._image_to_tokens(self.image, queries, 0)

        asked = graph.op("Add", queries, self.tokens)
        queries = self._norm(graph.op("Add", queries, self._self_attention(asked, queries, 1)), 1, 1)
        attended = self._tokens_to_image(queries, image, "transformer.layers.1.cross_attn_token_to_image")
        queries = self._norm(graph.op("Add", queries, attended), 1, 2)
        queries = self._norm(graph.op("Add", queries, self._mlp(queries, 1)), 1, 3)
        image = self._image_to_tokens(image, queries, 1)

        attended = self._tokens_to_image(queries, image, "transformer.final_attn_token_to_image")
        queries = self._layer_norm(graph.op("Add", queries, attended), "transformer.norm_final_attn")
        hyper = [
            graph.op("Unsqueeze", self._head(self._token(queries, 1 + mask), f"output_hypernetworks_mlps.{mask}"), np.array([1]))
            for mask in range(MASKS)
        ]
        scores = self._head(self._token(queries, 0), "iou_prediction_head")
        return graph.build(scores=scores, hyper=graph.op("Concat", *hyper, axis=1), image_out=image)

    def _prompt_tokens(self, points: str, labels: str) -> str:
        """Return the tokens of the prompts, (N, 5 + P, 256): the output tokens, then the embedding of each point's position and label.

        This is ``PromptEncoder._embed_points``.
        """
        graph, weights = self.graph, self.weights
        unit = graph.op("Div", graph.op("Add", points, np.float32(0.5)), np.float32(self.input_size))
        centered = graph.op("Sub", graph.op("Mul", unit, np.float32(2)), np.float32(1))
        angles = graph.op("MatMul", centered, weights["pe_layer.positional_encoding_gaussian_matrix"])
        angles = graph.op("Mul", angles, np.float32(2 * np.pi))
        position = graph.op("Concat", graph.op("Sin", angles), graph.op("Cos", angles), axis=-1)
        kinds = np.concatenate([weights["not_a_point_embed.weight"], *(weights[f"point_embeddings.{i}.weight"] for i in range(4))])
        row = graph.op("Add", labels, np.int64(1))  # Padding (label -1) is row 0 and has no position.
        real = graph.op("Cast", graph.op("Greater", row, np.int64(0)), to=1)
        position = graph.op("Mul", position, graph.op("Unsqueeze", real, np.array([-1])))
        embedded = graph.op("Add", position, graph.op("Gather", kinds, row, axis=0))
        shape = graph.op("Concat", self.batch, np.array([1, 1]), axis=0)
        return graph.op("Concat", graph.op("Expand", weights["output_tokens"], shape), embedded, axis=1)

    def _self_attention(self, asked: str, values: str, layer: int) -> str:
        graph, name, head = self.graph, f"transformer.layers.{layer}.self_attn", self.width // HEADS
        q = self._heads(self._scaled(asked, f"{name}.q_proj", head), head, 0, 2, 1, 3)
        k = self._heads(self._project(asked, f"{name}.k_proj"), head, 0, 2, 3, 1)
        v = self._heads(self._project(values, f"{name}.v_proj"), head, 0, 2, 1, 3)
        attended = graph.op("MatMul", graph.op("Softmax", graph.op("MatMul", q, k), axis=-1), v)
        return self._project(self._join(attended, self.width), f"{name}.out_proj")

    def _first_tokens_to_image(self, queries: str) -> str:
        """Return the first layer's attention to the image. Its keys and values are the same for every prompt."""
        graph, name = self.graph, "transformer.layers.0.cross_attn_token_to_image"
        asked = graph.op("Add", queries, self.tokens)
        q = self._heads(self._scaled(asked, f"{name}.q_proj", self.cross_head), self.cross_head, 0, 2, 1, 3)
        attended = graph.op("MatMul", graph.op("Softmax", graph.op("MatMul", q, self.first_keys), axis=-1), self.first_values)
        return self._project(self._join(attended, self.width // 2), f"{name}.out_proj")

    def _tokens_to_image(self, queries: str, image: str, name: str) -> str:
        """Return the attention to the image, with the projections of the image moved to the side of the tokens.

        The bias of the keys adds the same number to all scores of a token, which softmax cancels. The bias of the values is added to the
        result, because attention weights sum to 1.
        """
        graph = self.graph
        asked = graph.op("Add", queries, self.tokens)
        q = self._heads(self._scaled(asked, f"{name}.q_proj", self.cross_head), self.cross_head, 0, 2, 1, 3)
        weights = graph.op("Softmax", self._scores(q, image, f"{name}.k_proj"), axis=-1)
        seen = self._by_head(graph.op("MatMul", self._all_heads(weights, self.image_tokens), image), self.width)
        value_weight, value_bias = _linear(self.weights, f"{name}.v_proj")
        per_head = value_weight.reshape(self.width, HEADS, self.cross_head).transpose(1, 0, 2)
        attended = graph.op("Add", self._join(graph.op("MatMul", seen, per_head), self.width // 2), value_bias)
        return self._project(attended, f"{name}.out_proj")

    def _image_to_tokens(self, image: str, queries: str, layer: int) -> str:
        """Return the image plus its attention to the tokens, normalized. The queries of the first layer come from the context graph."""
        graph, name = self.graph, f"transformer.layers.{layer}.cross_attn_image_to_token"
        k = self._heads(self._project(graph.op("Add", queries, self.tokens), f"{name}.k_proj"), self.cross_head, 0, 2, 1, 3)
        if layer == 0:
            scores = graph.op("MatMul", k, self.first_queries)
        else:
            scores = self._scores(graph.op("Mul", k, np.float32(self.cross_head**-0.5)), image, f"{name}.q_proj")
        out_weight, out_bias = _linear(self.weights, f"{name}.out_proj")
        v = self._heads(self._project(queries, f"{name}.v_proj"), self.cross_head, 0, 2, 1, 3)
        # In each of the 8 heads the weights sum to 1 over the tokens. An eighth of the bias on each value therefore adds up to the bias.
        values = graph.op("Add", graph.op("MatMul", v, out_weight.reshape(HEADS, self.cross_head, self.width)), out_bias / HEADS)
        weights = graph.transpose(self._all_heads(self._softmax_over_tokens(scores), self.image_tokens), 0, 2, 1)
        attended = graph.op("MatMul", weights, self._all_heads(values, self.width))
        return self._norm(graph.op("Add", attended, image), layer, 4)

    def _scores(self, value: str, image: str, name: str) -> str:
        """Return products (N, 8, T, 4096) of `value` (N, 8, T, 16), of the tokens, with the projection `name` of the image plus positions.

        The projection itself is never computed. The part of the positions and the bias is the same for every prompt and image, a constant.
        """
        graph = self.graph
        weight, bias = _linear(self.weights, name)
        back = self._all_heads(graph.op("MatMul", value, weight.reshape(self.width, HEADS, self.cross_head).transpose(1, 2, 0)), self.width)
        content = self._by_head(graph.op("MatMul", back, graph.transpose(image, 0, 2, 1)), self.image_tokens)
        constant = (self.positions @ weight + bias).reshape(self.image_tokens, HEADS, self.cross_head).transpose(1, 2, 0)
        return graph.op("Add", content, graph.op("MatMul", value, constant))

    def _softmax_over_tokens(self, scores: str) -> str:
        """Return the softmax of (N, 8, T, 4096) over the tokens.

        It is written out, because the ONNX operator transposes its input unless the axis is the last.
        """
        graph, axis = self.graph, np.array([2])
        shifted = graph.op("Exp", graph.op("Sub", scores, graph.op("ReduceMax", scores, axis, keepdims=1)))
        return graph.op("Div", shifted, graph.op("ReduceSum", shifted, axis, keepdims=1))

    def _mlp(self, queries: str, layer: int) -> str:
        hidden = self.graph.op("Relu", self._project(queries, f"transformer.layers.{layer}.mlp.lin1"))
        return self._project(hidden, f"transformer.layers.{layer}.mlp.lin2")

    def _head(self, token: str, name: str) -> str:
        """Return the output of a three-layer perceptron for one token (``MLP`` in segment-anything)."""
        for layer in range(3):
            token = self.graph.op(
                "Gemm", token, self.weights[f"{name}.layers.{layer}.weight"], self.weights[f"{name}.layers.{layer}.bias"], transB=1
            )
            if layer < 2:
                token = self.graph.op("Relu", token)
        return token

    def _token(self, queries: str, index: int) -> str:
        return self.graph.op("Gather", queries, np.int64(index), axis=1)

    def _project(self, value: str, name: str) -> str:
        return self.graph.linear(value, *_linear(self.weights, name))

    def _scaled(self, value: str, name: str, head: int) -> str:
        return self.graph.op("Mul", self._project(value, name), np.float32(head**-0.5))

    def _norm(self, value: str, layer: int, number: int) -> str:
        return self._layer_norm(value, f"transformer.layers.{layer}.norm{number}")

    def _layer_norm(self, value: str, name: str) -> str:
        return self.graph.op("LayerNormalization", value, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], epsilon=1e-5)

    def _heads(self, value: str, head: int, *order: int) -> str:
        """Split the heads, (N, T, 8 head) → (N, T, 8, head), and reorder the dimensions."""
        return self.graph.transpose(self.graph.reshape(value, 0, 0, HEADS, head), *order)

    def _join(self, value: str, width: int) -> str:
        """Join the heads, (N, 8, T, head) → (N, T, width)."""
        return self.graph.reshape(self.graph.transpose(value, 0, 2, 1, 3), 0, 0, width)

    def _all_heads(self, value: str, last: int) -> str:
        """Merge heads and tokens, (N, 8, T, last) → (N, 8 T, last)."""
        return self.graph.reshape(value, 0, -1, last)

    def _by_head(self, value: str, last: int) -> str:
        """Split heads and tokens, (N, 8 T, last) → (N, 8, T, last)."""
        shape = self.graph.op("Concat", self.batch, np.array([HEADS]), self.length, np.array([last]), axis=0)
        return self.graph.op("Reshape", value, shape)


def _linear(weights: Weights, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def _upscaling(weights: Weights, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a transposed convolution of stride and kernel 2 as a linear layer: weight (in, 2 * 2 * out) and bias."""
    weight = weights[f"output_upscaling.{index}.weight"].transpose(0, 2, 3, 1)
    return weight.reshape(len(weight), -1), np.tile(weights[f"output_upscaling.{index}.bias"], 4)
