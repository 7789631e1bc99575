"""Devices, number types and out-of-memory errors of torch. No process-wide setting is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

from ..errors import ConfigError, OutOfMemoryError, shown
from .forking import claim_torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

_T = TypeVar("_T")


def chosen_device(name: str) -> torch.device:
    """Return the torch device with a name, or the fastest available device for ``"auto"``.

    Raises:
        ConfigError: The device is not available. The message lists the available devices.
        BackendError: This process was forked from one that had used torch.
    """
    claim_torch()
    present = [
        device
        for device, there in (("cuda", torch.cuda.is_available), ("mps", torch.backends.mps.is_available), ("cpu", lambda: True))
        if there()
    ]
    if name == "auto":
        return torch.device(present[0])
    if name not in present:
        raise ConfigError(f"device {shown(name)} is not available with this host and build of torch: use {' or '.join(['auto', *present])}")
    return torch.device(name)


def chosen_dtype(value: Any, device: torch.device) -> torch.dtype:
    """Return the torch number type of an option ``dtype``, given as a name or as a ``torch.dtype``.

    Raises:
        ConfigError: The type is not supported, or the device cannot compute in it.
        OutOfMemoryError: The device is full.
    """
    name = str(value).removeprefix("torch.")
    if name not in DTYPES:
        raise ConfigError(f"option dtype is one of {', '.join(DTYPES)}, got {shown(value)}")
    check_dtype(device, DTYPES[name])
    return DTYPES[name]


def check_dtype(device: torch.device, dtype: torch.dtype) -> None:
    """Check that a device can compute in a number type, by trying typical operations: torch has no list of what a device supports.

    Raises:
        ConfigError: The device cannot compute in the type.
        OutOfMemoryError: The device is full.
    """
    try:
        with torch.inference_mode():
            value = torch.zeros((1, 4, 4, 4), dtype=dtype, device=device)
            value = torch.nn.functional.conv2d(value, torch.zeros((4, 4, 1, 1), dtype=dtype, device=device))
            value = torch.nn.functional.gelu(torch.nn.functional.layer_norm(value, (4,)))
            torch.baddbmm(value[0], value[0], value[0]).float().cpu()
    except Exception as error:  # The class depends on the device and on torch's version.
        usable = str(dtype).removeprefix("torch.")
        if is_out_of_memory(error):
            raise OutOfMemoryError(f"out of memory on {device.type}: no room even to try whether it computes in {usable}") from error
        raise ConfigError(f"device {device.type!r} cannot compute in {usable}: use dtype='float32'") from error


def unless_out_of_memory(compute: Callable[[], _T]) -> _T | Exception:
    """Return the result of `compute`, or the error if memory ran out. The memory of a failed attempt is free when this returns."""
    try:
        return compute()
    except Exception as error:  # Each device has its own class. Errors that are not about memory are raised again.
        if not is_out_of_memory(error):
            raise
        return error.with_traceback(None)


def release(device: torch.device) -> None:
    """Return memory that torch has cached to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error says that memory ran out."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in message or "can't allocate memory" in message or "not enough memory" in message
    )
