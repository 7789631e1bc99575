"""Safe reader for files of ``torch.save``. It executes nothing in the file, and takes no more memory than a multiple of its size.

A checkpoint is a pickle, which names classes and functions. Ordinary unpickling imports and calls them. This reader imports and calls none
of them: it returns numbers, strings, tensors and containers as they are. The caller decides what stands for other objects.

It is used instead of ``torch.load(weights_only=True)`` because that believes the sizes of storages and tensors in the file.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from ..errors import WeightsMismatchError
from .pickle_scan import read_pickle
from .torch import is_out_of_memory

MAX_MULTIPLE = 8
"""Maximum size of what a file unpacks to, and of its tensors together, as a multiple of the size of the file."""

_SMALL = 16 << 20
"""Bytes that a file may unpack to in addition."""

_VIEWS = 3 << 30
"""Bytes that the tensors of any file may have together. They are views of storages, which are bounded by the size of the file. A conversion
may make copies of them."""

_MAX_DIMENSIONS = 32
_SHOWN = 80
_OLD_MAGIC = 0x1950A86A20F9469CFC6C
_BLOCK = 16 << 20

_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def read_torch_file(path: Path, unknown: Callable[[str], Any]) -> Any:
    """Return the content of a file that ``torch.save`` wrote, in the present format or that before torch 1.6.

    Args:
        path: The file.
        unknown: Function that returns what stands for a class or function that is not known here, for its module and name. It raises
            ``pickle.UnpicklingError`` for those that the caller does not accept.

    Raises:
        WeightsMismatchError: The file was not written by ``torch.save``, it is damaged, or its sizes are not those of its content. The
            cause tells which.
    """
    try:
        with path.open("rb") as file:
            most = MAX_MULTIPLE * path.stat().st_size
            budget = _Budget(max(most, _VIEWS))
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    return _read(archive, most + _SMALL, budget, unknown)
            file.seek(0)
            return _read_old(file, path.stat().st_size, budget, unknown)
    except Exception as error:  # Damaged and hostile files make zipfile, pickle and torch raise errors of any class.
        if is_out_of_memory(error):
            raise
        reason = (str(error) or type(error).__name__).partition("\n")[0]
        raise WeightsMismatchError(f"{path} is not a file that torch.save wrote, or is damaged: {reason}") from error


def only_tensors(name: str) -> Any:
    """Raise an error for a class or function; the function `unknown` of callers that want tensors and plain values only.

    Raises:
        pickle.UnpicklingError: Always.
    """
    raise pickle.UnpicklingError(f"it holds a {name[:_SHOWN]}, which is neither a tensor nor a plain value")


class _Budget:
    """Number of bytes that the tensors of a file may have together."""

    def __init__(self, most: int) -> None:
        self.most = self._left = most

    def spend(self, count: int, dtype: torch.dtype) -> None:
        """Count a tensor or storage of `count` numbers.

        Raises:
            pickle.UnpicklingError: The file declares too many numbers.
        """
        self._left -= max(count, 0) * dtype.itemsize
        if self._left < 0:
            raise pickle.UnpicklingError(f"its tensors have more than {self.most} bytes together, too many for the size of the file")


def _read(archive: zipfile.ZipFile, most: int, budget: _Budget, unknown: Callable[[str], Any]) -> Any:
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > most:
        raise pickle.UnpicklingError(f"it unpacks to {unpacked} bytes, more than {MAX_MULTIPLE} times its size")
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in archive.infolist()):
        raise pickle.UnpicklingError("it is compressed in a way that torch does not read")
    names = set(archive.namelist())
    (pickled,) = (name for name in names if name.rpartition("/")[2] == "data.pkl")
    folder = pickled.removesuffix("data.pkl")
    if f"{folder}constants.pkl" in names:
        raise pickle.UnpicklingError("it is a TorchScript archive")
    if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
        raise pickle.UnpicklingError("its numbers are big-endian")

    def storage(key: str, dtype: torch.dtype, _: Any) -> Tensor:
        entry = archive.getinfo(f"{folder}data/{key}")
        count, rest = divmod(entry.file_size, dtype.itemsize)
        if rest:
            raise pickle.UnpicklingError(f"storage {key!r} has {entry.file_size} bytes, which are no whole numbers of {dtype}")
        made = torch.empty(count, dtype=dtype)
        with archive.open(entry) as file:
            _fill(made, file)
        return made

    with archive.open(pickled) as file:
        return _Unpickler(read_pickle(file), storage, budget, unknown).load()


def _read_old(file: IO[bytes], size: int, budget: _Budget, unknown: Callable[[str], Any]) -> Any:
    """Read the format before torch 1.6: pickles one after another, then the storages."""

    def no_storage(*_: Any) -> Tensor:
        raise pickle.UnpicklingError("it has a storage outside of its content")

    def plain() -> Any:
        return _Unpickler(read_pickle(file), no_storage, budget, only_tensors).load()

    if plain() != _OLD_MAGIC:
        raise pickle.UnpicklingError("it has not the form of a file of torch")
    plain()  # The version, of which there is one.
    if plain().get("little_endian") is not True:
        raise pickle.UnpicklingError("its numbers are big-endian")
    made: dict[str, Tensor] = {}
    allocated = _Budget(size)  # Storages are made before the file is read so far. Together they cannot be larger than it.

    def storage(key: str, dtype: torch.dtype, count: Any) -> Tensor:
        if not isinstance(count, int) or count < 0:
            raise pickle.UnpicklingError(f"storage {key!r} has no number of elements")
        allocated.spend(count, dtype)
        made[key] = torch.empty(count, dtype=dtype)
        return made[key]

    content = _Unpickler(read_pickle(file), storage, budget, unknown).load()
    keys = plain()
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(made):
        raise pickle.UnpicklingError("its storages are not those of its tensors")
    for key in keys:
        if int.from_bytes(file.read(8), "little") != made[key].numel():
            raise pickle.UnpicklingError(f"storage {key!r} has another number of elements than its tensors say")
        _fill(made[key], file)
    return content


def _fill(storage: Tensor, file: IO[bytes]) -> None:
    """Read the numbers of a storage from an open file."""
    if not storage.numel():
        return
    view = storage.view(torch.uint8).numpy().data
    at = 0
    while at < len(view):
        block = file.read(min(_BLOCK, len(view) - at))
        if not block:
            raise EOFError(f"it ends after {at} of {len(view)} bytes of a storage")
        view[at : at + len(block)] = block
        at += len(block)


class _Unpickler(pickle.Unpickler):
    """Unpickler that finds only the functions in `_known`.

    Args:
        content: A checked pickle.
        storage: Function that returns a storage as a one-dimensional tensor, for its key, type and declared number of elements.
        budget: Bytes that the tensors may have.
        unknown: Function that returns what stands for any other name.
    """

    def __init__(
        self, content: bytes, storage: Callable[[str, torch.dtype, Any], Tensor], budget: _Budget, unknown: Callable[[str], Any]
    ) -> None:
        super().__init__(io.BytesIO(content))
        self._storage, self._unknown = storage, unknown
        self._storages: dict[str, Tensor] = {}
        self._found: dict[str, Any] = _known(budget)

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name}.{global_name}"
        if name not in self._found:
            storage = _STORAGES.get(global_name) if module_name in ("torch", "torch.storage") else None
            self._found[name] = self._unknown(name) if storage is None else storage
        return self._found[name]

    def persistent_load(self, pid: Any, /) -> Tensor:
        """Return a storage as a one-dimensional tensor."""
        kind, dtype, key, _, count, *views = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(key, str) or any(view is not None for view in views):
            raise pickle.UnpicklingError("it refers to something that is not a storage of numbers")
        if key not in self._storages:
            self._storages[key] = self._storage(key, dtype, count)
        if self._storages[key].dtype != dtype:
            raise pickle.UnpicklingError(f"it reads storage {key!r} as {dtype} and as {self._storages[key].dtype}")
        return self._storages[key]


class _Mapping(dict[Any, Any]):
    """Dictionary in the place of an ordered one. It has no attributes that a file could set."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        """Ignore the attributes, such as torch's ``_metadata``."""


