"""On how many devices a training runs, and in which type: one in float32 as it is, all else through accelerate.

Each process of ``accelerate launch`` learns from images of its own at each step; gradients are averaged, so that all take the same step.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from ..errors import ConfigError, MissingDependencyError

PRECISIONS = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}
"""By our name of a type: accelerate's name of mixed precision with it. Parameters are float32 in any case."""


class Devices:
    """The devices of a training.

    Args:
        device: Where a single process computes; of several, each has the one that accelerate gives it.
        precision: One of `PRECISIONS`.

    Raises:
        ConfigError: There is no such precision.
        MissingDependencyError: accelerate is needed and not installed.
    """

    def __init__(self, device: torch.device, precision: str = "float32") -> None:
        if precision not in PRECISIONS:
            raise ConfigError(f"precision is one of {', '.join(PRECISIONS)}, got {precision!r}")
        self.device, self.rank, self.count = device, 0, 1
        self._accelerator: Any = None
        if precision == "float32" and int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise MissingDependencyError(
                f"{'several devices' if precision == 'float32' else f'precision {precision}'} need accelerate, which is not installed: "
                "pip install 'promptseg[finetune]'"
            ) from error
        self._accelerator = Accelerator(mixed_precision=PRECISIONS[precision], cpu=device.type == "cpu")
        self.device = self._accelerator.device
        self.rank, self.count = self._accelerator.process_index, self._accelerator.num_processes

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def prepared(self, optimizer: torch.optim.Optimizer) -> Any:
        """The optimizer, so that it knows of scaled gradients."""
        return optimizer if self._accelerator is None else self._accelerator.prepare(optimizer)

    def computing(self) -> AbstractContextManager[Any]:
        """Within it, products are of the chosen type."""
        return nullcontext() if self._accelerator is None else self._accelerator.autocast()

    def backward(self, loss: Tensor) -> None:
        """Adds the gradients of a loss to those of its parameters."""
        if self._accelerator is None:
            loss.backward()  # type: ignore[no-untyped-call]
        else:
            self._accelerator.backward(loss)

    def clip(self, parameters: Sequence[torch.nn.Parameter], most: float) -> float:
        """Averages gradients over the processes and shortens them to a norm; gives the norm that they had."""
        if self._accelerator is None:
            return torch.nn.utils.clip_grad_norm_(parameters, most).item()
        if self.count > 1:
            having = [parameter for parameter in parameters if parameter.grad is not None]
            flat = self.mean(torch.cat([parameter.grad.flatten() for parameter in having if parameter.grad is not None]))
            for parameter, part in zip(having, torch.split(flat, [parameter.numel() for parameter in having]), strict=True):
                parameter.grad = part.view_as(parameter).clone()
        norm = float(self._accelerator.clip_grad_norm_(parameters, most))
        return norm if math.isfinite(norm) or self._accelerator.scaler is None else 0.0  # Its scaler leaves such a step out.

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a tensor over the processes."""
        if self.count == 1:
            return value
        found: Tensor = self._accelerator.reduce(value, "mean")
        return found

    def wait(self) -> None:
        """Waits until all processes are here."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()
