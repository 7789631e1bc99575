"""ONNX Runtime, wrapped: sessions that share their settings, name what they take, and raise promptseg's errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ..errors import BackendError, ConfigError, WeightsMismatchError

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
"""ONNX Runtime's name for each device."""


@dataclass(frozen=True)
class Value:
    """What a graph takes or gives under a name.

    Attributes:
        shape: Lengths of its dimensions; None for any length.
        kind: Its type as ONNX Runtime writes it, such as ``"tensor(float)"``.
    """

    shape: tuple[int | None, ...]
    kind: str

    def __str__(self) -> str:
        """Such as ``tensor(float) 1 x 3 x ? x ?``."""
        return f"{self.kind} {' x '.join('?' if length is None else str(length) for length in self.shape)}"


class Runtime:
    """Makes sessions that share their settings.

    Args:
        device: ``"cpu"`` or ``"cuda"``.
        threads: How many threads compute within an operation.
    """

    def __init__(self, device: str, threads: int) -> None:
        self.device = device
        self.threads = threads
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.log_severity_level = 3
        # Threads that wait for work by spinning would keep numpy's from theirs: between two graphs it is numpy's turn.
        self._options.add_session_config_entry("session.intra_op.allow_spinning", "0")

    @property
    def workers(self) -> int:
        """How many threads should use `one_thread` sessions at the same time when there is much to do."""
        return self.threads if self.device == "cpu" else 1

    def one_thread(self) -> Runtime:
        """The same for sessions that compute on the calling thread alone, several of which run at once."""
        return Runtime(self.device, threads=1)

    def session(self, model: Path | bytes) -> Session:
        """A session for a graph, from a file or serialized.

        Raises:
            WeightsMismatchError: ONNX Runtime cannot load it.
        """
        source: Any = str(model) if isinstance(model, Path) else model
        try:
            inference = onnxruntime.InferenceSession(source, self._options, providers=[PROVIDERS[self.device]])
        except Exception as error:  # ONNX Runtime's exception classes share no base but Exception.
            name = model if isinstance(model, Path) else "the prepared graph"
            raise WeightsMismatchError(f"ONNX Runtime cannot load {name}: {error}") from error
        return Session(inference)


class Session:
    """One graph. Arrays go in; results stay in the runtime's memory until `numpy` is asked of them, so that graphs chain uncopied.

    Attributes:
        inputs: What it takes, by name.
        outputs: What it gives, by name, in order.
    """

    def __init__(self, inference: Any) -> None:
        self._inference = inference
        self.inputs = {value.name: _value(value) for value in inference.get_inputs()}
        self.outputs = {value.name: _value(value) for value in inference.get_outputs()}

    def __call__(self, inputs: Mapping[str, Any]) -> list[Any]:
        """The outputs, in order.

        Raises:
            BackendError: ONNX Runtime failed.
        """
        values = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(value) if isinstance(value, np.ndarray) else value
            for name, value in inputs.items()
        }
        try:
            results: list[Any] = self._inference.run_with_ort_values(list(self.outputs), values)
        except Exception as error:  # As above.
            raise BackendError(f"ONNX Runtime failed: {error}") from error
        return results


def device_of(option: str) -> str:
    """The device that `promptseg.load` was asked for, ``"cpu"`` for ``"auto"``.

    Raises:
        ConfigError: This build of ONNX Runtime does not have it.
    """
    chosen = "cpu" if option == "auto" else option
    available = onnxruntime.get_available_providers()
    if PROVIDERS.get(chosen) not in available:
        usable = [name for name, provider in PROVIDERS.items() if provider in available]
        raise ConfigError(f"device {option!r} is not to be had with this build of ONNX Runtime; usable here: auto, {', '.join(usable)}")
    return chosen


def _value(value: Any) -> Value:
    return Value(tuple(length if isinstance(length, int) else None for length in value.shape), value.type)
