"""The state of a training that is not finished, so that one that was ended goes on where it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import ConfigError
from ..runtime.files import output_errors, write_atomically

NAME = "training-state.pt"
"""Name of the file."""


@dataclass(frozen=True)
class StateFile:
    """The file in which a run keeps its state.

    Attributes:
        folder: The run's folder.
        run: What the run is: plain values by name. A state is only ever read by the same run.
    """

    folder: Path
    run: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder / NAME

    def write(self, values: Mapping[str, Any]) -> None:
        """Writes a state of tensors and plain values, whole or not at all.

        Raises:
            OutputError: It cannot be written; the state that was there before is untouched.
        """
        with output_errors(self.path):
            self.folder.mkdir(parents=True, exist_ok=True)
            with write_atomically(self.path) as file:
                try:
                    torch.save({"run": dict(self.run), **values}, file)
                except RuntimeError as error:  # torch's writer has words of its own for a disk that is full.
                    raise OSError(str(error).partition("\n")[0]) from error

    def read(self) -> dict[str, Any] | None:
        """The state, or None where there is none.

        Raises:
            ConfigError: It is that of another run, or damaged.
        """
        try:
            values = torch.load(self.path, map_location="cpu", weights_only=True)
            theirs = dict(values.pop("run"))
        except FileNotFoundError:
            return None
        except Exception as error:  # torch raises many kinds, by where the file stops making sense.
            raise ConfigError(f"{self.path} cannot be read: give another folder, or overwrite=True (--overwrite)") from error
        differing = [name for name in {**theirs, **self.run} if theirs.get(name) != self.run.get(name)]
        if differing:
            there, here = ({name: run.get(name) for name in differing} for run in (theirs, self.run))
            raise ConfigError(
                f"{self.folder} holds another training that is not finished: there {_said(there)}, here {_said(here)}. Call it as then "
                "to go on with it, or give another folder, or overwrite=True (--overwrite) to begin anew"
            )
        found: dict[str, Any] = values
        return found

    def remove(self) -> None:
        """Removes the file, when its run is finished or is to begin anew."""
        self.path.unlink(missing_ok=True)


def _said(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} is {value}" for name, value in values.items())
