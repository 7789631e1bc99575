"""Reusable memory for intermediate results. On a CPU, new memory for each operation takes as long as the computation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Workspace:
    """Memory for intermediate results, by name. The same name and shape give the same memory again."""

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}

    def empty(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return an uninitialized tensor of a shape, with the dtype and device of `like`."""
        held = self._held.get(name)
        if held is None or held.shape != shape:
            held = self._held[name] = torch.empty(shape, dtype=like.dtype, device=like.device)
        return held

    def linear(self, name: str, value: Tensor, layer: Any) -> Tensor:
        """Return the output of a linear layer, (…, in) → (…, out), in the memory of that name."""
        rows = value.reshape(-1, value.shape[-1])
        out = self.empty(name, (len(rows), layer.weight.shape[0]), value)
        if layer.bias is None:
            torch.mm(rows, layer.weight.T, out=out)
        else:
            torch.addmm(layer.bias, rows, layer.weight.T, out=out)
        return out.view(*value.shape[:-1], -1)
