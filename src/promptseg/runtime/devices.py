"""Names of devices, as `promptseg.load` takes them: ``"cuda"`` is the first GPU, ``"cuda:1"`` the second."""

from __future__ import annotations

import contextlib
import ctypes
import re
from functools import lru_cache

from ..errors import ConfigError, one_of, shown

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Names of devices without a number."""

_NUMBERED = re.compile(r"cuda:(0|[1-9][0-9]{0,2})")


def check_device(name: object) -> None:
    """Check that a name is that of a device, whether or not there is one here.

    Raises:
        ConfigError: It is not.
    """
    if not isinstance(name, str):
        raise ConfigError(f"device is 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', got {shown(name)}")
    if name not in DEVICES and not _NUMBERED.fullmatch(name):
        raise ConfigError(
            f"there is no device {shown(name)}: expected {one_of(DEVICES)}; cuda is an NVIDIA GPU, cuda:1 the second of several, "
            "mps one of Apple"
        )


def kind_of(name: str) -> str:
    """Return a device's name without its number: ``"cuda"`` for ``"cuda:1"``."""
    return name.partition(":")[0]


def index_of(name: str) -> int | None:
    """Return the number of a GPU in a name, from 0, or None if it has none."""
    found = _NUMBERED.fullmatch(name)
    return None if found is None else int(found[1])


def check_index(name: str, count: int) -> None:
    """Check that there is a GPU with the number in a name.

    Args:
        name: The name; without a number, nothing is checked.
        count: Number of GPUs that this process sees.

    Raises:
        ConfigError: There are not so many GPUs.
    """
    index = index_of(name)
    if index is not None and index >= count:
        present = "none" if not count else "1, cuda:0" if count == 1 else f"{count}, cuda:0 to cuda:{count - 1}"
        raise ConfigError(f"there is no GPU {index} for device {shown(name)}: this process sees {present}")


@lru_cache(maxsize=1)
def gpu_count() -> int:
    """Return the number of NVIDIA GPUs that this process sees, as the driver counts them; 0 without a driver."""
    for library in ("libcuda.so.1", "nvcuda.dll"):
        with contextlib.suppress(OSError):
            driver, count = ctypes.CDLL(library), ctypes.c_int()
            if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0:
                return count.value
    return 0
