"""Recognition of a model by its folder, on the Hugging Face hub or here: by its ``config.json`` and the names of its files.

Each backend declares the kinds of folders that it reads (`BackendSpec.folders`). This module compares a folder with them. It reads no
weights; the backend checks them when it loads them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import InputError, PromptSegError, UnknownModelError, WeightsMismatchError, WeightsNotFoundError, one_of, shown
from ..runtime.structured import check_extent, is_text, read_json
from .catalog import backends
from .spec import BackendSpec, Engine, FolderSpec

CONFIG = "config.json"
"""Name of the configuration of transformers in a folder."""

TENSORS = "model.safetensors"
"""Name of the tensors in a folder, if they are in one file."""

MAX_CONFIG_BYTES = 4 << 20
"""Size of the largest configuration that is read. It is that of `promptseg.models.transformers.loading`."""

ONNX_FOLDER = "onnx"
"""Folder of the ONNX files in the layout of transformers.js."""

PRECISIONS = ("", "_fp16", "_quantized", "_int8", "_uint8", "_q4", "_q4f16", "_bnb4")
"""Endings of the names of ONNX files in the layout of transformers.js. Each is an engine of its own: ``"onnx"``, ``"onnx-fp16"``, …"""

_SIDE_FILES = (
    CONFIG,
    "preprocessor_config.json",
    "processor_config.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
)
"""Small files that backends read beside the weights: configurations, and those of tokenizers."""

_TENSORS = re.compile(r"model-\d{5}-of-\d{5}\.safetensors|model\.safetensors\.index\.json")
_ONNX_DATA = re.compile(r"[._]data(_\d{1,3})?")
_PICKLES = re.compile(r"pytorch_model.*\.bin(\.index\.json)?|.*\.(pt|pth|ckpt|msgpack|h5)")
_LONGEST = 200
_MOST_LISTED = 10_000


@dataclass(frozen=True)
class Contents:
    """What a folder holds, before weights are read.

    Attributes:
        where: The folder, for messages.
        files: Paths of its files in it, with ``/``.
        config: Its ``config.json``; empty if it has none.
    """

    where: str
    files: frozenset[str]
    config: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, where: str | None = None) -> Contents:
        """Return what a folder of this machine holds.

        Raises:
            WeightsNotFoundError: It cannot be listed.
            WeightsMismatchError: Its configuration is damaged.
        """
        found = [folder / CONFIG, folder / TENSORS]  # These first, whatever else a folder holds.
        try:
            for each in (folder, folder / ONNX_FOLDER):
                found += islice(each.iterdir(), _MOST_LISTED) if each.is_dir() else ()
            files = frozenset(path.relative_to(folder).as_posix() for path in found if path.is_file())
        except OSError as error:
            raise WeightsNotFoundError(f"cannot list {folder}: {error.strerror or error}") from error
        config = read_folder_config(folder / CONFIG) if CONFIG in files else {}
        return cls(where or str(folder), files, config)

    @property
    def types(self) -> frozenset[str]:
        """Names of the model in its configuration: its model type and its classes."""
        given, classes = self.config.get("model_type"), self.config.get("architectures")
        if given is None and "pretrained_cfg" in self.config and is_text(self.config.get("architecture")):
            given = "timm"  # Folders of timm have no model type.
        names = [given, *(classes[:_LONGEST] if isinstance(classes, list) else [])]
        return frozenset(name for name in names if is_text(name) and len(name) <= _LONGEST)


def read_folder_config(path: Path) -> Mapping[str, Any]:
    """Return the values of a ``config.json``.

    Raises:
        WeightsMismatchError: It cannot be read, is too large, or is not an object of JSON.
    """
    try:
        values = read_json(path, MAX_CONFIG_BYTES)
        check_extent(values, f"{path}", InputError)
    except InputError as error:
        raise WeightsMismatchError(f"{error}") from error
    if not isinstance(values, dict):
        raise WeightsMismatchError(f"{path} is not a configuration of a model: expected an object, got {shown(values)}")
    return values


def looks_like_model(folder: Path) -> bool:
    """Return whether a path is a folder with a ``config.json`` or with ONNX files in the layout of transformers.js."""
    try:
        return folder.is_dir() and ((folder / CONFIG).is_file() or any(_engines(Contents("", Contents.of(folder).files))))
    except (OSError, PromptSegError):
        return False


def engines_of(contents: Contents) -> tuple[Engine, ...]:
    """Return the engines that run a folder; the first is the default. Backends come in their own order, whether they are installed or not.

    Raises:
        UnknownModelError: No backend of this version reads such a folder. The message names its type and what this version runs.
        WeightsNotFoundError: A backend reads this type, and the folder lacks its files.
    """
    found = tuple(_engines(contents))
    if not found:
        raise _unknown(contents)
    return found


def _engines(contents: Contents) -> Iterator[Engine]:
    taken = set[str]()
    for backend in backends().values():
        for name, variant, files in _readings(backend, contents):
            own = name if name not in taken else f"{backend.name}{name[len(name.partition('-')[0]) :]}"
            if own not in taken:
                taken.add(own)
                yield Engine(own, backend.name, variant, contents=files)


def _readings(backend: BackendSpec, contents: Contents) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the engine, the variant and the files of each way in which a backend reads a folder."""
    for folder in backend.folders:
        if _fits(folder, contents):
            ways = _onnx_ways(folder.onnx, contents.files) if folder.onnx else _tensor_ways(folder, contents.files)
            if ways:
                return [(name, folder.variant, files) for name, files in ways]
    return []


