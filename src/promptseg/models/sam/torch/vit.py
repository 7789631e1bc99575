"""SAM's ViT image encoder in torch, with the published results and less memory traffic.

Upstream's forward pass (``ImageEncoderViT`` in segment-anything; Kirillov et al., "Segment Anything", 2023) allocates every intermediate
result anew, such as 800 MB of attention scores in each global block of ViT-B. On a CPU half of its time goes into the pages of new memory.
This encoder makes four changes:

1. Attention is computed in parts small enough for the CPU cache, by torch's fused attention with the relative positions as its mask.
2. Tokens that only pad a window are not projected, because the projection of zeros is the bias.
3. Blocks share the memory of large intermediate results, and activations are computed in place.
4. On a CPU, threads limited to one processor each compute these parts, and strips of rows for everything else. Threads wait for one another
   only a few times in a block. If another program occupies a processor for a while, the other threads go on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .threads import ForEach, worker_pool
from .workspace import Workspace

_MASK_ELEMENTS = {"cpu": 1 << 20, "cuda": 1 << 27, "mps": 1 << 24}
"""Maximum number of elements in the mask of one call of fused attention, by device type. On a CPU the mask fits into the cache."""

_STRIP_TOKENS = 512
"""Number of tokens in a strip of a thread on a CPU, outside attention."""


class VitEncoder(nn.Module):
    """Faster equivalent of an ``ImageEncoderViT``, with the same parameters and results.

    Args:
        encoder: The ``ImageEncoderViT`` of segment-anything. It must not be used elsewhere afterwards. Images must have its input size.
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.img_size = int(encoder.img_size)

    def forward(self, images: Tensor) -> Tensor:
        """Return embeddings (B, C, S / 16, S / 16) of normalized images (B, 3, S, S)."""
        return self._encoded(images, None)[0]

    def _encoded(self, images: Tensor, kept: int | None) -> tuple[Tensor, Tensor | None]:
        """Return embeddings, and a copy of the tokens (B, S / 16, S / 16, width) after the block with index `kept`."""
        copy = None
        grid = self.encoder.patch_embed(images)
        if self.encoder.pos_embed is not None:
            grid = grid + self.encoder.pos_embed
        grid = grid.contiguous()
        workspace = Workspace()
        with worker_pool(images.device) as for_each:
            for index, block in enumerate(self.encoder.blocks):
                _block(block, grid, workspace, for_each)
                copy = grid.clone() if index == kept else copy
        embedding: Tensor = self.encoder.neck(grid.permute(0, 3, 1, 2))
        return embedding, copy


class HqVitEncoder(VitEncoder):
    """Image encoder of SAM-HQ: a `VitEncoder` with the features of the high-quality token.

    Args:
        encoder: As for `VitEncoder`. At least one of its blocks has global attention.
        hq_features: `promptseg.models.sam.torch.hq.HqFeatures`.
    """

    def __init__(self, encoder: Any, hq_features: nn.Module) -> None:
        super().__init__(encoder)
        self.hq_features = hq_features
        self._first_global = [block.window_size for block in encoder.blocks].index(0)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]  # One more output than SAM's.
        """Return embeddings (B, C, S / 16, S / 16) and features (B, C / 8, S / 4, S / 4) of normalized images (B, 3, S, S)."""
        embedding, tokens = self._encoded(images, self._first_global)
        return embedding, self.hq_features(embedding, tokens)


def _block(block: Any, grid: Tensor, workspace: Workspace, for_each: ForEach) -> None:
    """Apply one transformer block to tokens (B, H, W, C) in place."""
    windows = _Windows(tuple(grid.shape), block.window_size or grid.shape[1], int(block.attn.num_heads))
    packed = workspace.empty(f"packed {windows.side}", (3, *windows.shape), grid)
    attended = workspace.empty(f"attended {windows.side}", (1, *windows.shape), grid)
    strips = windows.strips(_STRIP_TOKENS if grid.device.type == "cpu" else grid.numel())

    def project(strip: slice, own: Workspace) -> None:
        windows.put(own.linear("qkv", block.norm1(grid[:, strip]), block.attn.qkv), packed, strip)

    def add(strip: slice, own: Workspace) -> None:
        tokens = grid[:, strip]
        seen = windows.take(attended, strip, own.empty("seen", tuple(tokens.shape), tokens))
        tokens += own.linear("out", seen, block.attn.proj)
        hidden = own.linear("hidden", block.norm2(tokens), block.mlp.lin1)
        tokens += own.linear("out", torch.ops.aten.gelu_(hidden), block.mlp.lin2)

    windows.pad(packed, block.attn.qkv.bias)
    for_each(project, strips)
    _fused(packed.flatten(1, 4), attended[0].flatten(0, 3), block.attn, for_each)
    for_each(add, strips)


