"""The two-way transformer of SAM's mask decoder with far less work, through which gradients flow.

The algebra is that of `promptseg.models.sam.torch.decoder`: ``softmax(q (x W)^T) = softmax((q W^T) x^T)`` and ``p (x W) = (p x) W``, where
x has 4096 image tokens and q and p about seven a head, so that projections move from the image to the prompts. There everything that
weights alone decide is computed once; here the weights change at each step, and are used as they are in the package's modules.

Shapes: N prompts of T tokens, H heads of width d, L image tokens of width C. Where all prompts still see the same image, it is (1, L, C).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def transform(transformer: Any, image: Tensor, positions: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """``TwoWayTransformer.forward`` of segment-anything or of SAM 2.

    Args:
        transformer: The module.
        image: (1, L, C), what the image encoder made of the image.
        positions: (L, C), where the image tokens are.
        tokens: (N, T, C), the prompts.

    Returns:
        The tokens (N, T, C) and the image (N, L, C), as both come to see one another.
    """
    queries = tokens
    for layer in transformer.layers:
        if layer.skip_first_layer_pe:
            queries = layer.norm1(layer.self_attn(q=queries, k=queries, v=queries))
        else:
            asked = queries + tokens
            queries = layer.norm1(queries + layer.self_attn(q=asked, k=asked, v=queries))
        placed = image + positions
        queries = layer.norm2(queries + tokens_to_image(layer.cross_attn_token_to_image, queries + tokens, placed, image))
        queries = layer.norm3(queries + layer.mlp(queries))
        image = layer.norm4(image_to_tokens(layer.cross_attn_image_to_token, image, placed, queries + tokens, queries))
    seen = tokens_to_image(transformer.final_attn_token_to_image, queries + tokens, image + positions, image)
    return transformer.norm_final_attn(queries + seen), image


def tokens_to_image(attention: Any, asked: Tensor, placed: Tensor, image: Tensor) -> Tensor:
    """(N, T, C), what the tokens see of the image.

    Args:
        attention: The package's ``Attention``.
        asked: (N, T, C) tokens with what they are.
        placed: (1 or N, L, C) image tokens with where they are.
        image: (1 or N, L, C) without.
    """
    prompts, heads = len(asked), attention.num_heads
    # The keys' bias shifts all scores of a token alike, which softmax does not see; it has no gradient.
    queries = _to_width(_by_head(attention.q_proj(asked), heads), attention.k_proj.weight)
    weights = _product(queries, placed.transpose(1, 2)).softmax(-1)
    seen = _product(weights, image).view(prompts, heads, -1, image.shape[-1])
    values = torch.einsum("nhtc,hdc->nthd", seen, attention.v_proj.weight.view(heads, -1, image.shape[-1]))
    out: Tensor = attention.out_proj(values.flatten(2) + attention.v_proj.bias)  # Weights sum to 1: the values' bias passes through.
    return out


def image_to_tokens(attention: Any, image: Tensor, placed: Tensor, asked: Tensor, values: Tensor) -> Tensor:
    """(N, L, C), the image with what it sees of the tokens added.

    Args:
        attention: The package's ``Attention``.
        image: (1 or N, L, C).
        placed: (1 or N, L, C), the same with where the image tokens are.
        asked: (N, T, C) tokens with what they are.
        values: (N, T, C) without.
    """
    prompts, heads = len(asked), attention.num_heads
    keys = _by_head(attention.k_proj(asked), heads)
    bias = torch.einsum("nthd,hd->nht", keys, attention.q_proj.bias.view(heads, -1)).reshape(prompts, -1, 1)
    scores = _product(_to_width(keys, attention.q_proj.weight), placed.transpose(1, 2)) + bias
    weights = scores.view(prompts, heads, -1, scores.shape[-1]).softmax(2).flatten(1, 2)
    parts = attention.v_proj(values).view(prompts, values.shape[1], heads, -1)
    seen = torch.einsum("nthd,chd->nhtc", parts, attention.out_proj.weight.view(image.shape[-1], heads, -1)).flatten(1, 2)
    return torch.baddbmm((image + attention.out_proj.bias).expand(prompts, -1, -1), weights.transpose(1, 2), seen)


def _by_head(value: Tensor, heads: int) -> Tensor:
    """(N, T, H d) as (N, T, H, d), scaled as attention scales its scores."""
    value = value.view(*value.shape[:2], heads, -1)
    scaled: Tensor = value * value.shape[-1] ** -0.5
    return scaled


def _to_width(value: Tensor, weight: Tensor) -> Tensor:
    """(N, T, H, d) through the weight (H d, C) of a projection to heads, the other way round: (N, H T, C)."""
    prompts, tokens, heads, width = value.shape
    return torch.einsum("nthd,hdc->nhtc", value, weight.view(heads, width, -1)).reshape(prompts, heads * tokens, -1)


def _product(left: Tensor, right: Tensor) -> Tensor:
    """(N, rows, x) @ (1 or N, x, columns); what all prompts share enters one product, and is never copied for each."""
    if len(right) == len(left):
        return torch.bmm(left, right)
    return (left.flatten(0, 1) @ right[0]).view(*left.shape[:2], -1)
