"""From a torch module to an ONNX file, by torch's exporter.

It is the exporter by which the published files were made, TorchScript's: it leaves parameters under their names, by which
`promptseg.models.sam.onnx.weights` finds them, and needs no package beside torch. torch advises another one since version 2.9, which does
neither.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor

from ..errors import BackendError
from ..weights.store import file_sha256

OPSET = 17
"""That of segment-anything's published files, which ONNX Runtime reads since version 1.12."""


_one_at_a_time = threading.Lock()  # The exporter keeps its state in the process.


@dataclass(frozen=True)
class TracedGraph:
    """A module and what its graph is to look like.

    Attributes:
        module: Called with the inputs in their order.
        inputs: An example of each input, by name.
        outputs: Names of the outputs.
        dynamic: Names of the dimensions that may have any length, by input or output and the dimension's index.
    """

    module: Any
    inputs: Mapping[str, Tensor]
    outputs: Sequence[str]
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


def write_graph(graph: TracedGraph, path: Path) -> None:
    """Writes a graph to `path`, and its weights to a file of that name with ``.data`` where both are over 2 GB, the most that ONNX holds.

    Raises:
        BackendError: torch cannot export the module.
        OSError: The file cannot be written.
    """
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    try:
        _trace(graph, folder / path.name)
        if len(list(folder.iterdir())) > 1:  # Over 2 GB, torch writes a file for each tensor.
            join_weights(folder / path.name, path)
        else:
            (folder / path.name).replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def join_weights(scattered: Path, path: Path) -> None:
    """Writes a graph whose tensors lie in files of their own with all of them in one, `path` with ``.data``.

    The graph holds the hash of that file, so that the graph's own hash is one of all of it.
    """
    model = onnx.load(str(scattered))
    data = path.with_name(f"{path.name}.data")
    onnx.save_model(model, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location=data.name)
    model = onnx.load(str(path), load_external_data=False)
    onnx.helper.set_model_props(model, {"sha256 of the weights": file_sha256(data)})
    path.write_bytes(model.SerializeToString())


def _trace(graph: TracedGraph, path: Path) -> None:
    try:
        with _one_at_a_time, warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # Of the exporter's age, and of Python values in the trace: the check finds what matters.
            torch.onnx.export(
                graph.module.eval(),  # A new module is in training mode, which the exporter would give back to all of the model.
                tuple(graph.inputs.values()),
                str(path),
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_axes={name: dict(axes) for name, axes in graph.dynamic.items()},
                opset_version=OPSET,
                dynamo=False,
            )
    except OSError:
        raise
    except Exception as error:  # The exporter's errors have no base in common.
        raise BackendError(f"torch {torch.__version__} could not export {path.name}: {error}") from error
