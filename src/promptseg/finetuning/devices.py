"""Devices and number type of a training. accelerate runs several devices and mixed precision; one device in float32 needs no accelerate.

Each process of ``accelerate launch`` trains on images of its own in each step. Gradients are averaged, so that all take the same step.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from .._install import install_extra
from ..errors import ConfigError, MissingDependencyError, shown

PRECISIONS = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}
"""Number types, with accelerate's name of the mixed precision. Parameters are always float32."""


class Devices:
    """The devices of a training.

    Args:
        device: Device of a single process. With several processes, accelerate gives each its device.
        precision: Number type of products, one of `PRECISIONS`.

    Raises:
        ConfigError: `precision` is not one of `PRECISIONS`.
        MissingDependencyError: accelerate is needed and not installed.
    """

    def __init__(self, device: torch.device, precision: str = "float32") -> None:
        if precision not in PRECISIONS:
            raise ConfigError(f"precision is one of {', '.join(PRECISIONS)}, got {shown(precision)}")
        self.device, self.rank, self.count = device, 0, 1
        self._accelerator: Any = None
        if precision == "float32" and int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise MissingDependencyError(
                f"{'several devices' if precision == 'float32' else f'precision {precision}'} need accelerate, which is not installed: "
                f"{install_extra('finetune')}"
            ) from error
        self._accelerator = Accelerator(mixed_precision=PRECISIONS[precision], cpu=device.type == "cpu")
        given = self._accelerator.device  # "cpu:0" for the first process on a CPU, which has no number.
        self.device = given if given.type == "cuda" else torch.device(given.type)
        self.rank, self.count = self._accelerator.process_index, self._accelerator.num_processes

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def prepared(self, optimizer: torch.optim.Optimizer) -> Any:
        """Return the optimizer, prepared for scaled gradients."""
        return optimizer if self._accelerator is None else self._accelerator.prepare(optimizer)

    def computing(self) -> AbstractContextManager[Any]:
        """Return a context in which products have the chosen number type."""
        return nullcontext() if self._accelerator is None else self._accelerator.autocast()

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss to those of its parameters."""
        if self._accelerator is None:
            loss.backward()  # type: ignore[no-untyped-call]
        else:
            self._accelerator.backward(loss)

    def clip(self, parameters: Sequence[torch.nn.Parameter], max_norm: float) -> Tensor:
        """Average the gradients over the processes, clip them to a norm, and return the norm before clipping, on the device."""
        if self._accelerator is None:
            return torch.nn.utils.clip_grad_norm_(parameters, max_norm)
        if self.count > 1:
            having = [parameter for parameter in parameters if parameter.grad is not None]
            flat = self.mean(torch.cat([parameter.grad.flatten() for parameter in having if parameter.grad is not None]))
            for parameter, part in zip(having, torch.split(flat, [parameter.numel() for parameter in having]), strict=True):
                parameter.grad = part.view_as(parameter).clone()
        norm: Tensor = self._accelerator.clip_grad_norm_(parameters, max_norm)
        # The gradient scaler skips a step that is not finite.
        return norm if self._accelerator.scaler is None else norm.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a tensor over the processes."""
        if self.count == 1:
            return value
        found: Tensor = self._accelerator.reduce(value, "mean")
        return found

    def wait(self) -> None:
        """Wait for all processes."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()
