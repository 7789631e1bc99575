"""SAM's ViT image encoder in torch: the published arithmetic with less memory traffic.

Upstream's forward pass (``ImageEncoderViT`` in segment-anything; Kirillov et al., "Segment Anything", 2023) makes every intermediate anew,
among them 800 MB of attention scores in each global block of ViT-B, and on a CPU half of its time goes into the pages of that memory. Here

1. attention is computed in parts small enough for the cache, by torch's fused attention with the relative positions as its mask;
2. tokens that only pad a window are not projected: a projection of zeros is its bias;
3. the large intermediates of one block serve the next, and activations replace what they are computed from;
4. on a CPU, threads of one processor each take such parts, and strips of lines for all else, so that they wait for one another only a
   few times a block: where other programs take a processor for a while, the rest goes on.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .torch_threads import Each, crew
from .torch_workspace import Workspace

_MASK_ELEMENTS = {"cpu": 1 << 20, "cuda": 1 << 27, "mps": 1 << 24}
"""Most elements of the mask of one call of fused attention: on a CPU, what the cache holds."""

_STRIP_TOKENS = 512
"""Tokens that a thread takes at once on a CPU, outside attention."""


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
        with crew(images.device) as each:
            for block in self.encoder.blocks:
                _block(block, grid, workspace, each)
        embedding: Tensor = self.encoder.neck(grid.permute(0, 3, 1, 2))
        return embedding


def _block(block: Any, grid: Tensor, workspace: Workspace, each: Each) -> None:
    """One transformer block on (B, H, W, C) tokens, which it changes."""
    images, height, width, channels = grid.shape
    lines = max(1, _STRIP_TOKENS // (images * width)) if grid.device.type == "cpu" else height
    strips = [slice(line, line + lines) for line in range(0, height, lines)]
    qkv = workspace.empty("qkv", (images, height, width, 3 * channels), grid)

    def project(strip: slice, own: Workspace) -> None:
        qkv[:, strip] = own.linear("qkv", block.norm1(grid[:, strip]), block.attn.qkv)

    each(project, strips)
    attended = _attend(block.attn, qkv, block.window_size, workspace, each)

    def add(strip: slice, own: Workspace) -> None:
        tokens = grid[:, strip]
        tokens += own.linear("out", attended[:, strip], block.attn.proj)
        hidden = own.linear("hidden", block.norm2(tokens), block.mlp.lin1)
        tokens += own.linear("out", torch.ops.aten.gelu_(hidden), block.mlp.lin2)

    each(add, strips)


def _attend(attention: Any, qkv: Tensor, window: int, workspace: Workspace, each: Each) -> Tensor:
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
    # (images, rows, heads, 3, columns, y, x, d): the queries, keys and values of every window and head together.
    split = qkv.view(images, rows, side, columns, side, 3, heads, -1).permute(0, 1, 6, 5, 3, 2, 4, 7)
    packed = workspace.empty("packed", (3, *split.shape[:3], *split.shape[4:]), qkv)
    attended = workspace.empty("attended", tuple(packed.shape[1:]), qkv)
    joined = workspace.empty("joined", (images, rows, side, columns, side, heads, split.shape[-1]), qkv)
    places = list(itertools.product(range(images), range(rows), range(heads)))

    def pack(place: tuple[int, int, int], _: Workspace) -> None:
        image, row, head = place
        packed[:, image, row, head].copy_(split[place])

    def join(place: tuple[int, int, int], _: Workspace) -> None:
        image, row, head = place
        joined[image, row, ..., head, :].copy_(attended[place].permute(1, 0, 2, 3))

    each(pack, places)
    _fused(packed.view(3, -1, side, side, split.shape[-1]), attended.view(-1, side, side, split.shape[-1]), attention, each)
    each(join, places)
    return joined.view(images, rows * side, columns * side, -1)[:, :height, :width]


def _fused(packed: Tensor, attended: Tensor, attention: Any, each: Each) -> None:
    """Attention within N windows and heads.

    Args:
        packed: (3, N, side, side, d) queries, keys and values.
        attended: (N, side, side, d), where to write what they see.
        attention: The layer, whose relative positions add to the scores.
        each: Who does it.
    """
    side = packed.shape[2]
    keys, values = packed[1:].flatten(2, 3)
    relative = [_relative_positions(table, side) for table in (attention.rel_pos_h, attention.rel_pos_w)] if attention.use_rel_pos else None
    budget = _MASK_ELEMENTS[packed.device.type]
    lines = min(side, max(1, budget // side**3))  # Of queries at once: whole lines of the window.
    together = max(1, budget // side**4)  # Windows and heads at once.
    parts = itertools.product(range(0, len(keys), together), range(0, side, lines))

    def attend(part: tuple[int, int], own: Workspace) -> None:
        some, line = (slice(first, first + count) for first, count in zip(part, (together, lines), strict=True))
        queries = packed[0, some, line]
        mask = None
        if relative is not None:
            # ``add_decomposed_rel_pos`` upstream: what the distance in rows adds to the scores, and what that in columns does.
            by_row = torch.einsum("nyxc,ykc->nyxk", queries, relative[0][line])
            by_column = torch.einsum("nyxc,xkc->nyxk", queries, relative[1])
            mask = own.empty("mask", (*by_row.shape, side), queries)
            torch.add(by_row[..., None], by_column[..., None, :], out=mask)
            mask = mask.flatten(3).flatten(1, 2)[None]
        found = functional.scaled_dot_product_attention(queries.flatten(1, 2)[None], keys[None, some], values[None, some], attn_mask=mask)
        attended[some, line] = found[0].view(queries.shape)

    each(attend, list(parts))


def _relative_positions(table: Tensor, side: int) -> Tensor:
    """(side, side, d) of a table of (2 side - 1, d): the row of the distance from one place to another."""
    ticks = torch.arange(side, device=table.device)
    return table[ticks[:, None] - ticks[None, :] + side - 1]