class _Windows:
    """Layout of the tokens of a grid by windows and heads.

    Args:
        grid: Shape (B, H, W, C) of the tokens.
        side: Side of a window in tokens. Windows over the border of the grid are padded.
        heads: Number of heads, among which the C channels are divided.

    Attributes:
        shape: (B, rows of windows, heads, windows in a row, side, side, channels of a head).
    """

    def __init__(self, grid: tuple[int, ...], side: int, heads: int) -> None:
        images, self._height, self._width, channels = grid
        self.side = side
        self.shape = (images, -(-self._height // side), heads, -(-self._width // side), side, side, channels // heads)

    def strips(self, tokens: int) -> list[slice]:
        """Return strips of rows of the grid, with at most `tokens` tokens each but at least one row.

        A strip does not extend over several rows of windows.
        """
        lines = max(1, tokens // (self.shape[0] * self._width))
        ends = [min(row + self.side, self._height) for row in range(0, self._height, self.side)]
        return [slice(line, min(line + lines, end)) for end in ends for line in range((end - 1) // self.side * self.side, end, lines)]

    def pad(self, packed: Tensor, bias: Tensor | None) -> None:
        """Write the projection of padding tokens, which is the bias, outside the grid. `packed` is (3, *shape): queries, keys, values."""
        _, rows, heads, columns, *_, depth = self.shape
        values = packed.new_zeros((3, heads, depth)) if bias is None else bias.view(3, heads, depth)
        below, beside = self._height - (rows - 1) * self.side, self._width - (columns - 1) * self.side
        packed[:, :, -1, ..., below:, :, :] = values[:, None, :, None, None, None]
        packed[:, :, :, :, -1, :, beside:] = values[:, None, None, :, None, None]

    def put(self, lines: Tensor, packed: Tensor, strip: slice) -> None:
        """Copy tokens (B, rows of the strip, W, k C) to their windows (k, *shape)."""
        for there, here in self._pairs(packed, lines, strip):
            there.copy_(here)

    def take(self, packed: Tensor, strip: slice, lines: Tensor) -> Tensor:
        """Copy tokens back from their windows (k, *shape) to `lines` (B, rows of the strip, W, k C), and return it."""
        for there, here in self._pairs(packed, lines, strip):
            here.copy_(there)
        return lines

    def _pairs(self, packed: Tensor, lines: Tensor, strip: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield pairs of views of the same tokens in windows and in rows: for whole windows, then for those at the border.

        A view has shape (B, rows, …, k, heads, channels of a head).
        """
        images, _, heads, _, _, _, depth = self.shape
        row, first = divmod(strip.start, self.side)
        windows = packed[:, :, row, :, :, first : first + strip.stop - strip.start].permute(1, 4, 3, 5, 0, 2, 6)
        tokens = lines.view(images, -1, self._width, len(packed), heads, depth)
        whole = self._width // self.side
        if whole:
            yield windows[:, :, :whole], tokens[:, :, : whole * self.side].view(images, -1, whole, self.side, len(packed), heads, depth)
        if rest := self._width % self.side:
            yield windows[:, :, whole, :rest], tokens[:, :, -rest:]


def _fused(packed: Tensor, attended: Tensor, attention: Any, for_each: ForEach) -> None:
    """Compute attention within N windows and heads.

    Args:
        packed: (3, N, side, side, d) queries, keys and values.
        attended: (N, side, side, d) output.
        attention: The attention layer, whose relative positions are added to the scores.
        for_each: Function that distributes the parts.
    """
    side = packed.shape[2]
    keys, values = packed[1:].flatten(2, 3)
    relative = [_relative_positions(table, side) for table in (attention.rel_pos_h, attention.rel_pos_w)] if attention.use_rel_pos else None
    budget = _MASK_ELEMENTS[packed.device.type]
    lines = min(side, max(1, budget // side**3))  # Number of rows of queries in a part.
    together = max(1, budget // side**4)  # Number of windows and heads in a part.
    parts = itertools.product(range(0, len(keys), together), range(0, side, lines))

    def attend(part: tuple[int, int], own: Workspace) -> None:
        some, line = (slice(first, first + count) for first, count in zip(part, (together, lines), strict=True))
        queries = packed[0, some, line]
        mask = None
        if relative is not None:
            # ``add_decomposed_rel_pos`` upstream: terms of the scores for the distance in rows and the distance in columns.
            by_row = torch.einsum("nyxc,ykc->nyxk", queries, relative[0][line])
            by_column = torch.einsum("nyxc,xkc->nyxk", queries, relative[1])
            mask = own.empty("mask", (*by_row.shape, side), queries)
            torch.add(by_row[..., None], by_column[..., None, :], out=mask)
            mask = mask.flatten(3).flatten(1, 2)[None]
        found = functional.scaled_dot_product_attention(queries.flatten(1, 2)[None], keys[None, some], values[None, some], attn_mask=mask)
        attended[some, line] = found[0].view(queries.shape)

    for_each(attend, list(parts))


def _relative_positions(table: Tensor, side: int) -> Tensor:
    """Return relative positions (side, side, d): for each pair of places, the row of their distance in `table` (2 side - 1, d)."""
    ticks = torch.arange(side, device=table.device)
    return table[ticks[:, None] - ticks[None, :] + side - 1]
