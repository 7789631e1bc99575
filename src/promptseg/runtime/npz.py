"""NumPy archives (``.npz``), written with a comment, and read without pickle and within bounds."""

from __future__ import annotations

import errno
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

MAX_MULTIPLE = 8
"""Maximum size of what an archive unpacks to, as a multiple of its own size."""

ALWAYS_ALLOWED = 256 << 20
"""Bytes that small archives may unpack to as well. Compressed masks are much smaller than the masks."""

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Kinds of compression that are read. Others may take gigabytes for a file of some bytes."""

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def write_npz(file: IO[bytes], arrays: Mapping[str, NDArray[Any]], comment: str = "") -> None:
    """Write arrays as an uncompressed archive, as `numpy.savez` does, with a comment."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = comment.encode("utf-8")
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array(member, np.asanyarray(array), allow_pickle=False)


def read_npz(path: Path) -> tuple[dict[str, NDArray[Any]], str]:
    """Return the arrays of an archive by name, and its comment.

    Raises:
        ValueError: The file is not an archive of arrays, is damaged, or unpacks to much more than its size.
        OSError: The file cannot be read.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            unpacked = sum(entry.file_size for entry in entries)
            if unpacked > max(MAX_MULTIPLE * path.stat().st_size, ALWAYS_ALLOWED):
                raise ValueError(f"it unpacks to {unpacked} bytes, too many for its size")  # noqa: TRY301 - As for every damage.
            return {_name(entry): _read_array(archive, entry) for entry in entries}, archive.comment.decode("utf-8")
    except OSError as error:
        if error.errno == errno.EINVAL:  # zipfile seeks to a place before the beginning, which a damaged file names.
            raise ValueError("it is damaged") from error
        raise
    except Exception as error:  # Damage raises errors of zipfile, zlib, struct, tokenize and others, which have no common base.
        raise ValueError(str(error) or type(error).__name__) from error


def _name(entry: zipfile.ZipInfo) -> str:
    if not entry.filename.endswith(".npy") or entry.compress_type not in COMPRESSIONS:
        raise ValueError(f"it holds {entry.filename[:80]!r}, which is not an array")
    return entry.filename.removesuffix(".npy")


def _read_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(entry) as member:
        version = npy.read_magic(member)
        if version not in _HEADERS:
            raise ValueError(f"{entry.filename[:80]!r} has the unknown version {version}")
        shape, fortran, dtype = _HEADERS[version](member)
        length = entry.file_size - member.tell()
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != length or any(side < 0 for side in shape):
            raise ValueError(f"{entry.filename[:80]!r} declares {dtype} {shape} in {length} bytes")
        content = bytearray(member.read())
    if len(content) != length:
        raise ValueError(f"{entry.filename[:80]!r} ends early")
    array = np.frombuffer(content, dtype) if length else np.empty(0, dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)
