"""Export of a torch module to an ONNX file, with torch's TorchScript exporter.

The published files were made with the same exporter. It keeps the names of parameters, which `promptseg.models.sam.onnx.weights` needs, and
it needs no package besides torch. The newer exporter, which torch recommends since version 2.9, does neither.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from ..errors import BackendError
from ..runtime.files import temporary_folder
from ..weights.store import file_sha256

OPSET = 17
"""ONNX operator set of segment-anything's published files. ONNX Runtime reads it since version 1.12."""

_one_at_a_time = threading.Lock()  # The exporter keeps process-wide state.


@dataclass(frozen=True)
class TracedGraph:
    """A torch module to export, with the inputs and outputs of its graph.

    Attributes:
        module: The module. It is called with the inputs in their order.
        inputs: An example of each input, by name.
        outputs: Names of the outputs.
        dynamic: Names of the dimensions that may have any length, by input or output name and dimension index.
        optional: Names of inputs that may be left out. Then they are zeros.
    """

    module: Any
    inputs: Mapping[str, Tensor]
    outputs: Sequence[str]
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    optional: Sequence[str] = ()


def write_graph(graph: TracedGraph, path: Path, data: str = ".data") -> None:
    """Write a graph to `path`.

    If graph and weights together are over 2 GB, the limit of ONNX, the weights go to a second file, whose name has `data` at the end.

    Raises:
        BackendError: torch cannot export the module.
        OSError: The file cannot be written.
    """
    with temporary_folder(path.parent, path.name) as folder:
        _trace(graph, folder / path.name)
        if len(list(folder.iterdir())) > 1:  # Over 2 GB, torch writes one file per tensor.
            join_weights(folder / path.name, path, data)
        elif graph.optional:
            path.write_bytes(_with_optional(onnx.load(str(folder / path.name)), graph).SerializeToString())
        else:
            (folder / path.name).replace(path)


def join_weights(scattered: Path, path: Path, data: str = ".data") -> None:
    """Write a graph that has one file per tensor to `path`, with all tensors in one file, `path` with `data` at the end.

    The graph contains the hash of that file. So the graph's own hash covers the weights, too.
    """
    model = onnx.load(str(scattered))
    weights = path.with_name(f"{path.name}{data}")
    onnx.save_model(model, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location=weights.name)
    model = onnx.load(str(path), load_external_data=False)
    onnx.helper.set_model_props(model, {"sha256 of the weights": file_sha256(weights)})
    path.write_bytes(model.SerializeToString())


def _with_optional(model: Any, graph: TracedGraph) -> Any:
    """Give inputs that may be left out their value of zero: an initializer of the same name."""
    for name in graph.optional:
        zeros = numpy_helper.from_array(torch.zeros_like(graph.inputs[name]).numpy(), name)
        model.graph.initializer.append(zeros)
    return model


def _trace(graph: TracedGraph, path: Path) -> None:
    try:
        with _one_at_a_time, warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # About the old exporter and Python values in the trace. The check finds real problems.
            torch.onnx.export(
                graph.module.eval(),  # A new module is in training mode, and the exporter would set the whole model back to that mode.
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
    except Exception as error:  # The exporter's errors have no common base.
        raise BackendError(f"torch {torch.__version__} could not export {path.name}: {error}") from error
