"""Trainable two-way transformer of SAM's mask decoder, with far fewer operations than the original.

The algebra is that of `promptseg.models.sam.torch.decoder`: ``softmax(q (x W)^T) = softmax((q W^T) x^T)`` and ``p (x W) = (p x) W``, where
x has 4096 image tokens, and q and p have about seven for each head. So projections move from the image to the prompts. For inference,
products of weights are computed once. In training the weights change at each step, so that this module uses the package's own weights.

Shapes: N prompts of T tokens, H heads of width d, L image tokens of width C. While all prompts share one image, it is (1, L, C).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def transform(transformer: Any, image: Tensor, positions: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Run ``TwoWayTransformer.forward`` of segment-anything or SAM 2.

    Args:
        transformer: The module.
        image: (1, L, C) image embedding.
        positions: (L, C) position encoding of the image tokens.
        tokens: (N, T, C) prompt tokens.

    Returns:
        The updated tokens (N, T, C) and the updated image (N, L, C).
    """
    queries = tokens
    for layer in transformer.layers:
        if layer.skip_first_layer_pe:
            queries = layer.norm1(layer.self_attn(q=queries, k=queries, v=queries))
        else:
            positioned_tokens = queries + tokens
            queries = layer.norm1(queries + layer.self_attn(q=positioned_tokens, k=positioned_tokens, v=queries))
        positioned_image = image + positions
        queries = layer.norm2(queries + tokens_to_image(layer.cross_attn_token_to_image, queries + tokens, positioned_image, image))
        queries = layer.norm3(queries + layer.mlp(queries))
        image = layer.norm4(image_to_tokens(layer.cross_attn_image_to_token, image, positioned_image, queries + tokens, queries))
    seen = tokens_to_image(transformer.final_attn_token_to_image, queries + tokens, image + positions, image)
    return transformer.norm_final_attn(queries + seen), image


def tokens_to_image(attention: Any, positioned_tokens: Tensor, positioned_image: Tensor, image: Tensor) -> Tensor:
    """Return the attention of tokens to the image, (N, T, C).

    Args:
        attention: The package's ``Attention``.
        positioned_tokens: (N, T, C) tokens with their position encoding.
        positioned_image: (1 or N, L, C) image tokens with their position encoding.
        image: (1 or N, L, C) image tokens without position encoding.
    """
    prompts, heads = len(positioned_tokens), attention.num_heads
    # The keys' bias shifts all scores of a token alike, which softmax does not see; it has no gradient.
    queries = _to_width(_by_head(attention.q_proj(positioned_tokens), heads), attention.k_proj.weight)
    weights = _product(queries, positioned_image.transpose(1, 2)).softmax(-1)
    seen = _product(weights, image).view(prompts, heads, -1, image.shape[-1])
    values = torch.einsum("nhtc,hdc->nthd", seen, attention.v_proj.weight.view(heads, -1, image.shape[-1]))
    out: Tensor = attention.out_proj(values.flatten(2) + attention.v_proj.bias)  # Weights sum to 1: the values' bias passes through.
    return out


def image_to_tokens(attention: Any, image: Tensor, positioned_image: Tensor, positioned_tokens: Tensor, values: Tensor) -> Tensor:
    """Return the image plus its attention to the tokens, (N, L, C).

    Args:
        attention: The package's ``Attention``.
        image: (1 or N, L, C) image tokens without position encoding.
        positioned_image: (1 or N, L, C) image tokens with their position encoding.
        positioned_tokens: (N, T, C) tokens with their position encoding.
        values: (N, T, C) tokens without position encoding.
    """
    prompts, heads = len(positioned_tokens), attention.num_heads
    keys = _by_head(attention.k_proj(positioned_tokens), heads)
    bias = torch.einsum("nthd,hd->nht", keys, attention.q_proj.bias.view(heads, -1)).reshape(prompts, -1, 1)
    scores = _product(_to_width(keys, attention.q_proj.weight), positioned_image.transpose(1, 2)) + bias
    weights = scores.view(prompts, heads, -1, scores.shape[-1]).softmax(2).flatten(1, 2)
    parts = attention.v_proj(values).view(prompts, values.shape[1], heads, -1)
    seen = torch.einsum("nthd,chd->nhtc", parts, attention.out_proj.weight.view(image.shape[-1], heads, -1)).flatten(1, 2)
    return torch.baddbmm((image + attention.out_proj.bias).expand(prompts, -1, -1), weights.transpose(1, 2), seen)


def _by_head(value: Tensor, heads: int) -> Tensor:
    """Reshape (N, T, H d) to (N, T, H, d), and scale by ``d ** -0.5`` as attention scales its scores."""
    value = value.view(*value.shape[:2], heads, -1)
    scaled: Tensor = value * value.shape[-1] ** -0.5
    return scaled


def _to_width(value: Tensor, weight: Tensor) -> Tensor:
    """Multiply (N, T, H, d) by the transposed weight (H d, C) of a projection to heads: (N, H T, C)."""
    prompts, tokens, heads, width = value.shape
    return torch.einsum("nthd,hdc->nhtc", value, weight.view(heads, width, -1)).reshape(prompts, heads * tokens, -1)


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Multiply (N, rows, x) by (1 or N, x, columns). A factor that all prompts share is never copied for each."""
    if len(right) == len(left):
        return torch.bmm(left, right)
    return (left.flatten(0, 1) @ right[0]).view(*left.shape[:2], -1)
