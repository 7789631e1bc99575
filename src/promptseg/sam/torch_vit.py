"""SAM's ViT image encoder in torch: the published arithmetic with less memory traffic.

Upstream's forward pass (``ImageEncoderViT`` in segment-anything; Kirillov et al., "Segment Anything", 2023) makes every intermediate anew,
among them 800 MB of attention scores in each global block of ViT-B, and on a CPU half of its time goes into the pages of that memory. Here

1. attention is computed in parts small enough for the cache, by torch's fused attention with the relative positions as its mask;
2. tokens that only pad a window are not projected: a projection of zeros is its bias;
3. the large intermediates of one block serve the next, and activations replace what they are computed from.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_MASK_ELEMENTS = {"cpu": 1 << 20, "cuda": 1 << 27, "mps": 1 << 24}
"""Most elements of the mask of one call of fused attention: on a CPU, what the cache holds."""


class VitEncoder(nn.Module):
    """Computes what an ``ImageEncoderViT`` computes, with its parameters.

    Args:
        encoder: The encoder of segment-anything, for images of its own size alone. It is taken over.
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.img_size = int(encoder.img_size)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) normalised images → (B, C, S / 16, S / 16) embeddings."""
        grid = self.encoder.patch_embed(images)
        if self.encoder.pos_embed is not None:
            grid = grid + self.encoder.pos_embed
        grid = grid.contiguous()
        workspace = Workspace()
        for block in self.encoder.blocks:
            _block(block, grid, workspace)
        embedding: Tensor = self.encoder.neck(grid.permute(0, 3, 1, 2))
        return embedding


class Workspace:
    """Memory for intermediates, by name: a name asked for again at the same size gets the same memory."""

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}

    def empty(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """A tensor of that shape, of any content, of the type and device of another."""
        held = self._held.get(name)
        if held is None or held.shape != shape:
            held = self._held[name] = torch.empty(shape, dtype=like.dtype, device=like.device)
        return held

    def linear(self, name: str, value: Tensor, layer: Any) -> Tensor:
        """A linear layer of (…, in), as (…, out)."""
        rows = value.reshape(-1, value.shape[-1])
        out = self.empty(name, (len(rows), layer.weight.shape[0]), value)
        if layer.bias is None:
            torch.mm(rows, layer.weight.T, out=out)
        else:
            torch.addmm(layer.bias, rows, layer.weight.T, out=out)
        return out.view(*value.shape[:-1], -1)


def _block(block: Any, grid: Tensor, workspace: Workspace) -> None:
    """One transformer block on (B, H, W, C) tokens, which it changes."""
    qkv = workspace.linear("qkv", block.norm1(grid), block.attn.qkv)
    attended = _attend(block.attn, qkv, block.window_size, workspace)
    grid += workspace.linear("out", attended, block.attn.proj)
    hidden = workspace.linear("hidden", block.norm2(grid), block.mlp.lin1)
    grid += workspace.linear("out", torch.ops.aten.gelu_(hidden), block.mlp.lin2)


def _attend(attention: Any, qkv: Tensor, window: int, workspace: Workspace) -> Tensor:
    """(B, H, W, 3 C) → (B, H, W, C): attention within windows of that side, or over the whole grid for 0."""
    images, height, width, _ = qkv.shape
    heads = int(attention.num_heads)
    side = window or height
    if height % side or width % side:
        padded = workspace.empty("padded", (images, -(-height // side) * side, -(-width // side) * side, qkv.shape[-1]), qkv)
        padded[:] = 0 if attention.qkv.bias is None else attention.qkv.bias
        padded[:, :height, :width] = qkv
        qkv = padded
    rows, columns = qkv.shape[1] // side, qkv.shape[2] // side
    # (3, images, rows, columns, heads, y, x, d): the queries, keys and values of every window and head together.
    split = qkv.view(images, rows, side, columns, side, 3, heads, -1).permute(5, 0, 1, 3, 6, 2, 4, 7)
    packed = workspace.empty("packed", tuple(split.shape), qkv).copy_(split).view(3, -1, side * side, split.shape[-1])
    attended = _fused(packed[0], packed[1], packed[2], attention, side, workspace)
    joined = workspace.empty("joined", (images, rows, side, columns, side, heads, split.shape[-1]), qkv)
    joined.permute(0, 1, 3, 5, 2, 4, 6).copy_(attended.view(images, rows, columns, heads, side, side, -1))
    return joined.view(images, rows * side, columns * side, -1)[:, :height, :width]


def _fused(queries: Tensor, keys: Tensor, values: Tensor, attention: Any, side: int, workspace: Workspace) -> Tensor:
    """Attention of N windows and heads, each (side * side, d), with relative positions added to the scores."""
    out = workspace.empty("attended", tuple(queries.shape), queries)
    by_row, by_column = _relative_positions(queries, attention, side) if attention.use_rel_pos else (None, None)
    budget = _MASK_ELEMENTS[queries.device.type]
    lines = min(side, max(1, budget // side**3))  # Of queries at once: whole lines of the window.
    together = max(1, budget // side**4)  # Windows and heads at once.
    for first in range(0, len(queries), together):
        some = slice(first, first + together)
        for line in range(0, side, lines):
            part = slice(line * side, (line + lines) * side)
            mask = None
            if by_row is not None and by_column is not None:
                mask = workspace.empty("mask", (*queries[some, part].shape[:2], side, side), queries)
                torch.add(by_row[some, part, :, None], by_column[some, part, None, :], out=mask)
                mask = mask.flatten(2)[None]
            found = functional.scaled_dot_product_attention(queries[None, some, part], keys[None, some], values[None, some], attn_mask=mask)
            out[some, part] = found[0]
    return out


def _relative_positions(queries: Tensor, attention: Any, side: int) -> tuple[Tensor, Tensor]:
    """What the distance in rows and in columns adds to the scores: both (N, side * side, side); ``add_decomposed_rel_pos`` upstream."""
    ticks = torch.arange(side, device=queries.device)
    distance = ticks[:, None] - ticks[None, :] + side - 1
    asked = queries.view(-1, side, side, queries.shape[-1])
    by_row = torch.einsum("nyxc,ykc->nyxk", asked, attention.rel_pos_h[distance])
    by_column = torch.einsum("nyxc,xkc->nyxk", asked, attention.rel_pos_w[distance])
    return by_row.reshape(len(queries), -1, side), by_column.reshape(len(queries), -1, side)
