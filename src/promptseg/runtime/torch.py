"""Devices, number types and out-of-memory errors of torch. No process-wide setting is changed, but in a forked process."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray

from ..errors import ConfigError, OutOfMemoryError, shown
from .devices import check_device, check_index, kind_of
from .forking import Lock, after_fork
from .host import has_arithmetic

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

_EMULATED = {
    "bfloat16": "encoding an image took 13 times as long as in float32",
    "float16": "a product of matrices took 50 times as long as in float32",
}
"""How much slower a number type is on a processor without arithmetic for it (docs/understand/benchmarks.md)."""

_T = TypeVar("_T")


def chosen_device(name: str) -> torch.device:
    """Return the torch device with a name, or the fastest available device for ``"auto"``.

    Raises:
        ConfigError: There is no such device, or it is not available. The message lists the available devices.
        BackendError: It was in use when this process was forked.
    """
    check_device(name)
    present = [
        device
        for device, there in (("cuda", torch.cuda.is_available), ("mps", torch.backends.mps.is_available), ("cpu", lambda: True))
        if there()
    ]
    if name != "auto" and kind_of(name) not in present:
        raise ConfigError(f"device {shown(name)} is not available with this host and build of torch: use {' or '.join(['auto', *present])}")
    check_index(name, torch.cuda.device_count())
    device = torch.device(present[0] if name == "auto" else name)
    _check_fork(device)
    return device


@contextmanager
def computing(device: torch.device) -> Iterator[None]:
    """Note that torch computes on a device within the block.

    Raises:
        BackendError: The device cannot be used, because it was in use when this process was forked.
    """
    global _running  # noqa: PLW0603 - What a fork finds running belongs to the process.
    _check_fork(device)
    with _counting:
        _running += 1
    try:
        yield
    finally:
        with _counting:
            _running -= 1


def _check_fork(device: torch.device) -> None:
    if device.type in _lost:
        raise after_fork(device.type)
    _used.add(device.type)


_used: set[str] = set()
"""Types of the devices that were used."""

_lost: set[str] = set()
"""Types of devices that were in use when this process was forked: accelerators, and the CPU if another thread computed at this moment."""

_running = 0
"""Number of computations that are running."""

_counting = Lock()


def _before_fork() -> None:
    """Free the buffers of MKL, which a forked process could wait for. That is safe while no thread computes."""
    if not _running and (free := _mkl_free_buffers()) is not None:
        free()


def _after_fork_in_child() -> None:
    """Let torch compute in one thread: it would wait forever for the other threads of the parent process, which a fork does not copy."""
    global _running  # noqa: PLW0603
    torch.set_num_threads(1)
    _lost.update(_used - {"cpu"} if not _running else _used)
    _running = 0


@lru_cache(maxsize=1)
def _mkl_free_buffers() -> Callable[[], object] | None:
    """Return MKL's function that frees its buffers, or None where torch computes without MKL."""
    for name in ("libtorch_cpu.so", "libtorch_cpu.dylib"):
        path = Path(torch.__file__).parent / "lib" / name
        if path.is_file():
            found: Callable[[], object] | None = getattr(ctypes.CDLL(str(path)), "mkl_serv_free_buffers", None)
            return found
    return None


if hasattr(os, "register_at_fork"):  # Windows has no fork.
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)


def chosen_dtype(value: Any, device: torch.device, *, allow_slow: Any = False) -> torch.dtype:
    """Return the torch number type of an option ``dtype``, given as a name or as a ``torch.dtype``.

    Args:
        value: The option.
        device: Device that computes.
        allow_slow: Option ``allow_slow``: whether a type is taken that this processor emulates.

    Raises:
        ConfigError: The type is not supported, or the device cannot compute in it or is much slower in it than in float32.
        OutOfMemoryError: The device is full.
    """
    name = str(value).removeprefix("torch.")
    if name not in DTYPES:
        raise ConfigError(f"option dtype is one of {', '.join(DTYPES)}, got {shown(value)}")
    if not isinstance(allow_slow, bool):
        raise ConfigError(f"option allow_slow is True or False, got {shown(allow_slow)}")
    check_dtype(device, DTYPES[name])
    if name in _EMULATED and device.type == "cpu" and not allow_slow and has_arithmetic(name) is False:
        raise slower(f"dtype={name!r}", f"this processor has no {name} arithmetic and torch emulates it; {_EMULATED[name]}")
    return DTYPES[name]


def slower(setting: str, reason: str) -> ConfigError:
    """Return the error for a setting that makes a model slower and needs option ``allow_slow``.

    Args:
        setting: The setting, such as ``"dtype='bfloat16'"``.
        reason: Why the model is slower, and how much.
    """
    return ConfigError(f"{setting} makes the model slower here: {reason}. Leave it out, or add allow_slow=True to have it nevertheless")


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
            raise OutOfMemoryError(f"out of memory on {device}: no room even to try whether it computes in {usable}") from error
        raise ConfigError(f"device {str(device)!r} cannot compute in {usable}: use dtype='float32'") from error


def to_host(value: torch.Tensor) -> NDArray[Any]:
    """Return a tensor as an array. On an accelerator the host waits for the device, so this is called once a batch, never once a mask."""
    array: NDArray[Any] = value.cpu().numpy()
    return array


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


def gpu_name(device: str) -> str:
    """Return what a CUDA device is called by who made it."""
    return str(torch.cuda.get_device_name(torch.device(device)))
