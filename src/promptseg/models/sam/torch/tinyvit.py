"""MobileSAM's TinyViT image encoder in torch, with the published results and less memory traffic.

Upstream (``TinyViT`` in MobileSAM; Zhang et al., "Faster Segment Anything", 2023, after Wu et al., "TinyViT", 2022) stores channels first,
so its 1 x 1 convolutions are not plain matrix products. It allocates every intermediate result anew: in each block of the first stage four
times 64 MB of hidden channels. This encoder makes four changes:

1. Channels come last everywhere. A 1 x 1 convolution is then a linear layer, and attention needs no transposition.
2. Batch normalization is folded into its convolution (`fused`).
3. The first stage runs in strips of rows that fit into the CPU cache.
4. Tokens that only pad a window are not projected, because their projection is the same for all.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .workspace import Workspace

_STRIP = {"cpu": 8, "cuda": 256, "mps": 256}
"""Number of rows in a strip of the first stage, by device type."""


class TinyVitEncoder(nn.Module):
    """Faster equivalent of a ``TinyViT`` of MobileSAM, with the same parameters and results.

    Args:
        encoder: The ``TinyViT`` in evaluation mode. Its layers are `fused`, and it must not be used elsewhere afterwards. Images must have
            its input size.
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = fused(encoder)
        self.img_size = int(encoder.img_size)

    def forward(self, images: Tensor) -> Tensor:
        """Return embeddings (B, C, S / 16, S / 16) of normalized images (B, 3, S, S)."""
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
    """Fold batch normalization into the convolutions of a module, and return the module. Results are equal up to rounding."""
    with torch.random.fork_rng(devices=[]):  # New layers draw random numbers before their weights are set.
        for name, child in list(module.named_children()):
            if type(child).__name__ == "Conv2d_BN":
                setattr(module, name, child.fuse().requires_grad_(False))
            else:
                fused(child)
    return module


def _convolve(block: Any, grid: Tensor, workspace: Workspace) -> Tensor:
    """Return the output of an ``MBConv`` block for (B, H, W, C), computed in strips of rows.

    The steps are: expand the channels, filter each channel, reduce the channels, add the input, activate.
    """
    height, width = grid.shape[1:3]
    hidden, strip = block.conv1.weight.shape[0], _STRIP[grid.device.type]
    out = torch.empty_like(grid)
    for image, result in zip(grid[:, None], out[:, None], strict=True):
        for top in range(0, height, strip):
            bottom = min(top + strip, height)
            # The filters need one more row on each side; outside the image it is zero.
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
    """Return the output of ``PatchMerging`` for (B, H, W, C): other channels and, except in the last one, half the rows and columns."""
    channels = len(merging.conv1.weight)
    widened = _activated(_pointwise(merging.conv1, grid, workspace.empty("merged", (*grid.shape[:-1], channels), grid)), merging.act)
    filtered = _activated(_depthwise(merging.conv2, widened), merging.act)
    return _pointwise(merging.conv3, filtered, torch.empty_like(filtered))


def _transform(block: Any, grid: Tensor, workspace: Workspace) -> Tensor:
    """Return the output of a ``TinyViTBlock`` for (B, H, W, C): window attention, a filter of each channel, a perceptron."""
    grid += _attend(block.attn, grid, block.window_size, workspace)
    grid = _depthwise(block.local_conv, grid)
    hidden = _activated(workspace.linear("hidden", block.mlp.norm(grid), block.mlp.fc1), block.mlp.act)
    return grid.add_(workspace.linear("out", hidden, block.mlp.fc2))


def _attend(attention: Any, grid: Tensor, side: int, workspace: Workspace) -> Tensor:
    """Return attention within windows of side `side`, (B, H, W, C) → (B, H, W, C)."""
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
    # The biases are taken from the parameters. Upstream's copy of them may be older than the weights.
    mask = attention.attention_biases[:, attention.attention_bias_idxs][None]
    attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, scale=attention.scale)
    attended = attended.view(images, rows, columns, attention.num_heads, side, side, -1).permute(0, 1, 4, 2, 5, 3, 6)
    joined = attended.reshape(images, rows * side, columns * side, -1)[:, :height, :width]
    return workspace.linear("out", joined, attention.proj)


def _pointwise(convolution: Any, grid: Tensor, out: Tensor) -> Tensor:
    """Write a 1 x 1 convolution of (B, H, W, C) to the contiguous tensor `out`, and return it."""
    weight = convolution.weight.flatten(1)
    torch.addmm(convolution.bias, grid.reshape(-1, grid.shape[-1]), weight.T, out=out.view(-1, len(weight)))
    return out


def _depthwise(convolution: Any, grid: Tensor, padding: tuple[int, int] | None = None) -> Tensor:
    """Return a depthwise convolution of (B, H, W, C), that is, of each channel separately."""
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
    """Apply the activation in place and return the tensor. All activations of MobileSAM are GELU."""
    approximate = getattr(activation, "approximate", "none")
    activated: Tensor = torch.ops.aten.gelu_(value, approximate=approximate)
    return activated
