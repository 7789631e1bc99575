"""Reads what ``torch.save`` wrote without running anything in it: numbers, texts, tensors and containers, and `Inert` for all else.

A checkpoint that holds a whole model is a pickle that names classes and functions, and unpickling calls them. Here none is imported and
none is called: an object of any class becomes an `Inert` that says which class it was and what it held.
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


class Inert:
    """An object that was not made.

    Attributes:
        class_name: Module and name of its class, or of the function that would have made it.
        args: What that would have been called with.
        state: What it held: for most objects a dictionary of their attributes.
    """

    class_name = ""

    def __new__(cls, *args: Any, **_: Any) -> Inert:  # noqa: PYI034 - Python 3.10 has no Self.
        """Takes whatever the pickle gives."""
        made = super().__new__(cls)
        made.args = args
        made.state = None
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: `__new__` has kept what there is to keep."""

    args: tuple[Any, ...]
    state: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Entries of a dictionary's subclass are dropped."""

    def append(self, value: Any) -> None:
        """Elements of a list's subclass are dropped."""

    def extend(self, values: Iterable[Any]) -> None:
        """Elements of a list's subclass are dropped."""

    def add(self, value: Any) -> None:
        """Elements of a set's subclass are dropped."""


def read_pickled(path: Path) -> Any:
    """The content of a file that ``torch.save`` wrote.

    Raises:
        WeightsMismatchError: It is no such file, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive)
    except Exception as error:  # What a damaged or hostile file makes zipfile, pickle and torch raise can be anything.
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
    """Finds no class and no function but those in `_known`, whatever the pickle names."""

    def __init__(self, file: Any, read: Callable[[str], bytes]) -> None:
        super().__init__(file)
        self._read = read
        self._storages: dict[str, Tensor] = {}
        self._found: dict[str, Any] = _known()

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name}.{global_name}"
        if name not in self._found:
            storage = _STORAGES.get(global_name) if module_name in ("torch", "torch.storage") else None
            self._found[name] = type("Inert", (Inert,), {"class_name": name}) if storage is None else storage
        return self._found[name]

    def persistent_load(self, pid: Any, /) -> Tensor:
        """The numbers of a storage, as a tensor of one dimension."""
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
    """What a pickle may call; made anew for each file, so that a file that changes one changes it for itself alone."""

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
