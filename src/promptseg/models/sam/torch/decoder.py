"""The prompt encoder and mask decoder of SAM and SAM 2 in torch, with the published results and far less work, on any device.

The decoder is built from the modules of a loaded model of any width, depth and grid. Three changes save the work. The results are equal up
to rounding. (The ONNX graphs go further and keep the image in low-rank form, which pays where blocks of it fit into a processor's cache.)

1. Everything that depends only on the image is computed once for each image (`TorchDecoder.context`): the image side of the first layer's
   attentions, and SAM 2's high-resolution features in the order that upscaling needs.
2. In the later layers the projections of the image are moved to the prompt side: ``softmax(q (x W)^T) = softmax((q W^T) x^T)`` and
   ``p (x W) = (p x) W``, where x has 4096 rows and q and p have about seven rows in each head.
3. Scores come first (`TorchDecoder.decode`). Masks are computed later (`TorchDecoder.upscale`), only for the prompts and candidates that
   are needed.

The architecture is that of ``MaskDecoder``, ``TwoWayTransformer`` and ``PromptEncoder`` in segment-anything (Kirillov et al., "Segment
Anything", 2023). SAM 2's classes of the same names (Ravi et al., "SAM 2", 2024) differ in three ways, which are read from the modules: a
first token tells whether the object is in the image, predicted IoU passes through a sigmoid, and upscaling adds high-resolution features.

Shapes: N prompts of T tokens, H heads of width d, L image tokens of width C. Values by head have shape (H, N T, d). In this shape, arrays
that all prompts share enter a product once and are not copied for each prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ....masks import Size


@dataclass(frozen=True, eq=False)
class Context:
    """Intermediate results that depend only on the image (and an earlier mask).

    Attributes:
        embedding: (L, C) output of the image encoder.
        image: (L, C) image tokens: the embedding plus that of the earlier mask, or of no mask.
        keys: (H, d, L) keys of the first layer's attention to the image.
        values: (H, L, d) values of the first layer's attention to the image.
        queries: (H, d, L) queries of the image's attention to the tokens in the first layer.
        offsets: (grid, C) and (grid, 4, C / 2), added to the pixels of the image tokens in the two steps of upscaling. A subclass of
            `TorchDecoder` may add more.
    """

    embedding: Tensor
    image: Tensor
    keys: Tensor
    values: Tensor
    queries: Tensor
    offsets: tuple[Tensor, ...]

    @property
    def nbytes(self) -> int:
        """Number of bytes of all tensors."""
        return sum(tensor.nbytes for tensor in (self.embedding, self.image, self.keys, self.values, self.queries, *self.offsets))


@dataclass(frozen=True, eq=False)
class DecodedPrompts:
    """N decoded prompts: their scores, and the inputs from which `TorchDecoder.upscale` computes masks.

    Attributes:
        scores: (N, masks) float32 predicted IoU.
        hyper: (N, masks, C / 8) weights of each mask, from the hypernetworks.
        image: (N, L, C) image tokens after the last layer.
        offsets: Those of the context.
    """

    scores: Tensor
    hyper: Tensor
    image: Tensor
    offsets: tuple[Tensor, ...]


class TorchDecoder:
    """Prompt encoder and mask decoder of one model, for inference only. It is immutable, so threads may share it.

    The modules are moved to the device and converted to the dtype. Nothing else may use them afterwards.

    Args:
        prompt_encoder: ``PromptEncoder`` of segment-anything, of SAM 2, or of a package with a copy of one of them. One with a layer
            ``image_pe_layer`` has other positions for the image than for points.
        mask_decoder: ``MaskDecoder`` of the same package, with a ``TwoWayTransformer``.
        device: Device of all computation.
        dtype: Dtype of matrix products. Positions, softmax and results are always float32.
    """

    def __init__(self, prompt_encoder: Any, mask_decoder: Any, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self.grid: Size = (int(prompt_encoder.image_embedding_size[0]), int(prompt_encoder.image_embedding_size[1]))
        height, width = prompt_encoder.input_image_size
        with torch.no_grad():
            self._input_size = torch.tensor([width, height], dtype=torch.float32, device=device)
            points, image = prompt_encoder.pe_layer, getattr(prompt_encoder, "image_pe_layer", prompt_encoder.pe_layer)
            self._frequencies = points.positional_encoding_gaussian_matrix.to(device, torch.float32)
            kinds = [prompt_encoder.not_a_point_embed, *prompt_encoder.point_embeddings]
            self._kinds = torch.cat([kind.weight for kind in kinds]).to(device, torch.float32)
            object_token = [mask_decoder.obj_score_token.weight] if hasattr(mask_decoder, "obj_score_token") else []
            output_tokens = torch.cat([*object_token, mask_decoder.iou_token.weight, mask_decoder.mask_tokens.weight])
            self._output_tokens = output_tokens.to(device, torch.float32)[None]
            self._iou_token = len(object_token)
            self._no_mask = prompt_encoder.no_mask_embed.weight.to(device, dtype)
            self._mask_downscaling = prompt_encoder.mask_downscaling.to(device, dtype)
            positions = _positions(self._centers(), image.positional_encoding_gaussian_matrix.to(device, torch.float32))
            transformer = mask_decoder.transformer.to(device, torch.float32)  # Constants are computed in float32.
            self._layers = [_Layer(layer, positions, dtype) for layer in transformer.layers]
            self._final = _TokensToImage(transformer.final_attn_token_to_image, positions, dtype)
            self._final_norm = transformer.norm_final_attn.to(dtype)
            self._upscaling = _Upscaling(mask_decoder.output_upscaling.to(device, dtype))
            self._iou_head = mask_decoder.iou_prediction_head.to(device, dtype)
            self._hyper_heads = mask_decoder.output_hypernetworks_mlps.to(device, dtype)

    def context(self, embedding: Tensor, high_res: Sequence[Tensor] = ()) -> Context:
        """Return the intermediate results that depend only on the image.

        Args:
            embedding: (1, C, grid height, grid width) output of the image encoder.
            high_res: SAM 2's features at four and at two times the grid, (1, C / 8, …) and (1, C / 4, …). Empty for SAM.
        """
        tokens = embedding.to(self.device, self.dtype).flatten(2)[0].T.contiguous()
        features = [level.to(self.device, self.dtype) for level in high_res]
        return self._context(tokens, self._no_mask, self._offsets(features))

    def with_mask(self, context: Context, mask_logits: Tensor) -> Context:
        """Return the context of an image with an earlier mask, given as logits (4 grid height, 4 grid width)."""
        dense = self._mask_downscaling(mask_logits.to(self.device, self.dtype)[None, None])
        return self._context(context.embedding, dense.flatten(2)[0].T, context.offsets)

    def decode(self, context: Context, points: Tensor, labels: Tensor) -> DecodedPrompts:
        """Return the scores of prompts, and the inputs of `upscale`.

        Args:
            context: Context of the image.
            points: (N, P, 2) float32 ``(x, y)`` in pixels of the model input.
            labels: (N, P) int64: -1 padding, 0 background, 1 foreground, 2 and 3 the top-left and bottom-right corners of a box.
        """
        tokens = self._prompt_tokens(points.to(self.device), labels.to(self.device))
        queries = tokens
        image = context.image[None]
        for index, layer in enumerate(self._layers):
            queries, image = layer(queries, tokens, image, context if index == 0 else None)
        queries = self._final_norm(queries + self._final(queries + tokens, image))
        iou, *masks = queries[:, self._iou_token : self._output_tokens.shape[1]].unbind(dim=1)
        hyper = torch.stack([head(token) for head, token in zip(self._hyper_heads, masks, strict=True)], dim=1)
        return DecodedPrompts(self._iou_head(iou).float(), hyper, image, context.offsets)

    def upscale(self, decoded: DecodedPrompts, prompts: Sequence[int], candidates: Sequence[int], region: Size | None = None) -> Tensor:
        """Return logits of some candidates, the same of each of some prompts.

        Args:
            decoded: Decoded prompts, from `decode`.
            prompts: Indices of the prompts, 0 to N - 1.
            candidates: Indices of their candidates.
            region: ``(height, width)`` in logits of the part that is needed, from the top-left corner; None for all.

        Returns:
            (prompts, candidates, 4 rows, 4 columns) float32, for the rows and columns of image tokens that contain the region.
        """
        part = self.grid if region is None else (-(-region[0] // 4), -(-region[1] // 4))
        which, among = (torch.tensor(list(indices), device="cpu").to(self.device) for indices in (prompts, candidates))
        return self._logits(decoded.image[which].view(len(which), *self.grid, -1), decoded.hyper[which], among, decoded.offsets, part)

    def _offsets(self, high_res: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return `Context.offsets` from features of the image beside the embedding."""
        return self._upscaling.offsets(high_res, self.grid)

    def _logits(self, image: Tensor, hyper: Tensor, among: Tensor, offsets: Sequence[Tensor], part: Size) -> Tensor:
        """Return logits (N, candidates, 4 rows, 4 columns) float32 of the candidates `among` on the first rows and columns of image tokens.

        Args:
            image: (N, grid, C) image tokens.
            hyper: (N, masks, C / 8) weights of all masks.
            among: Indices of the candidates.
            offsets: `Context.offsets`.
            part: Rows and columns.
        """
        values = self._upscaling(*self._upscaling.part(image, offsets, part))
        return self._upscaling.placed(hyper[:, among] @ values.transpose(1, 2), part).float()

    def _context(self, embedding: Tensor, mask: Tensor, offsets: tuple[Tensor, ...]) -> Context:
        image = (embedding + mask).contiguous()
        first = self._layers[0]
        keys, values = first.tokens_to_image.keys_and_values(image)
        return Context(embedding, image, keys, values, first.image_to_tokens.queries(image), offsets)

    def _prompt_tokens(self, points: Tensor, labels: Tensor) -> Tensor:
        """Return the tokens of the prompts, (N, T, C): the output tokens, then the embedding of each point's position and label.

        This is ``PromptEncoder._embed_points``.
        """
        position = _positions((points + 0.5) / self._input_size, self._frequencies)
        position = position * (labels >= 0).unsqueeze(-1)  # Padding has no position.
        embedded = position + self._kinds[labels + 1]
        return torch.cat([self._output_tokens.expand(len(points), -1, -1), embedded], dim=1).to(self.dtype)

    def _centers(self) -> Tensor:
        """Return the centers ``(x, y)`` of the image tokens in the unit square, (L, 2)."""
        ticks = [(torch.arange(side, dtype=torch.float32, device=self.device) + 0.5) / side for side in self.grid]
        y, x = torch.meshgrid(*ticks, indexing="ij")
        return torch.stack([x, y], dim=-1).view(-1, 2)


