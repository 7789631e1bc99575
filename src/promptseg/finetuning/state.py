"""The saved state of an unfinished training, from which an interrupted one continues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import ConfigError, WeightsMismatchError
from ..runtime.files import output_errors, write_atomically
from ..runtime.torch_files import only_tensors, read_torch_file

NAME = "training-state.pt"
"""Name of the state file."""


@dataclass(frozen=True)
class StateFile:
    """The state file of a run.

    Attributes:
        folder: Output folder of the run.
        run: Plain values by name that identify the run. A state is only read by the same run.
    """

    folder: Path
    run: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """Path of the state file."""
        return self.folder / NAME

    def write(self, values: Mapping[str, Any]) -> None:
        """Write a state of tensors and plain values, completely or not at all.

        Raises:
            OutputError: The state cannot be written; an earlier state is untouched.
        """
        with output_errors(self.path):
            self.folder.mkdir(parents=True, exist_ok=True)
            with write_atomically(self.path) as file:
                try:
                    torch.save({"run": dict(self.run), **values}, file)
                except RuntimeError as error:  # torch raises this for a full disk.
                    raise OSError(str(error).partition("\n")[0]) from error

    def read(self) -> dict[str, Any] | None:
        """Return the state, or None if there is none.

        Raises:
            ConfigError: The state belongs to another run, or the file is damaged.
        """
        try:
            values = read_torch_file(self.path, only_tensors)
            theirs = dict(values.pop("run"))
        except (WeightsMismatchError, KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise ConfigError(f"{self.path} cannot be read: give another folder, or overwrite=True (--overwrite)") from error
        differing = [name for name in {**theirs, **self.run} if theirs.get(name) != self.run.get(name)]
        if differing:
            there, here = ({name: run.get(name) for name in differing} for run in (theirs, self.run))
            raise ConfigError(
                f"{self.folder} holds another training that is not finished: there {_listed(there)}, here {_listed(here)}. Use the same "
                "settings to continue it, or give another folder, or overwrite=True (--overwrite) to start again"
            )
        found: dict[str, Any] = values
        return found

    def remove(self) -> None:
        """Remove the state file, because the run is finished or starts again."""
        self.path.unlink(missing_ok=True)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} is {value}" for name, value in values.items())