def _fits(folder: FolderSpec, contents: Contents) -> bool:
    if folder.types and not folder.types & contents.types:
        return False
    return all(_at(contents.config, keys) == value for keys, value in folder.where.items())


def _at(config: Any, keys: str) -> Any:
    for key in keys.split("."):
        config = config.get(key) if isinstance(config, Mapping) else None
    return config


def contents_for(backend: BackendSpec | None, files: frozenset[str]) -> tuple[str, ...]:
    """Return the files that a backend reads of a folder: the first ONNX files that it knows, or else those in safetensors."""
    for folder in () if backend is None else backend.folders:
        for _, contents in _onnx_ways(folder.onnx, files) if folder.onnx else ():
            return contents
    return tensor_contents(files)


def tensor_contents(files: frozenset[str]) -> tuple[str, ...]:
    """Return the files of a model in safetensors files, and the small files beside them; none if there are no such tensors."""
    tensors = [TENSORS] if TENSORS in files else sorted(name for name in files if _TENSORS.fullmatch(name))
    return (*_beside(files), *tensors) if tensors else ()


def _tensor_ways(folder: FolderSpec, files: frozenset[str]) -> list[tuple[str, tuple[str, ...]]]:
    found = tensor_contents(files)
    return [(folder.engine, found)] if found else []


def _onnx_ways(stems: tuple[str, ...], files: frozenset[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the engine and the files of each precision of the first graph. Another graph that lacks it is taken in float32."""
    ways = []
    for at in (f"{ONNX_FOLDER}/", ""):
        for precision in PRECISIONS:
            first, *others = (f"{at}{stem}{precision}.onnx" for stem in stems)
            graphs = [first, *(graph if graph in files else graph.replace(f"{precision}.onnx", ".onnx") for graph in others)]
            if all(graph in files for graph in graphs):
                tensors = sorted(name for name in files if any(_is_data_of(graph, name) for graph in graphs))
                ways.append((f"onnx{precision.replace('_', '-')}", (*_beside(files), *graphs, *tensors)))
        if ways:
            return ways
    return ways


def _is_data_of(graph: str, name: str) -> bool:
    """Return whether a file holds weights of an ONNX file, by its name."""
    return name.startswith(graph) and _ONNX_DATA.fullmatch(name, len(graph)) is not None


def _beside(files: frozenset[str]) -> list[str]:
    return [name for name in _SIDE_FILES if name in files]


_LIST = "To list the folders that are recognized: promptseg models --folders."


def _unknown(contents: Contents) -> UnknownModelError | WeightsNotFoundError:
    """Return the error for a folder that no backend reads."""
    kinds = [folder for backend in backends().values() for folder in backend.folders]
    fitting = [folder for folder in kinds if folder.types and _fits(folder, contents)]
    if fitting:
        pickled = sorted(name for name in contents.files if _PICKLES.fullmatch(name))
        also = f"; its {pickled[0]} is a pickle, which is not read: look for a revision or a copy with safetensors" if pickled else ""
        wanted = one_of(dict.fromkeys("model.safetensors" if not each.onnx else f"{each.onnx[0]}.onnx" for each in fitting))
        return WeightsNotFoundError(f"{contents.where} has no {wanted}{also or ': look for a revision or a copy with it'}")
    if not contents.types:
        what = "a config.json without a model type" if CONFIG in contents.files else "no config.json"
        return UnknownModelError(f"{contents.where} is not recognized: it has {what}, and no ONNX files under known names. {_LIST}")
    given = contents.config.get("model_type")
    what = given or min(contents.types)
    similar = difflib.get_close_matches(str(what), sorted({name for folder in kinds for name in folder.types}), n=3)
    hint = f" Similar types: {', '.join(similar)}." if similar else ""
    return UnknownModelError(
        f"{contents.where} is of model type {shown(what)}, which this version does not run.{hint} {_LIST} "
        "Another package may bring a backend for it"
    )