def _positions(unit: Tensor, frequencies: Tensor) -> Tensor:
    """Return random Fourier features of points in the unit square (``PositionEmbeddingRandom``)."""
    angles = 2 * torch.pi * ((2 * unit - 1) @ frequencies)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class _Layer:
    """A layer of the two-way transformer (``TwoWayAttentionBlock``)."""

    def __init__(self, layer: Any, positions: Tensor, dtype: torch.dtype) -> None:
        self.tokens_to_image = _TokensToImage(layer.cross_attn_token_to_image, positions, dtype)
        self.image_to_tokens = _ImageToTokens(layer.cross_attn_image_to_token, positions, dtype)
        self._self_attention = _SelfAttention(layer.self_attn, dtype)
        self._skips_positions = bool(layer.skip_first_layer_pe)
        self._mlp = layer.mlp.to(dtype)
        self._norms = [norm.to(dtype) for norm in (layer.norm1, layer.norm2, layer.norm3, layer.norm4)]

    def __call__(self, queries: Tensor, tokens: Tensor, image: Tensor, first: Context | None) -> tuple[Tensor, Tensor]:
        """Return the tokens (N, T, C) and the image (N, L, C) after this layer. `first` is the context for the first layer, else None."""
        norm1, norm2, norm3, norm4 = self._norms
        if self._skips_positions:
            queries = norm1(self._self_attention(queries, queries))
        else:
            queries = norm1(queries + self._self_attention(queries + tokens, queries))
        queries = norm2(queries + self.tokens_to_image(queries + tokens, image, first))
        queries = norm3(queries + self._mlp(queries))
        return queries, norm4(self.image_to_tokens(image, queries + tokens, queries, first))


