"""Loading of a model of transformers from a local folder, with nothing believed that the folder says about itself.

transformers initializes tensors that a file lacks with random numbers and ignores those that it does not know, without an error. A
configuration may name a backbone or a kernel that transformers would fetch, and sizes that no host has memory for. Here the configuration
is read and checked first, the tensors are read from the safetensors files, and the two must fit each other exactly.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..._checks import absent_hint
from ...errors import InputError, MissingDependencyError, OutOfMemoryError, WeightsMismatchError, WeightsNotFoundError, one_of, shown
from ...runtime.checkpoints import named, read_checkpoint
from ...runtime.memory import half_memory
from ...runtime.structured import check_extent, read_json
from ...runtime.torch import check_dtype, is_out_of_memory, release, unless_out_of_memory

CONFIG = "config.json"
"""Name of the configuration in a folder that transformers saved."""

TENSORS = "model.safetensors"
"""Name of the tensors in such a folder, if they are in one file."""

INDEX = "model.safetensors.index.json"
"""Name of the list of files, if the tensors are in several."""

_MAX_CONFIG_BYTES = 4 << 20
_MAX_INDEX_BYTES = 64 << 20
_MAX_SIZE = 4_000_000
"""Largest size in a configuration. The largest that is published is that of a vocabulary, some hundred thousand."""

_MAX_LAYERS = 1000
"""Maximum number of layers under one name, in all parts of the model together. The largest that is published has some dozens."""

_REPEATED = re.compile(r"(^|_)(layers|levels|depths?|blocks|blocks_per_stage)$")
"""Names of numbers of layers. Building them takes time, even without memory."""

_MAX_BUFFERS = 1 << 30
"""Bytes of the tables that a model computes when it is built, such as those of relative positions."""

_SPARE = 1 << 20
"""Numbers that a model may have in addition to twice those of its files. Files store once what several layers share."""

_DROPPED = frozenset(
    {
        "_attn_implementation",
        "_attn_implementation_internal",
        "_experts_implementation",
        "_experts_implementation_internal",
        "_name_or_path",
        "attn_implementation",
        "auto_map",
        "experts_implementation",
        "output_attentions",
        "output_hidden_states",
        "quantization_config",
        "return_dict",
        "use_kernels",
        "use_pretrained_backbone",
        "use_return_dict",
    }
)
"""Keys of a configuration that say how to run a model, or what to fetch, and not what it is."""

_switches = threading.Lock()

Config = dict[str, Any]


def load_pretrained(
    cls: Any,
    folder: Path,
    *,
    device: torch.device,
    dtype: torch.dtype,
    architectures: Sequence[str],
    adapt: Callable[[Config], Config] | None = None,
) -> Any:
    """Return the model in a folder that transformers saved, in evaluation mode on a device.

    Args:
        cls: Class of transformers, such as ``Owlv2ForObjectDetection``.
        folder: Folder with ``config.json`` and the tensors in safetensors files.
        device: Device, from `promptseg.runtime.torch.chosen_device`.
        dtype: Number type of the weights, from `promptseg.runtime.torch.chosen_dtype`.
        architectures: Names of the classes whose folders the class can read, as ``config.json`` names them.
        adapt: Function that changes the values of the configuration, for configurations of older versions.

    Raises:
        WeightsNotFoundError: The folder does not exist, or lacks a file.
        WeightsMismatchError: The folder contains another model, is damaged, or its tensors are not those of its configuration.
        MissingDependencyError: The model needs a package that is not installed.
        ConfigError: The device cannot compute in the type.
        OutOfMemoryError: The model does not fit into memory.
    """
    check_dtype(device, dtype)
    config = read_config(cls, folder, architectures, adapt)
    module = with_tensors(cls, folder, config, read_tensors(folder), dtype)
    moved = unless_out_of_memory(lambda: module.to(device))
    if isinstance(moved, Exception):
        release(device)
        tries = [half_memory(device.type)] if dtype == torch.float32 else []
        tries += ["device='cpu'"] if device.type != "cpu" else []
        advice = f": try {' or '.join(tries)}" if tries else ""
        raise OutOfMemoryError(f"out of memory on {device}: the model in {folder} does not fit{advice}") from moved
    return moved


def read_config(cls: Any, folder: Path, architectures: Sequence[str], adapt: Callable[[Config], Config] | None = None) -> Any:
    """Return the configuration in a folder, as an object of transformers.

    Raises:
        WeightsNotFoundError: The folder does not exist, or has no configuration.
        WeightsMismatchError: The configuration is of another model, is damaged, or has sizes that no model has.
    """
    path = _existing(folder) / CONFIG
    if not path.is_file():
        raise WeightsNotFoundError(f"{folder} has no {CONFIG}: expected a folder of a model as transformers saves it")
    try:
        values = read_json(path, _MAX_CONFIG_BYTES)
        check_extent(values, f"{path}", InputError)
    except InputError as error:
        raise WeightsMismatchError(f"{error}") from error
    if not isinstance(values, dict):
        raise WeightsMismatchError(f"{path} is not a configuration of transformers: expected an object, got {shown(values)}")
    _check_architecture(path, values, cls, architectures)
    values = _plain(values)
    values = values if adapt is None else adapt(values)
    _check_values(path, values)
    try:
        return cls.config_class.from_dict(values)
    except Exception as error:  # transformers checks values by errors of any class.
        raise WeightsMismatchError(f"{path} is not a configuration of {cls.__name__}: {_first_line(error)}") from error


def tensor_files(folder: Path) -> tuple[Path, ...]:
    """Return the safetensors files of a folder that transformers saved.

    Raises:
        WeightsNotFoundError: The folder does not exist, or a file is missing.
        WeightsMismatchError: The list of the files is damaged.
    """
    if (_existing(folder) / TENSORS).is_file():
        return (folder / TENSORS,)
    index = folder / INDEX
    if not index.is_file():
        pickled = next((name for name in ("pytorch_model.bin", "pytorch_model.bin.index.json") if (folder / name).is_file()), None)
        also = f"; its {pickled} is a pickle, which is not read: get the safetensors file of the model" if pickled else ""
        raise WeightsNotFoundError(f"{folder} has no {TENSORS}{also}")
    try:
        named_files = read_json(index, _MAX_INDEX_BYTES)["weight_map"].values()
        names = sorted(set(named_files))
    except (InputError, TypeError, KeyError, AttributeError) as error:
        raise WeightsMismatchError(f"{index} is not a list of safetensors files: {_first_line(error)}") from error
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"[\w.-]{1,200}\.safetensors", name):
            raise WeightsMismatchError(f"{index} names {shown(name)}, which is not a safetensors file of this folder")
    absent = [name for name in names if not (folder / name).is_file()]
    if absent or not names:
        raise WeightsNotFoundError(f"{folder} lacks {', '.join(absent[:4]) or 'tensors'}, which {INDEX} names: get the folder again")
    return tuple(folder / name for name in names)


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """Return the tensors in the safetensors files of a folder, on the CPU.

    Raises:
        WeightsNotFoundError: The folder does not exist, or a file is missing.
        WeightsMismatchError: A file is damaged.
    """
    state: dict[str, Tensor] = {}
    for path in tensor_files(folder):
        state.update(read_checkpoint(path))
    return state


def with_tensors(
    cls: Any, path: Path, config: Any, state: Mapping[str, Tensor], dtype: torch.dtype = torch.float32, model: str | None = None
) -> Any:
    """Return a model of transformers with given tensors, in evaluation mode on the CPU, without gradients.

    Args:
        cls: Class of transformers.
        path: Where the tensors are from, for messages.
        config: Configuration, an object of transformers.
        state: Tensors, by the names that transformers writes or has written.
        dtype: Number type of the weights.
        model: Name of the model, for messages; None for the name of the class.

    Raises:
        WeightsMismatchError: Tensors are missing, unexpected or of another shape, or do not fit the configuration.
        OutOfMemoryError: The model does not fit into memory.
    """
    what = cls.__name__ if model is None else f"model {model!r}"
    _check_memory(cls, path, config, state)
    try:
        with _quiet():
            module, report = cls.from_pretrained(
                None,
                config=config,
                state_dict=dict(state),
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # They are in the report, and refused below.
                dtype=dtype,
            )
    except Exception as error:  # Errors of transformers' own checks and of torch.
        if is_out_of_memory(error):
            raise OutOfMemoryError(f"out of memory on cpu: no room for the model in {path}") from error
        raise WeightsMismatchError(f"{path} cannot be loaded as {what}: {_first_line(error)}") from error
    faults = [
        f"{fault} {named(sorted(str(name[0] if isinstance(name, tuple) else name) for name in report[key]))}"
        for fault, key in (("lacks", "missing_keys"), ("also has", "unexpected_keys"), ("has in another shape", "mismatched_keys"))
        if report[key]
    ]
    if faults:
        raise WeightsMismatchError(f"{path} does not fit {what}: by transformers' names, it {'; it '.join(faults)}")
    return module.eval().requires_grad_(False)


def _existing(folder: Path) -> Path:
    if folder.is_dir():
        return folder
    what = "is a file; expected a folder" if folder.exists() else f"does not exist{absent_hint(folder)}: expected a folder"
    raise WeightsNotFoundError(f"{folder} {what} of a model as transformers saves it, with {CONFIG} and {TENSORS}")


def _check_architecture(path: Path, values: Config, cls: Any, architectures: Sequence[str]) -> None:
    """Check which model a configuration is of. Without the names of classes it must have the model type of one whose folders are read."""
    found, kind = values.get("architectures"), values.get("model_type")
    own = cls.config_class.model_type
    if not found:
        types = list(dict.fromkeys([own, *(_type_of(name) for name in architectures)]))
        if kind not in types:
            raise WeightsMismatchError(f"{path} is of model type {shown(kind)}, expected {one_of(map(repr, types))}")
        return
    if not isinstance(found, list) or not any(name in architectures for name in found):
        other = found[0] if isinstance(found, list) else found
        raise WeightsMismatchError(f"{path} is of a {shown(other)}, expected {one_of(architectures)}")
    if cls.__name__ in found and kind != own:
        raise WeightsMismatchError(f"{path} is of a {cls.__name__} and of model type {shown(kind)}, expected {own!r}")


def _type_of(architecture: str) -> str:
    """Return the model type of a class of transformers."""
    import transformers

    return str(getattr(transformers, architecture).config_class.model_type)


def _plain(values: Any) -> Any:
    """Return a configuration without what says how to run the model or what to fetch."""
    if isinstance(values, dict):
        return {key: _plain(value) for key, value in values.items() if key not in _DROPPED}
    return [_plain(value) for value in values] if isinstance(values, list) else values


def _check_values(path: Path, values: Config) -> None:
    """Check the sizes of a configuration, and that it describes its backbone and does not name one to fetch."""
    if values.get("backbone") and not values.get("backbone_config"):
        raise WeightsMismatchError(f"{path} names its backbone {shown(values['backbone'])} and does not describe it as backbone_config")
    repeated: Counter[str] = Counter()
    for key, value in _leaves(values, ""):
        if isinstance(value, int) and not isinstance(value, bool):
            repeated[key] += abs(value) if _REPEATED.search(key) else 0
            if abs(value) > _MAX_SIZE or repeated[key] > _MAX_LAYERS:
                most = _MAX_SIZE if abs(value) > _MAX_SIZE else _MAX_LAYERS
                raise WeightsMismatchError(f"{path} has {key}={shown(value)}, which makes more than {most}: it is damaged")
        elif key in ("backbone", "architecture") and isinstance(value, str) and not re.fullmatch(r"[\w.-]+", value):
            raise WeightsMismatchError(f"{path} has {key}={shown(value)}, which is not a name of an architecture")


def _leaves(values: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(values, dict):
        for name, value in values.items():
            yield from _leaves(value, str(name))
    elif isinstance(values, list):
        for value in values:
            yield from _leaves(value, key)
    else:
        yield key, values


def _check_memory(cls: Any, path: Path, config: Any, state: Mapping[str, Tensor]) -> None:
    """Check that a model is about as large as its tensors, before memory is taken. On the device "meta", tensors have no memory."""
    try:
        with torch.device("meta"):
            empty = cls(config)
        needed = sum(parameter.numel() for parameter in empty.parameters())
        tables = sum(buffer.numel() * buffer.element_size() for buffer in empty.buffers())
    except ImportError as error:
        raise MissingDependencyError(f"the model in {path} needs a package that is not installed: {_first_line(error)}") from error
    except Exception as error:  # Sizes that do not go together make torch and transformers raise errors of any class.
        raise WeightsMismatchError(f"{path} has a configuration that {cls.__name__} cannot be built from: {_first_line(error)}") from error
    there = sum(tensor.numel() for tensor in state.values())
    if needed > 2 * there + _SPARE or tables > _MAX_BUFFERS:
        raise WeightsMismatchError(
            f"{path} does not fit {cls.__name__}: its configuration is of a model with {needed} numbers and {tables} bytes of tables, "
            f"its tensors have {there} numbers"
        )


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).partition("\n")[0][:300]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide what transformers prints while it loads: a progress bar, and a table of tensors that do not fit, which the error names.

    transformers only has switches for all of its bars and for all of its log.
    """
    from transformers.utils import logging

    with _switches:
        shown_before, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
        if shown_before:
            logging.disable_progress_bar()
        logging.set_verbosity_error()
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)
            if shown_before:
                logging.enable_progress_bar()
