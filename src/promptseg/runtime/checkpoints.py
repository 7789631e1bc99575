"""Safe reading of torch checkpoints: nothing in the file is executed.

A checkpoint is a pickle, and a pickle can run code. Only tensors and plain containers are accepted (`promptseg.runtime.torch_files`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import MissingDependencyError, WeightsMismatchError
from .torch_files import only_tensors, read_torch_file

State = Mapping[str, Tensor]

_MAX_HEADER = 16 << 20
"""Maximum number of bytes of a safetensors header. A tensor takes about 100."""

_NAMED = 4
"""Maximum number of tensors that a message names."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name, on the CPU. Nothing in the file is executed.

    Raises:
        WeightsMismatchError: The file is damaged, has something other than tensors, or is not a checkpoint.
        MissingDependencyError: The file is in safetensors format, and that package is not installed.
    """
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        content = read_torch_file(path, only_tensors)
    except WeightsMismatchError as error:
        first_line = (str(error.__cause__) or type(error.__cause__).__name__).partition("\n")[0]
        raise WeightsMismatchError(
            f"{path} is not a checkpoint that can be loaded safely: it is damaged, or holds more than tensors ({first_line})"
        ) from error.__cause__
    for wrapper in ("model", "state_dict"):  # Training scripts wrap the tensors so.
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()):
        raise WeightsMismatchError(f"{path} is not a checkpoint: it should hold tensors by name, it holds {_described(content)}")
    return dict(content)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingDependencyError(f"reading {path} needs safetensors, which is not installed: pip install safetensors") from error
    try:
        with path.open("rb") as file:
            header = int.from_bytes(file.read(8), "little")
        if header > min(_MAX_HEADER, path.stat().st_size):
            raise ValueError(f"it declares a header of {header} bytes")  # noqa: TRY301 - As for every other damage.
        return load_file(path)
    except Exception as error:  # SafetensorError, which derives directly from Exception, or OSError.
        raise WeightsMismatchError(f"{path} is not a safetensors file, or is damaged: {error}") from error


def check_state(path: Path, state: State, expected: State, model: str) -> None:
    """Check that the tensors of a file are exactly those of a model, by name and shape.

    Args:
        path: The file, for the message.
        state: Tensors of the file.
        expected: Tensors of the model.
        model: Name of the model, for the message.

    Raises:
        WeightsMismatchError: The tensors differ. The message names those that are missing, unexpected or of another shape.
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