class _Attention:
    """Base of the three attentions: weights by head, with the scale folded into the projection of the queries."""

    def __init__(self, attention: Any, dtype: torch.dtype) -> None:
        self.heads = int(attention.num_heads)
        self.head = int(attention.internal_dim) // self.heads
        self.dtype = dtype
        scale = self.head**-0.5
        self._q = attention.q_proj.weight * scale, attention.q_proj.bias * scale
        self._k, self._v, self._out = ((linear.weight, linear.bias) for linear in (attention.k_proj, attention.v_proj, attention.out_proj))

    def cast(self, *values: Tensor) -> tuple[Tensor, ...]:
        return tuple(value.detach().to(self.dtype).contiguous() for value in values)

    def by_head(self, weight: Tensor) -> Tensor:
        """Reshape (H d, C) to (H, d, C)."""
        return weight.view(self.heads, self.head, -1)

    def constant(self, positions: Tensor, linear: tuple[Tensor, Tensor]) -> Tensor:
        """Return the part of the positions and the bias in a projection of the image, (H, d, L). It is the same for every image."""
        return self.split(functional.linear(positions, *linear)).transpose(1, 2)

    def split(self, value: Tensor) -> Tensor:
        """Split the heads: (…, H d) to (H, all rows, d)."""
        return value.reshape(-1, self.heads, self.head).transpose(0, 1)

    def join(self, value: Tensor, prompts: int) -> Tensor:
        """Join the heads: (H, N T, d) to (N, T, H d)."""
        return value.transpose(0, 1).reshape(prompts, -1, self.heads * self.head)

    def by_prompt(self, value: Tensor, prompts: int) -> Tensor:
        """Reorder by prompt: (H, N T, x) to (N, H T, x)."""
        return value.view(self.heads, prompts, -1, value.shape[-1]).transpose(0, 1).reshape(prompts, -1, value.shape[-1])

    def of_all_prompts(self, value: Tensor) -> Tensor:
        """Reorder by head: (N, H T, x) to (H, N T, x)."""
        return value.view(len(value), self.heads, -1, value.shape[-1]).transpose(0, 1).reshape(self.heads, -1, value.shape[-1])

    def softmax(self, scores: Tensor, dim: int) -> Tensor:
        return torch.softmax(scores, dim, dtype=torch.float32).to(self.dtype)


