"""SAM 2's Hiera image encoder in torch, with the published results and less memory traffic.

Upstream's forward pass (``Hiera`` and ``FpnNeck`` in sam2; Ravi et al., "SAM 2", 2024, after Ryali et al., "Hiera", 2023) computes each
operation for all tokens at once, in new memory that no cache holds. This encoder makes five changes:

1. A block with windows computes all its operations for a few windows at a time, whose intermediate results stay in the CPU cache. On a CPU,
   threads limited to one processor each share the windows.
2. Tokens that only pad a window are not computed. They are equal, so one key stands for all of them, with their number in its weight.
3. Queries of blocks without windows are shared by the threads, too.
4. The position embedding is computed once, not for each image.
5. The neck and the decoder's convolutions of the finer features are matrix products. Where both are linear, they are one product.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .threads import ForEach, worker_pool, workers
from .windows import Windows, window_parts
from .workspace import Workspace

_PART_TOKENS, _PARTS = 1024, 4
"""Maximum number of tokens that a thread computes at a time on a CPU, and number of parts in which a smaller grid is divided at least.

Each part reads all weights of a block: with 256 tokens that takes up to 20 % longer. More than 1024 gain nothing.
"""


class HieraEncoder(nn.Module):
    """Faster equivalent of ``SAM2Base.forward_image`` plus ``no_mem_embed``, with the same parameters and results.

    Args:
        sam2: ``SAM2Base`` in evaluation mode, which must not be used elsewhere afterwards. Images must have its input size.
    """

    def __init__(self, sam2: Any) -> None:
        super().__init__()
        self.img_size = int(sam2.image_size)
        self.trunk, self.neck, self._scalp = sam2.image_encoder.trunk, sam2.image_encoder.neck, int(sam2.image_encoder.scalp)
        self.neck.position_encoding = nn.Identity()  # Only memory uses positions.
        self.conv_s0, self.conv_s1 = sam2.sam_mask_decoder.conv_s0, sam2.sam_mask_decoder.conv_s1
        self.no_memory = sam2.no_mem_embed if sam2.directly_add_no_mem_embed else None
        self._positions: Tensor | None = None

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the image embedding, and the features at four and at two times its grid, of normalized images (B, 3, S, S)."""
        grid = self._embedded(images)
        stages: list[Tensor] = []
        workspace = Workspace()
        with worker_pool(images.device) as for_each:
            for index, block in enumerate(self.trunk.blocks):
                grid = _block(block, grid, workspace, for_each)
                if index in self.trunk.stage_ends:  # The next block does not compute in place, because it has other channels.
                    stages.append(grid)
        return self._features(stages)

    def _embedded(self, images: Tensor) -> Tensor:
        """Return the tokens (B, H, W, C) of images, with their positions."""
        planes = self.trunk.patch_embed.proj(images.contiguous(memory_format=torch.channels_last))
        grid: Tensor = planes.permute(0, 2, 3, 1).contiguous()
        known = self._positions
        if known is None or known.shape[1:] != grid.shape[1:] or known.dtype != grid.dtype or known.device != grid.device:
            known = self._positions = self.trunk._get_pos_embed(grid.shape[1:3]).contiguous()  # noqa: SLF001 - Upstream's own formula.
        return grid.add_(known)

    def _features(self, stages: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the outputs from the tokens (B, H, W, C) at the end of each stage, finest first."""
        neck, last = self.neck, len(stages) - 1
        laterals = [layer.conv for layer in neck.convs][::-1]
        found: dict[int, Tensor] = {}
        above: Tensor | None = None
        for level in range(last, -1, -1):
            if level < 2 and level not in neck.fpn_top_down_levels:
                continue  # Only the decoder's convolution follows.
            lateral = _pointwise(stages[level], laterals[level].weight.flatten(1), laterals[level].bias).permute(0, 3, 1, 2)
            if level in neck.fpn_top_down_levels and above is not None:
                aligned = None if neck.fpn_interp_model == "nearest" else False
                lateral = lateral + functional.interpolate(above, scale_factor=2.0, mode=neck.fpn_interp_model, align_corners=aligned)
                lateral = lateral / 2 if neck.fuse_type == "avg" else lateral
            found[level] = above = lateral
        embedding = found[last - self._scalp]
        if self.no_memory is not None:
            embedding = embedding + self.no_memory.view(1, -1, 1, 1)
        finer = []
        for level, reduce in enumerate((self.conv_s0, self.conv_s1)):
            if level in found:
                finer.append(reduce(found[level]))
                continue
            weight, lateral = reduce.weight.flatten(1), laterals[level]
            bias = torch.addmv(reduce.bias, weight, lateral.bias)
            finer.append(_pointwise(stages[level], weight @ lateral.weight.flatten(1), bias).permute(0, 3, 1, 2))
        return embedding, finer[0], finer[1]


def _pointwise(tokens: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return a 1 x 1 convolution of (B, H, W, C)."""
    return functional.linear(tokens, weight, bias)


def _block(block: Any, grid: Tensor, workspace: Workspace, for_each: ForEach) -> Tensor:
    """Return the output of a ``MultiScaleBlock`` for tokens (B, H, W, C), in place unless the block changes the number of channels."""
    pooled, side = block.q_stride is not None, int(block.window_size)
    height, width = grid.shape[1:3]
    if pooled and (tuple(block.q_stride) != (2, 2) or height % 2 or width % 2 or side % 2):
        output: Tensor = block(grid).contiguous()  # No published model has such a block.
        return output
    if not side and not pooled and block.dim == block.dim_out:
        _global_block(block, grid, workspace, for_each)
        return grid
    out = grid
    if pooled or block.dim != block.dim_out:
        out = grid.new_empty((len(grid), height // (1 + pooled), width // (1 + pooled), block.dim_out))
    sides = (side, side) if side else (height, width)
    parts = window_parts((height, width), sides, _part_tokens(grid))

    def compute(part: Windows, own: Workspace) -> None:
        tokens = part.gather(grid, own)
        normed = block.norm1(tokens)
        shortcut = tokens
        if block.dim != block.dim_out:
            shortcut = own.linear("shortcut", normed, block.proj)
            shortcut = _pool(shortcut, part) if pooled else shortcut
        if part.padding:  # One token of zeros stands for all tokens that pad a window.
            normed = functional.pad(normed, (0, 0, 0, 1))
        attended = _attend(block.attn, normed, part, own, pooled=pooled)
        _add_linear(shortcut, attended, block.attn.proj)
        _perceive(block, shortcut, own)
        (part.halved() if pooled else part).scatter(shortcut, out)

    for_each(compute, parts)
    return out


def _global_block(block: Any, grid: Tensor, workspace: Workspace, for_each: ForEach) -> None:
    """Apply a block without windows to tokens (B, H, W, C) in place."""
    images, height, width, channels = grid.shape
    count, heads = height * width, int(block.attn.num_heads)
    tokens = grid.view(images, count, channels)
    packed = workspace.empty("packed", (3, images, heads, count, channels // heads), grid)
    attended = workspace.empty("attended", (images, count, heads, channels // heads), grid)
    step = _part_tokens(grid)
    strips = [slice(first, first + step) for first in range(0, count, step)]

    def project(part: tuple[int, slice], own: Workspace) -> None:
        image, strip = part
        qkv = own.linear("qkv", block.norm1(tokens[image, strip]), block.attn.qkv)
        packed[:, image, :, strip] = qkv.view(-1, 3, heads, channels // heads).permute(1, 2, 0, 3)

    def attend(part: tuple[slice, slice], own: Workspace) -> None:  # noqa: ARG001 - Fused attention needs no memory of ours.
        some, strip = part
        queries, keys, values = packed[0, :, some, strip], packed[1, :, some], packed[2, :, some]
        attended[:, strip, some] = functional.scaled_dot_product_attention(queries, keys, values).transpose(1, 2)

    def add(part: tuple[int, slice], own: Workspace) -> None:
        _add_linear(tokens[part], attended[part].flatten(1), block.attn.proj)
        _perceive(block, tokens[part], own)

    together = 1 if grid.device.type == "cpu" else heads
    some_heads = [slice(first, first + together) for first in range(0, heads, together)]
    parts = list(itertools.product(range(images), strips))
    for_each(project, parts)
    for_each(attend, list(itertools.product(some_heads, strips)))
    for_each(add, parts)


def _part_tokens(grid: Tensor) -> int:
    """Return the maximum number of tokens of a part of (B, H, W, C)."""
    count = grid.shape[1] * grid.shape[2]
    return min(_PART_TOKENS, max(1, count // max(_PARTS, workers()))) if grid.device.type == "cpu" else count


def _attend(attention: Any, normed: Tensor, part: Windows, own: Workspace, *, pooled: bool) -> Tensor:
    """Return attention within windows, (N, queries, C).

    Args:
        attention: The attention layer.
        normed: (N, keys, C) tokens of N windows, with one for the padding at the end if the windows have padding.
        part: The windows.
        own: Memory for intermediate results.
        pooled: Whether the queries are pooled.
    """
    heads = int(attention.num_heads)
    qkv = own.linear("qkv", normed, attention.qkv)
    queries, keys, values = qkv.view(*qkv.shape[:2], 3, heads, -1).unbind(2)
    queries = queries[:, : part.tokens]
    if pooled:
        queries = _pool(queries.flatten(2), part).view(len(queries), -1, heads, queries.shape[-1])
    weights = None
    if part.padding:
        weights = keys.new_zeros(keys.shape[1])
        weights[-1] = math.log(part.padding)
    found = functional.scaled_dot_product_attention(
        queries.transpose(1, 2),
        keys.transpose(1, 2),
        values.transpose(1, 2),
        attn_mask=None if weights is None else weights[None, None, None],
    )
    return found.transpose(1, 2).flatten(2)


def _perceive(block: Any, tokens: Tensor, own: Workspace) -> None:
    """Apply the perceptron of a block to tokens in place."""
    first, second = block.mlp.layers
    hidden = own.linear("hidden", block.norm2(tokens), first)
    _add_linear(tokens, torch.ops.aten.gelu_(hidden), second)


def _add_linear(tokens: Tensor, value: Tensor, layer: Any) -> None:
    """Add the output of a linear layer to tokens (…, out) in place."""
    rows = tokens.view(-1, tokens.shape[-1])
    rows.add_(layer.bias).addmm_(value.reshape(-1, value.shape[-1]), layer.weight.T)


def _pool(tokens: Tensor, part: Windows) -> Tensor:
    """Return the maximum of each 2 x 2 tokens of windows, (N, tokens, C) → (N, tokens / 4, C)."""
    grid = tokens.view(len(tokens), part.height, part.width, -1)
    above, below = (torch.maximum(rows[:, :, ::2], rows[:, :, 1::2]) for rows in (grid[:, ::2], grid[:, 1::2]))
    return torch.maximum(above, below).flatten(1, 2)
