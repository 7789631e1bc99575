"""MobileSAM's TinyViT image encoder in torch, with the published results and less memory traffic.

Upstream (``TinyViT`` in MobileSAM; Zhang et al., "Faster Segment Anything", 2023, after Wu et al., "TinyViT", 2022) stores channels first,
so its 1 x 1 convolutions are not plain matrix products. It allocates every intermediate result anew: in each block of the first stage four
times 64 MB of hidden channels. This encoder makes five changes:

1. Channels come last everywhere. A 1 x 1 convolution is then a linear layer, and attention needs no transposition.
2. Batch normalization is folded into its convolution (`fused`).
3. Blocks run in strips of rows that fit into the CPU cache.
4. Tokens that only pad a window are not projected, because their projection is the same for all.
5. On a CPU, threads limited to one processor each share the strips, and wait for one another only once or twice in a block. If another
   program occupies a processor for a while, the other threads go on.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .threads import ForEach, worker_pool
from .workspace import Workspace

_STRIP = {"cpu": 8, "cuda": 256, "mps": 256}
"""Number of rows in a strip of the first stage, by device type."""

_STRIP_TOKENS = 1024
"""Maximum number of tokens in a strip of later stages on a CPU, if it is not a single row or row of windows."""


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
        return self._encoded(images, None)[0]

    def _encoded(self, images: Tensor, kept: int | None) -> tuple[Tensor, Tensor | None]:
        """Return embeddings, and a copy of the tokens (B, rows, columns, width) after the stage with index `kept`."""
        copy = None
        first, act, second = self.encoder.patch_embed.seq
        planes = images.contiguous(memory_format=torch.channels_last)
        planes = second(_activated(first(planes), act))
        grid = planes.permute(0, 2, 3, 1).contiguous()
        with worker_pool(images.device) as for_each:
            for index, stage in enumerate(self.encoder.layers):
                for block in stage.blocks:
                    grid = _convolve(block, grid, for_each) if hasattr(block, "conv3") else _transform(block, grid, for_each)
                if stage.downsample is not None:
                    grid = _merge(stage.downsample, grid, for_each)
                copy = grid.clone() if index == kept else copy
        embedding: Tensor = self.encoder.neck(grid.permute(0, 3, 1, 2))
        return embedding, copy


class HqTinyVitEncoder(TinyVitEncoder):
    """Image encoder of the light SAM-HQ: a `TinyVitEncoder` with the features of the high-quality token.

    They come from the tokens after the second stage, which is the first with the grid of the embedding.

    Args:
        encoder: As for `TinyVitEncoder`.
        hq_features: `promptseg.models.sam.torch.hq.HqFeatures`.
    """

    def __init__(self, encoder: Any, hq_features: nn.Module) -> None:
        super().__init__(encoder)
        self.hq_features = hq_features

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]  # One more output than SAM's.
        """Return embeddings (B, C, S / 16, S / 16) and features (B, C / 8, S / 4, S / 4) of normalized images (B, 3, S, S)."""
        embedding, tokens = self._encoded(images, 1)
        return embedding, self.hq_features(embedding, tokens)


def fused(module: Any) -> Any:
    """Fold batch normalization into the convolutions of a module, and return the module. Results are equal up to rounding."""
    with torch.random.fork_rng(devices=[]):  # New layers draw random numbers before their weights are set.
        for name, child in list(module.named_children()):
            if type(child).__name__ == "Conv2d_BN":
                setattr(module, name, child.fuse().requires_grad_(False))
            else:
                fused(child)
    return module


def _convolve(block: Any, grid: Tensor, for_each: ForEach) -> Tensor:
    """Return the output of an ``MBConv`` block for (B, H, W, C), computed in strips of rows.

    The steps are: expand the channels, filter each channel, reduce the channels, add the input, activate.
    """
    height, width = grid.shape[1:3]
    hidden, strip = block.conv1.weight.shape[0], _STRIP[grid.device.type]
    out = torch.empty_like(grid)

    def compute(part: tuple[int, int], own: Workspace) -> None:
        index, top = part
        image, result = grid[index, None], out[index, None]
        bottom = min(top + strip, height)
        # The filters need one more row on each side; outside the image it is zero.
        above, below = max(top - 1, 0), min(bottom + 1, height)
        wide = own.empty("wide", (1, bottom - top + 2, width, hidden), grid)
        wide[:, : above - top + 1] = 0
        wide[:, below - top + 1 :] = 0
        _activated(_pointwise(block.conv1, image[:, above:below], wide[:, above - top + 1 : below - top + 1]), block.act1)
        filtered = _activated(_depthwise(block.conv2, wide), block.act2)
        narrow = _pointwise(block.conv3, filtered, result[:, top:bottom])
        _activated(narrow.add_(image[:, top:bottom]), block.act3)

    for_each(compute, [(index, top) for index in range(len(grid)) for top in range(0, height, strip)])
    return out


def _merge(merging: Any, grid: Tensor, for_each: ForEach) -> Tensor:
    """Return the output of ``PatchMerging`` for (B, H, W, C): other channels and, except in the last one, half the rows and columns."""
    stride, channels = merging.conv2.stride[0], len(merging.conv1.weight)
    height, width = (-(-side // stride) for side in grid.shape[1:3])
    out = grid.new_empty((len(grid), height, width, channels))

    def compute(rows: slice, own: Workspace) -> None:
        seen = _seen(grid, rows, stride)
        widened = _activated(_pointwise(merging.conv1, seen, own.empty("merged", (*seen.shape[:-1], channels), grid)), merging.act)
        filtered = _activated(_depthwise(merging.conv2, _bordered(widened, rows, stride, grid.shape[1])), merging.act)
        out[:, rows] = _pointwise(merging.conv3, filtered, own.empty("out", tuple(filtered.shape), grid))

    for_each(compute, _strips(out, 1))
    return out


def _transform(block: Any, grid: Tensor, for_each: ForEach) -> Tensor:
    """Return the output of a ``TinyViTBlock`` for (B, H, W, C): window attention, a filter of each channel, a perceptron."""
    attention, side = block.attn, block.window_size
    # The biases are taken from the parameters. Upstream's copy of them may be older than the weights.
    biases = attention.attention_biases[:, attention.attention_bias_idxs][None]
    out = torch.empty_like(grid)

    def attend(rows: slice, own: Workspace) -> None:
        tokens = grid[:, rows]
        tokens += _attend(attention, tokens, side, biases, own)

    def perceive(rows: slice, own: Workspace) -> None:
        filtered = _depthwise(block.local_conv, _bordered(_seen(grid, rows, 1), rows, 1, grid.shape[1]))
        hidden = _activated(own.linear("hidden", block.mlp.norm(filtered), block.mlp.fc1), block.mlp.act)
        torch.add(filtered, own.linear("out", hidden, block.mlp.fc2), out=out[:, rows])

    for_each(attend, _strips(grid, side))
    for_each(perceive, _strips(grid, 1))
    return out


def _attend(attention: Any, grid: Tensor, side: int, biases: Tensor, workspace: Workspace) -> Tensor:
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
    attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=biases, scale=attention.scale)
    attended = attended.view(images, rows, columns, attention.num_heads, side, side, -1).permute(0, 1, 4, 2, 5, 3, 6)
    joined = attended.reshape(images, rows * side, columns * side, -1)[:, :height, :width]
    return workspace.linear("out", joined, attention.proj)


def _strips(grid: Tensor, side: int) -> list[slice]:
    """Return strips of rows of (B, H, W, C), each of a multiple of `side` rows but the last. On an accelerator there is one strip."""
    height, width = grid.shape[1:3]
    lines = max(1, _STRIP_TOKENS // (width * side)) * side if grid.device.type == "cpu" else height
    return [slice(top, min(top + lines, height)) for top in range(0, height, lines)]


def _seen(grid: Tensor, rows: slice, stride: int) -> Tensor:
    """Return the rows of (B, H, W, C) that a filter of 3 x 3 with a stride needs for some rows of its output."""
    return grid[:, max(rows.start * stride - 1, 0) : (rows.stop - 1) * stride + 2]


def _bordered(seen: Tensor, rows: slice, stride: int, height: int) -> Tensor:
    """Return the rows from `_seen` with a row of zeros for each that is outside a grid with `height` rows."""
    above, below = int(rows.start == 0), max((rows.stop - 1) * stride + 2 - height, 0)
    return functional.pad(seen, (0, 0, 0, 0, above, below)) if above or below else seen


def _pointwise(convolution: Any, grid: Tensor, out: Tensor) -> Tensor:
    """Write a 1 x 1 convolution of (B, H, W, C) to the contiguous tensor `out`, and return it."""
    weight = convolution.weight.flatten(1)
    torch.addmm(convolution.bias, grid.reshape(-1, grid.shape[-1]), weight.T, out=out.view(-1, len(weight)))
    return out


def _depthwise(convolution: Any, grid: Tensor) -> Tensor:
    """Return a depthwise convolution of (B, H, W, C), that is, of each channel separately. Only columns are padded, not rows."""
    planes = functional.conv2d(
        grid.permute(0, 3, 1, 2), convolution.weight, convolution.bias, convolution.stride, padding=(0, 1), groups=convolution.groups
    )
    return planes.permute(0, 2, 3, 1).contiguous()


def _activated(value: Tensor, activation: nn.Module) -> Tensor:
    """Apply the activation in place and return the tensor. All activations of MobileSAM are GELU."""
    approximate = getattr(activation, "approximate", "none")
    activated: Tensor = torch.ops.aten.gelu_(value, approximate=approximate)
    return activated
