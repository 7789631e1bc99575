"""MobileSAM's TinyViT image encoder in torch: the published arithmetic with less memory traffic.

Upstream (``TinyViT`` in MobileSAM; Zhang et al., "Faster Segment Anything", 2023, after Wu et al., "TinyViT", 2022) keeps images as planes
of channels, so that its 1 x 1 convolutions are not the matrix products that they could be, and makes every intermediate anew, among them
64 MB of hidden channels, four times in each block of the first stage. Here

1. channels come last throughout: a 1 x 1 convolution is a linear layer, and attention needs no transposition;
2. batch normalization is part of its convolution (`fused`);
3. the first stage runs in strips of rows that fit the cache;
4. tokens that only pad a window are not projected: what a projection makes of them is the same for each.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .workspace import Workspace

_STRIP = {"cpu": 8, "cuda": 256, "mps": 256}
"""Rows of the first stage that are computed at once."""


class TinyVitEncoder(nn.Module):
    """Computes what a ``TinyViT`` of MobileSAM computes, with its parameters.

    Args:
        encoder: The encoder, for images of its own size alone, in evaluation mode. It is taken over and its layers are `fused`.
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = fused(encoder)
        self.img_size = int(encoder.img_size)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) normalized images → (B, C, S / 16, S / 16) embeddings."""
        workspace = Workspace()
        first, act, second = self.encoder.patch_embed.seq
        planes = images.contiguous(memory_format=torch.channels_last)
        planes = second(_activated(first(planes), act))
        grid = planes.permute(0, 2, 3, 1).contiguous()
        for stage in self.encoder.layers:
            for block in stage.blocks:
                grid = _convolve(block, grid, workspace) if hasattr(block, "conv3") else _transform(block, grid, workspace)
            if stage.downsample is not None:
                grid = _merge(stage.downsample, grid, workspace)
        embedding: Tensor = self.encoder.neck(grid.permute(0, 3, 1, 2))
        return embedding


def fused(module: Any) -> Any:
    """Makes each convolution with batch normalization below a module one convolution, equal but for rounding; returns the module."""
    with torch.random.fork_rng(devices=[]):  # New layers draw random numbers before they are given their weights.
        for name, child in list(module.named_children()):
            if type(child).__name__ == "Conv2d_BN":
                setattr(module, name, child.fuse().requires_grad_(False))
            else:
                fused(child)
    return module


def _convolve(block: Any, grid: Tensor, workspace: Workspace) -> Tensor:
    """One ``MBConv`` block on (B, H, W, C): widen, filter each channel, narrow, add, activate; strip by strip."""
    height, width = grid.shape[1:3]
    hidden, strip = block.conv1.weight.shape[0], _STRIP[grid.device.type]
    out = torch.empty_like(grid)
    for image, result in zip(grid[:, None], out[:, None], strict=True):
        for top in range(0, height, strip):
            bottom = min(top + strip, height)
            # One row more on each side, for the filters; beyond the image they see zeros.
            above, below = max(top - 1, 0), min(bottom + 1, height)
            wide = workspace.empty("wide", (1, bottom - top + 2, width, hidden), grid)
            wide[:, : above - top + 1] = 0
            wide[:, below - top + 1 :] = 0
            _activated(_pointwise(block.conv1, image[:, above:below], wide[:, above - top + 1 : below - top + 1]), block.act1)
            filtered = _activated(_depthwise(block.conv2, wide, padding=(0, 1)), block.act2)
            narrow = _pointwise(block.conv3, filtered, result[:, top:bottom])
            _activated(narrow.add_(image[:, top:bottom]), block.act3)
    return out


def _merge(merging: Any, grid: Tensor, workspace: Workspace) -> Tensor:
    """``PatchMerging`` on (B, H, W, C): a change of channels and, but for the last, half the rows and columns."""
    channels = len(merging.conv1.weight)
    widened = _activated(_pointwise(merging.conv1, grid, workspace.empty("merged", (*grid.shape[:-1], channels), grid)), merging.act)
    filtered = _activated(_depthwise(merging.conv2, widened), merging.act)
    return _pointwise(merging.conv3, filtered, torch.empty_like(filtered))


def _transform(block: Any, grid: Tensor, workspace: Workspace) -> Tensor:
    """One ``TinyViTBlock`` on (B, H, W, C): attention within windows, a filter of each channel, a perceptron."""
    grid += _attend(block.attn, grid, block.window_size, workspace)
    grid = _depthwise(block.local_conv, grid)
    hidden = _activated(workspace.linear("hidden", block.mlp.norm(grid), block.mlp.fc1), block.mlp.act)
    return grid.add_(workspace.linear("out", hidden, block.mlp.fc2))


def _attend(attention: Any, grid: Tensor, side: int, workspace: Workspace) -> Tensor:
    """(B, H, W, C) → (B, H, W, C)."""
    images, height, width, channels = grid.shape
    qkv = workspace.linear("qkv", attention.norm(grid), attention.qkv)
    if height % side or width % side:
        padded = workspace.empty("padded", (images, -(-height // side) * side, -(-width // side) * side, qkv.shape[-1]), qkv)
        padded[:] = attention.qkv(attention.norm(grid.new_zeros(channels)))
        padded[:, :height, :width] = qkv
        qkv = padded
    rows, columns = qkv.shape[1] // side, qkv.shape[2] // side
    windows = qkv.view(images, rows, side, columns, side, attention.num_heads, -1).permute(0, 1, 3, 5, 2, 4, 6)
    parts = torch.split_with_sizes(windows, [attention.key_dim, attention.key_dim, attention.d], dim=-1)
    queries, keys, values = (part.reshape(-1, attention.num_heads, side * side, part.shape[-1]) for part in parts)
    # Made from the parameters, not from the copy of them that upstream keeps and that may be older than the weights.
    mask = attention.attention_biases[:, attention.attention_bias_idxs][None]
    attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, scale=attention.scale)
    attended = attended.view(images, rows, columns, attention.num_heads, side, side, -1).permute(0, 1, 4, 2, 5, 3, 6)
    joined = attended.reshape(images, rows * side, columns * side, -1)[:, :height, :width]
    return workspace.linear("out", joined, attention.proj)


def _pointwise(convolution: Any, grid: Tensor, out: Tensor) -> Tensor:
    """A 1 x 1 convolution of (B, H, W, C) into contiguous memory."""
    weight = convolution.weight.flatten(1)
    torch.addmm(convolution.bias, grid.reshape(-1, grid.shape[-1]), weight.T, out=out.view(-1, len(weight)))
    return out


def _depthwise(convolution: Any, grid: Tensor, padding: tuple[int, int] | None = None) -> Tensor:
    """A convolution of each channel of (B, H, W, C) by itself."""
    planes = functional.conv2d(
        grid.permute(0, 3, 1, 2),
        convolution.weight,
        convolution.bias,
        convolution.stride,
        convolution.padding if padding is None else padding,
        groups=convolution.groups,
    )
    return planes.permute(0, 2, 3, 1).contiguous()


def _activated(value: Tensor, activation: nn.Module) -> Tensor:
    """The activation in place; MobileSAM's are all GELU."""
    approximate = getattr(activation, "approximate", "none")
    activated: Tensor = torch.ops.aten.gelu_(value, approximate=approximate)
    return activated
