"""Safe reader for files of ``torch.save`` that contain whole models. It executes nothing in the file.

A checkpoint that contains a whole model is a pickle that names classes and functions. Ordinary unpickling imports and calls them. This
reader imports and calls none of them: it returns numbers, strings, tensors and containers as they are, and a `PicklePlaceholder` for
every other object.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import WeightsMismatchError

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


class PicklePlaceholder:
    """Placeholder for an object of a class that is not imported.

    Attributes:
        class_name: Module and name of the class, or of the function that would have created the object.
        args: Arguments of that class or function.
        state: State of the object. For most objects it is a dictionary of the attributes.
    """

    class_name = ""

    def __new__(cls, *args: Any, **_: Any) -> PicklePlaceholder:  # noqa: PYI034 - Python 3.10 has no Self.
        """Create a placeholder from any arguments."""
        made = super().__new__(cls)
        made.args = args
        made.state = None
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: `__new__` has stored the arguments."""

    args: tuple[Any, ...]
    state: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Ignore an entry of a subclass of dict."""

    def append(self, value: Any) -> None:
        """Ignore an element of a subclass of list."""

    def extend(self, values: Iterable[Any]) -> None:
        """Ignore the elements of a subclass of list."""

    def add(self, value: Any) -> None:
        """Ignore an element of a subclass of set."""


def read_pickled(path: Path) -> Any:
    """Return the content of a file that ``torch.save`` wrote.

    Raises:
        WeightsMismatchError: The file was not written by ``torch.save``, or it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive)
    except Exception as error:  # Damaged and hostile files make zipfile, pickle and torch raise errors of any class.
        reason = (str(error) or type(error).__name__).partition("\n")[0]
        raise WeightsMismatchError(f"{path} is not a file that torch.save wrote, or is damaged: {reason}") from error


def _read(archive: zipfile.ZipFile) -> Any:
    names = archive.namelist()
    (pickled,) = (name for name in names if name.rpartition("/")[2] == "data.pkl")
    folder = pickled.removesuffix("data.pkl")
    if f"{folder}constants.pkl" in names:
        raise pickle.UnpicklingError("it is a TorchScript archive")
    if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
        raise pickle.UnpicklingError("its numbers are big-endian")
    with archive.open(pickled) as file:
        return _Unpickler(file, lambda key: archive.read(f"{folder}data/{key}")).load()


class _Unpickler(pickle.Unpickler):
    """Unpickler that finds only the functions in `_known`. Every other name becomes a subclass of `PicklePlaceholder`."""

    def __init__(self, file: Any, read: Callable[[str], bytes]) -> None:
        super().__init__(file)
        self._read = read
        self._storages: dict[str, Tensor] = {}
        self._found: dict[str, Any] = _known()

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name}.{global_name}"
        if name not in self._found:
            storage = _STORAGES.get(global_name) if module_name in ("torch", "torch.storage") else None
            self._found[name] = type("PicklePlaceholder", (PicklePlaceholder,), {"class_name": name}) if storage is None else storage
        return self._found[name]

    def persistent_load(self, pid: Any, /) -> Tensor:
        """Return a storage as a one-dimensional tensor."""
        kind, dtype, key, _, _ = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(key, str):
            raise pickle.UnpicklingError(f"it refers to {str(pid)[:80]}, which is no storage of numbers")
        if key not in self._storages:
            content = bytearray(self._read(key))
            self._storages[key] = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
        if self._storages[key].dtype != dtype:
            raise pickle.UnpicklingError(f"it reads storage {key!r} as {dtype} and as {self._storages[key].dtype}")
        return self._storages[key]


def _known() -> dict[str, Callable[..., Any]]:
    """Return the functions that a pickle may call, by name.

    Each file gets new functions. A file that modifies one of them does not affect other files.
    """

    def mapping() -> OrderedDict[Any, Any]:
        return OrderedDict()

    def unordered(values: Iterable[Any] = ()) -> set[Any]:
        return set(values)

    def size(values: Iterable[int] = ()) -> tuple[int, ...]:
        return tuple(values)

    def tensor(storage: Tensor, offset: int, size: Iterable[int], stride: Iterable[int], *_: Any) -> Tensor:
        return torch.as_strided(storage, tuple(size), tuple(stride), offset)

    def parameter(data: Tensor, *_: Any) -> Tensor:
        return data

    return {
        "collections.OrderedDict": mapping,
        "builtins.set": unordered,
        "__builtin__.set": unordered,
        "torch.Size": size,
        "torch._utils._rebuild_tensor_v2": tensor,
        "torch._utils._rebuild_parameter": parameter,
    }