class _SelfAttention(_Attention):
    """Self-attention of the tokens."""

    def __init__(self, attention: Any, dtype: torch.dtype) -> None:
        super().__init__(attention, dtype)
        self._weights = [self.cast(*linear) for linear in (self._q, self._k, self._v, self._out)]

    def __call__(self, asked: Tensor, values: Tensor) -> Tensor:
        q, k, v = (
            functional.linear(value, *weights).view(len(value), -1, self.heads, self.head).transpose(1, 2)
            for value, weights in zip((asked, asked, values), self._weights, strict=False)
        )
        attended = self.softmax(q @ k.transpose(-2, -1), -1) @ v
        return functional.linear(attended.transpose(1, 2).flatten(2), *self._weights[3])


class _TokensToImage(_Attention):
    """Attention of the tokens to the image, with the projections of the image moved to the side of the tokens."""

    def __init__(self, attention: Any, positions: Tensor, dtype: torch.dtype) -> None:
        super().__init__(attention, dtype)
        key_weight, value_weight = self.by_head(self._k[0]), self.by_head(self._v[0])
        self._query, self._output = self.cast(*self._q), self.cast(*self._out)
        # The bias of the keys adds the same number to all scores of a token, which softmax cancels. The constant contains it at no cost.
        self._key_weight, self._key_constant = self.cast(key_weight, self.constant(positions, self._k))
        # The bias of the values is added to the result, because attention weights sum to 1.
        self._value_weight, self._value_bias = self.cast(value_weight.transpose(1, 2), self._v[1])

    def keys_and_values(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys (H, d, L) and values (H, L, d) of an image (L, C), for the first layer, where all prompts share them."""
        values = image @ self._value_weight + self._value_bias.view(self.heads, 1, self.head)
        return self._key_constant + self._key_weight @ image.T, values

    def __call__(self, asked: Tensor, image: Tensor, first: Context | None = None) -> Tensor:
        prompts = len(asked)
        q = self.split(functional.linear(asked, *self._query))
        if first is not None:
            attended = self.join(self.softmax(q @ first.keys, -1) @ first.values, prompts)
        else:
            positional = self.by_prompt(q @ self._key_constant, prompts)
            scores = torch.baddbmm(positional, self.by_prompt(q @ self._key_weight, prompts), image.transpose(1, 2))
            seen = self.of_all_prompts(self.softmax(scores, -1) @ image)
            attended = self.join(seen @ self._value_weight, prompts) + self._value_bias
        return functional.linear(attended, *self._output)


class _ImageToTokens(_Attention):
    """Attention of the image to the tokens, with the projections of the image moved to the side of the tokens.

    The result is the image plus its attention.
    """

    def __init__(self, attention: Any, positions: Tensor, dtype: torch.dtype) -> None:
        super().__init__(attention, dtype)
        self._key, self._value = self.cast(*self._k), self.cast(*self._v)
        self._query_weight, self._query_constant = self.cast(self.by_head(self._q[0]), self.constant(positions, self._q))
        # In each of the H heads the weights sum to 1 over the tokens. A part 1 / H of the bias on each value therefore adds up to the bias.
        out_weight, out_bias = self._out
        self._out_weight, self._out_bias = self.cast(self.by_head(out_weight.T), out_bias / self.heads)

    def queries(self, image: Tensor) -> Tensor:
        """Return queries (H, d, L) of an image (L, C), for the first layer."""
        return self._query_constant + self._query_weight @ image.T

    def __call__(self, image: Tensor, asked: Tensor, values: Tensor, first: Context | None = None) -> Tensor:
        prompts = len(asked)
        k = self.split(functional.linear(asked, *self._key))
        if first is not None:
            scores = self.by_prompt(k @ first.queries, prompts)
        else:
            positional = self.by_prompt(k @ self._query_constant, prompts)
            scores = torch.baddbmm(positional, self.by_prompt(k @ self._query_weight, prompts), image.transpose(1, 2))
        weights = self.softmax(scores.view(prompts, self.heads, -1, scores.shape[-1]), 2).flatten(1, 2)
        seen = self.by_prompt(self.split(functional.linear(values, *self._value)) @ self._out_weight, prompts) + self._out_bias
        return torch.baddbmm(image, weights.transpose(1, 2), seen)


class _Upscaling:
    """Upscaling of the image tokens (``MaskDecoder.output_upscaling``) and the product with the weights of each mask.

    The two transposed convolutions have stride and kernel 2. Each is computed as a linear layer whose outputs are 2 x 2 pixels. The pixels
    keep this nested order to the end and are moved to their places once, when they have few channels.

    SAM 2 adds features of the image to the output of each convolution. They are brought into the nested order and added to the bias once
    for each image (`offsets`), at no cost for a prompt.
    """

    def __init__(self, upscaling: Any) -> None:
        first, self._norm, _, second, _ = upscaling
        self._linears = [_as_linear(convolution) for convolution in (first, second)]

    def offsets(self, high_res: Sequence[Tensor], grid: Size) -> tuple[Tensor, Tensor]:
        """Return the biases plus SAM 2's high-resolution features in nested order: (grid, 4 channels) and (grid, 4, 4 channels).

        Args:
            high_res: SAM 2's features, the finer first; empty for SAM.
            grid: Rows and columns of image tokens.
        """
        (_, first), (_, second) = self._linears
        if not high_res:
            return first.expand(*grid, -1), second.expand(*grid, 4, -1)
        finer, coarser = high_res
        return nested(coarser, grid) + first, nested(finer, grid).view(*grid, 4, -1) + second

    @staticmethod
    def part(image: Tensor, offsets: Sequence[Tensor], part: Size) -> tuple[Tensor, list[Tensor]]:
        """Return the first rows and columns of image tokens (N, grid, C) and of the offsets."""
        rows, columns = part
        return image[:, :rows, :columns], [offset[:rows, :columns] for offset in offsets]

    def __call__(self, image: Tensor, offsets: Sequence[Tensor]) -> Tensor:
        """Return upscaled tokens (N, 16 rows columns, C / 8) of a rectangle of the image, in nested order.

        Args:
            image: (N, rows, columns, C) image tokens of the rectangle.
            offsets: The same rectangle of the outputs of `offsets`.
        """
        prompts, width = len(image), image.shape[-1]
        norm, ((first, _), (second, _)) = self._norm, self._linears
        repeated = (offset.expand(prompts, *offset.shape) for offset in offsets)
        biases = [offset.reshape(-1, offset.shape[-1]) for offset in repeated]
        value = torch.addmm(biases[0], image.reshape(-1, width), first.T).view(-1, len(norm.weight))
        value = functional.gelu(functional.layer_norm(value, (len(norm.weight),), norm.weight, norm.bias, norm.eps))
        value = torch.addmm(biases[1], value, second.T)
        return functional.gelu(value).view(prompts, -1, width // 8)

    @staticmethod
    def placed(values: Tensor, part: Size) -> Tensor:
        """Return values (N, channels, 16 rows columns) in nested order at their places, (N, channels, 4 rows, 4 columns)."""
        rows, columns = part
        nested = values.view(*values.shape[:2], rows, columns, 2, 2, 2, 2)
        return nested.permute(0, 1, 2, 4, 6, 3, 5, 7).reshape(*values.shape[:2], 4 * rows, 4 * columns)


def _as_linear(convolution: Any) -> tuple[Tensor, Tensor]:
    """Return a transposed convolution of stride and kernel 2 as a linear layer: weight (2 * 2 * out, in) and bias."""
    weight = convolution.weight.detach().permute(2, 3, 1, 0)
    return weight.reshape(-1, weight.shape[-1]).contiguous(), convolution.bias.detach().repeat(4)


def nested(features: Tensor, grid: Size) -> Tensor:
    """Reorder features (1, channels, n rows, n columns) to nested order, (rows, columns, n n channels).

    The pixels of an image token are ordered by quarters, and within each quarter again by quarters.
    """
    value = features[0].permute(1, 2, 0)
    while len(value) > grid[0]:
        rows, columns, channels = value.shape
        value = value.reshape(rows // 2, 2, columns // 2, 2, channels).transpose(1, 2).reshape(rows // 2, columns // 2, 4 * channels)
    return value
