"""Writing of safetensors files that are equal, byte by byte, whenever their contents are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_LENGTH = 8
"""Number of bytes at the beginning that hold the length of the header."""


def save_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write tensors to a safetensors file.

    Args:
        tensors: The tensors by name.
        path: Path of the file.
        metadata: Texts to store in the header.

    Raises:
        OSError: The file cannot be written.
    """
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), path, dict(metadata))
    except Exception as error:  # SafetensorError, which derives from nothing but Exception.
        raise OSError(str(error)) from error
    _sort_header(path)


def _sort_header(path: Path) -> None:
    """Sort the metadata in the header. safetensors writes it in an order that differs from process to process."""
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode().ljust(length)
        if len(text) != length:
            raise OSError(f"the header of {path.name} has {length} bytes, and {len(text)} after sorting")
        file.seek(_LENGTH)
        file.write(text)
