"""Memory for intermediates that is used again: on a CPU, memory that is new at each operation costs as much as the arithmetic."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


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
