"""Checkpoints of torch models, read without running anything in them.

A checkpoint is a pickle, and a pickle is a program. Only tensors and plain containers are let through (torch's ``weights_only``), whatever
file the user was given.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import MissingDependencyError, WeightsMismatchError

State = Mapping[str, Tensor]

_NAMED = 4
"""How many tensors a message names."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint on the CPU, by name. Nothing in the file is executed.

    Raises:
        WeightsMismatchError: It is damaged, holds something other than tensors, or is no checkpoint at all.
        MissingDependencyError: It is a safetensors file, and that package is not installed.
    """
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of TorchScript archives and old formats; what matters is raised.
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises UnpicklingError, RuntimeError, EOFError and others, by where the file stops making sense.
        first_line = (str(error) or type(error).__name__).partition("\n")[0]
        raise WeightsMismatchError(
            f"{path} is not a checkpoint that can be loaded safely: it is damaged, or holds more than tensors ({first_line})"
        ) from error
    for wrapper in ("model", "state_dict"):  # As training scripts save them.
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()):
        raise WeightsMismatchError(f"{path} is not a checkpoint: it should hold tensors by name, it holds {_described(content)}")
    return dict(content)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingDependencyError(f"{path} can be read where safetensors is installed: pip install safetensors") from error
    try:
        return load_file(path)
    except Exception as error:  # SafetensorError, which derives from nothing but Exception, or an OSError.
        raise WeightsMismatchError(f"{path} is not a safetensors file, or is damaged: {error}") from error


def check_state(path: Path, state: State, expected: State, model: str) -> None:
    """Checks that the tensors of a file are exactly those of a model, by name and shape.

    Args:
        path: The file, for the message.
        state: Its tensors.
        expected: The model's.
        model: The model's name, for the message.

    Raises:
        WeightsMismatchError: They are not; the message says which are missing, too many or of another shape.
    """
    faults = []
    missing = [name for name in expected if name not in state]
    unexpected = [name for name in state if name not in expected]
    misshapen = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in state and state[name].shape != tensor.shape
    ]
    for fault, names in (("lacks", missing), ("also has", unexpected), ("has", misshapen)):
        if names:
            faults.append(f"{fault} {named(names)}")
    if faults:
        raise WeightsMismatchError(f"{path} does not fit model {model!r}: it {'; it '.join(faults)}")


def named(names: list[str]) -> str:
    """Return the first few names of a list of tensors, for a message."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (", ".join(names[:_NAMED]) or "no tensors") + more


def _described(content: Any) -> str:
    if isinstance(content, Mapping):
        others = [f"{name!r} ({type(value).__name__})" for name, value in content.items() if not isinstance(value, Tensor)]
        return f"a dictionary with {named(others)}"
    return f"a {type(content).__name__}"
