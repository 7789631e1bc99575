"""Wrapper of ONNX Runtime: sessions with shared settings, named inputs and outputs, and promptseg's errors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ..errors import BackendError, ConfigError, PromptSegError, WeightsMismatchError, shown
from .devices import check_index, gpu_count, index_of, kind_of
from .forking import PerProcess, after_fork
from .onnx_files import check_onnx

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
"""ONNX Runtime's name for each kind of device."""


@dataclass(frozen=True)
class Value:
    """Shape and type of an input or output of a graph.

    Attributes:
        shape: Length of each dimension; None for any length.
        kind: Type as ONNX Runtime writes it, such as ``"tensor(float)"``.
    """

    shape: tuple[int | None, ...]
    kind: str

    def __str__(self) -> str:
        """Return a text such as ``tensor(float) 1 x 3 x ? x ?``."""
        return f"{self.kind} {' x '.join('?' if length is None else str(length) for length in self.shape)}"


class Runtime:
    """Factory of sessions with shared settings.

    Args:
        device: ``"cpu"``, ``"cuda"``, or ``"cuda:1"`` for the second GPU.
        threads: Number of threads that compute within an operation.
    """

    def __init__(self, device: str, threads: int) -> None:
        self.device = device
        self.threads = threads

    @property
    def workers(self) -> int:
        """Number of threads that should use `one_thread` sessions at the same time for large work."""
        return self.threads if self.device == "cpu" else 1

    def one_thread(self) -> Runtime:
        """Return a factory of sessions that compute on the calling thread alone, so that several can run at once."""
        return Runtime(self.device, threads=1)

    def session(self, model: Path | bytes, *, memory_pattern: bool = False) -> Session:
        """Return a session for a graph, given as a file or serialized.

        Args:
            model: The graph.
            memory_pattern: See `session_options`.

        Raises:
            WeightsMismatchError: ONNX Runtime cannot load the graph, or a file is not what it says about itself.
        """
        dtype = check_onnx(model) if isinstance(model, Path) else None
        options = session_options(self.threads, memory_pattern=memory_pattern)
        return Session(inference_session(model, options, self.device), self.device, dtype)


class Session:
    """A loaded graph.

    Inputs are arrays or results of other graphs. Results stay in ONNX Runtime's memory, on the device, until their method `numpy` is
    called, so that graphs can be chained without copies.

    Args:
        inference: ONNX Runtime's session, from `inference_session`.
        device: Device of the session, as in `Runtime`.
        dtype: Number type of the graph's weights, such as ``"float32"`` or ``"int8"``; None if unknown.

    Attributes:
        dtype: The same.
        inputs: Inputs of the graph, by name, that have no value of their own.
        outputs: Outputs of the graph, by name, in order.
    """

    def __init__(self, inference: PerProcess[Any], device: str = "cpu", dtype: str | None = None) -> None:
        self._inference = inference
        self._device = device
        self.dtype = dtype
        self.inputs = {value.name: _value(value) for value in inference.get().get_inputs()}
        self.outputs = {value.name: _value(value) for value in inference.get().get_outputs()}

    def __call__(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Run the graph and return its outputs in order.

        Args:
            inputs: Inputs by name.

        Raises:
            BackendError: ONNX Runtime failed.
        """
        run = _run if self._device == "cpu" else _run_bound
        try:
            return run(self._inference.get(), inputs, list(self.outputs), self._device)
        except PromptSegError:
            raise
        except Exception as error:  # ONNX Runtime's exception classes share no base but Exception.
            raise BackendError(f"ONNX Runtime failed: {error}") from error


def _run(inference: Any, inputs: Mapping[str, Any], outputs: list[str], _device: str) -> list[Any]:
    """Run a graph on the CPU, without a copy of inputs or outputs."""
    values = {
        name: onnxruntime.OrtValue.ortvalue_from_numpy(value) if isinstance(value, np.ndarray) else value for name, value in inputs.items()
    }
    results: list[Any] = inference.run_with_ort_values(outputs, values)
    return results


def _run_bound(inference: Any, inputs: Mapping[str, Any], outputs: list[str], device: str) -> list[Any]:
    """Run a graph on a device whose results stay there.

    An array is copied to where the graph reads it: to the device, or for a shape to nowhere. A result of another graph is on the device.
    """
    binding = inference.io_binding()
    for name, value in inputs.items():
        if isinstance(value, np.ndarray):
            binding.bind_cpu_input(name, np.ascontiguousarray(value))
        else:
            binding.bind_ortvalue_input(name, value)
    for name in outputs:
        binding.bind_output(name, kind_of(device), index_of(device) or 0)
    binding.synchronize_inputs()
    inference.run_with_iobinding(binding)
    results: list[Any] = binding.get_outputs()
    return results


def session_options(threads: int, *, memory_pattern: bool = False) -> Any:
    """Return the settings of a session, an `onnxruntime.SessionOptions`.

    Args:
        threads: Number of threads that compute within an operation.
        memory_pattern: Whether a run on shapes that were seen before takes its memory as one block, planned from the first run. Small
            graphs are up to a tenth faster so. What the first run took stays beside the block: a large graph would need twice its memory.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_mem_pattern = memory_pattern
    options.log_severity_level = 3
    # Between two graphs NumPy computes. ONNX Runtime's waiting threads would slow it down, and other programs, if they spun.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def inference_session(model: Path | bytes, options: Any, device: str) -> PerProcess[Any]:
    """Return ONNX Runtime's session for a graph. A process that is forked loads the graph again when it first runs it.

    Args:
        model: The graph, as a file or serialized.
        options: Settings, from `session_options`.
        device: ``"cpu"``, ``"cuda"``, or ``"cuda:1"`` for the second GPU. After a fork there is no session on a GPU, but a `BackendError`.

    Raises:
        WeightsMismatchError: ONNX Runtime cannot load the graph.
    """
    process = os.getpid()

    def load() -> Any:
        if device != "cpu" and os.getpid() != process:
            raise after_fork(device)
        provider, index = PROVIDERS[kind_of(device)], index_of(device)
        providers = [provider if index is None else (provider, {"device_id": str(index)})]
        try:
            return onnxruntime.InferenceSession(str(model) if isinstance(model, Path) else model, options, providers=providers)
        except Exception as error:  # ONNX Runtime's exception classes share no base but Exception.
            name = model if isinstance(model, Path) else "the prepared graph"
            raise WeightsMismatchError(f"ONNX Runtime cannot load {name}: {error}") from error

    return PerProcess(load)


def device_of(option: str) -> str:
    """Return the device for an option ``device`` of `promptseg.load`: ``"cpu"`` for ``"auto"``, else the option.

    Raises:
        ConfigError: This build of ONNX Runtime does not support the device, or there are not so many GPUs.
    """
    chosen = "cpu" if option == "auto" else option
    available = onnxruntime.get_available_providers()
    if PROVIDERS.get(kind_of(chosen)) not in available:
        usable = [name for name, provider in PROVIDERS.items() if provider in available]
        raise ConfigError(f"device {shown(option)} is not available in this build of ONNX Runtime: use {' or '.join(['auto', *usable])}")
    if index_of(chosen) is not None:  # ONNX Runtime would compute on the CPU in place of a GPU that is not there.
        check_index(chosen, gpu_count())
    return chosen


def _value(value: Any) -> Value:
    return Value(tuple(length if isinstance(length, int) else None for length in value.shape), value.type)