def _known(budget: _Budget) -> dict[str, Callable[..., Any]]:
    """Return the functions that a pickle may call, by name.

    Each file gets new functions. A file that modifies one of them does not affect other files.
    """

    def mapping() -> dict[Any, Any]:
        return _Mapping()

    def unordered(values: Iterable[Any] = ()) -> set[Any]:
        listed = list(values)
        if any(isinstance(value, tuple) for value in listed):  # Their hashes may take forever.
            raise pickle.UnpicklingError("it has a set of tuples")
        return set(listed)

    def size(values: Iterable[int] = ()) -> tuple[int, ...]:
        lengths = tuple(values)
        if len(lengths) > _MAX_DIMENSIONS or not all(isinstance(length, int) for length in lengths):
            raise pickle.UnpicklingError(f"it has a size that is not of {_MAX_DIMENSIONS} whole numbers at most")
        return lengths

    def tensor(storage: Tensor, offset: int, lengths: Iterable[int], stride: Iterable[int], *_: Any) -> Tensor:
        lengths, stride = size(lengths), size(stride)
        count = math.prod(lengths)
        budget.spend(count, storage.dtype)
        # torch checks this, too, but its product may overflow.
        if count and offset + sum((length - 1) * step for length, step in zip(lengths, stride, strict=True)) >= storage.numel():
            raise pickle.UnpicklingError(f"it has a tensor of size {lengths} beyond the {storage.numel()} numbers of its storage")
        return torch.as_strided(storage, lengths, stride, offset)

    def parameter(data: Tensor, *_: Any) -> Tensor:
        return data

    def encode(text: str, encoding: str) -> bytes:  # How the second protocol of pickle stores bytes.
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"it has bytes in {encoding!r}, expected latin1")
        return text.encode("latin1")

    return {
        "collections.OrderedDict": mapping,
        "builtins.set": unordered,
        "__builtin__.set": unordered,
        "_codecs.encode": encode,
        "torch.Size": size,
        "torch._utils._rebuild_tensor": tensor,
        "torch._utils._rebuild_tensor_v2": tensor,
        "torch._utils._rebuild_parameter": parameter,
    }
